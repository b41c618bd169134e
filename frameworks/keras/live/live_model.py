"""A live Keras model with its loss, optimizer and schedule, as comparisons see it."""

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import numpy as np

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.keras.facts import loss_facts, optimizer_facts, schedule_facts, set_fact
from frameworks.keras.live.batches import Batches, adapt_inputs
from frameworks.keras.live.compiling import compiled_copy, lent
from frameworks.keras.live.layers import Leaf, find_leaves
from frameworks.keras.live.randomness import HandedDropout
from frameworks.keras.live.recording import Call, recorded
from frameworks.keras.live.stepping import stepper_of_backend
from frameworks.keras.live.tracing import trace_calls
from frameworks.keras.live.weights import WeightTable
from frameworks.keras.loading import keras
from frameworks.live.model import LiveModel, Rows, Training
from frameworks.recordings.trace import Arrays, LayerTrace, Weight

__all__ = ["KerasLive"]


class KerasLive(LiveModel):
    """A copy of a `keras.Model` of any kind, on the backend of this process."""

    framework = "keras"

    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        self.dtype, self._training, self._epoch = dtype, training, 0
        self._masks: Sequence[np.ndarray] | None = None
        with lent(dtype):
            self.model, self.notes = compiled_copy(training, dtype)
            self._batches = Batches(self.model, dtype)
            calls, outputs = self._discover(rows)
            self._require_trainable(rows, outputs)
            self._set_rate()
        self._finds_logits = keras.config.backend() == "tensorflow" and hasattr(
            outputs, "_keras_logits"
        )
        self._find_weights(calls)
        self._read_facts()
        self.takes_labels = _takes_labels(self.model.loss)
        self.versions = _versions()

    def _discover(self, rows: Rows) -> tuple[list[Call], Any]:
        """Run the rows in evaluation mode; RequestError if the model does not take them."""
        shapes = " and ".join(str(x.shape[1:]) for x in rows.X)
        try:
            if not all(layer.built for layer in self.model._flatten_layers()):
                self._batches.forward(rows, training=False)
            self._leaves = find_leaves(self.model)
            self._dropout = HandedDropout(self._leaves)
            self.notes += self._dropout.notes
            self._stepper = stepper_of_backend()(self.model, self._dropout, self._training.step)
            with self._stepper.untracked(), recorded(self._leaves) as calls:
                return calls, self._batches.forward(rows, training=False)
        except RequestError:
            raise
        except Exception as error:  # of whatever kind a user's layer raises
            raise RequestError(
                f"the Keras model fails on rows of shape {shapes}: {_reason(error)}"
            ) from error

    def _require_trainable(self, rows: Rows, outputs: Any) -> None:
        """Compute the loss once, if there are targets, and build the optimizer."""
        X, y, w = self._batches.data(rows)
        own_step = self._training.step is not None
        custom = type(self.model).train_step is not keras.Model.train_step
        if rows.y and not (own_step or custom):
            try:
                self.model._compute_loss(x=X, y=y, y_pred=outputs, sample_weight=w, training=True)
            except Exception as error:  # of whatever kind a user's loss raises
                shapes = ", ".join(str(target.shape) for target in rows.y)
                raise RequestError(
                    f"the Keras model's loss does not take targets of shape {shapes}: "
                    f"{_reason(error)}"
                ) from error
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        if not optimizer.built:
            optimizer.build(variables)
        known = {*map(id, optimizer._trainable_variables)}
        if not known >= {*map(id, variables)}:
            raise RequestError(
                "the optimizer was built for other weights than the Keras model trains: give "
                "Training a new optimizer"
            )

    def _find_weights(self, calls: Sequence[Call]) -> None:
        """Order the weights as the layers run; those of layers that do not are left out."""
        running = dict.fromkeys(id(call.leaf) for call in calls)
        leaves = {id(leaf): leaf for leaf in self._leaves}
        self._weights = WeightTable(leaves[key] for key in running)
        self.notes += [
            f"no call uses the weights of {leaf.path}"
            for leaf in self._leaves
            if id(leaf) not in running and leaf.layout.own
        ]

    def _read_facts(self) -> None:
        model = self.model
        loss = model.loss if model.loss is not None else "added losses"
        self.loss_facts = loss_facts(loss, self._finds_logits)
        self.optimizer_facts = optimizer_facts(model.optimizer)
        own = self._training.scheduler
        by_epoch = own is not None and self._training.step_on == "epoch"
        self.schedule_facts = schedule_facts(own if by_epoch else model.optimizer)

    @classmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        return adapt_inputs(training.model, X)

    def weights(self) -> list[Weight]:
        arrays = self._weights.canonical(self._values(self._weights.own))
        triples = zip(self._weights.names, arrays, self._weights.trainable, strict=True)
        return [Weight(*each) for each in triples]

    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        self._assign(self._weights.own, self._weights.values(arrays))

    def states(self) -> list[Weight]:
        values = self._values(self._weights.states)
        pairs = zip(self._weights.state_names, values, strict=True)
        return [Weight(name, value, trainable=False) for name, value in pairs]

    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        self._assign(self._weights.states, arrays)

    def _values(self, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
        return [self._stepper.to_numpy(variable.value) for variable in variables]

    def _assign(self, variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
        with lent(self.dtype):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def dropped(self, rows: Rows) -> list[Dropped]:
        with lent(self.dtype), self._stepper.untracked(), self._dropout.noting() as found:
            self._batches.forward(rows, training=False)
        return found

    def hand_masks(self, masks: Sequence[np.ndarray] | None) -> None:
        self._masks = masks

    def _mask_tensors(self) -> list[Any] | None:
        return None if self._masks is None else [*map(self._batches.tensor, self._masks)]

    def trace_layers(self, rows: Rows) -> tuple[list[LayerTrace], Arrays]:
        evaluated, outputs = self._record(rows, training=False)
        with self._restored():
            trained, _ = self._record(rows, training=True)
        layers = trace_calls(evaluated, trained, self._weights, self._batches)
        return layers, self._batches.outputs(outputs)

    def _record(self, rows: Rows, training: bool) -> tuple[list[Call], Any]:
        masks = self._mask_tensors() if training else None
        with lent(self.dtype), self._stepper.untracked(), self._dropout.handed(masks):
            with recorded(self._leaves) as calls:
                return calls, self._batches.forward(rows, training)

    @contextmanager
    def _restored(self) -> Iterator[None]:
        """Set all variables, afterwards, to what they are now."""
        variables = [*self.model.variables, *self.model.optimizer.variables]
        values = self._values(variables)
        try:
            yield
        finally:
            self._assign(variables, values)

    def outputs(self, rows: Rows) -> Arrays:
        with lent(self.dtype), self._stepper.untracked():
            return self._batches.outputs(self._batches.forward(rows, training=False))

    def loss_and_gradients(self, rows: Rows) -> tuple[float, list[np.ndarray]]:
        with self._restored():
            loss = self.step(rows)
        return loss, self._weights.by_variable(self._stepper.gradients())

    def step(self, rows: Rows) -> float:
        with lent(self.dtype):
            return self._stepper.step(self._batches.data(rows), self._mask_tensors())

    def end_epoch(self) -> None:
        self._epoch += 1
        with lent(self.dtype):
            self._set_rate()

    def _set_rate(self) -> None:
        """Set the learning rate of a schedule by epochs; Keras' own count steps by themselves."""
        scheduler, optimizer = self._training.scheduler, self.model.optimizer
        if scheduler is not None and self._training.step_on == "epoch":
            rate = getattr(scheduler, "schedule", scheduler)
            own = inspect.signature(rate).parameters
            now = float(optimizer.learning_rate)
            arguments = (self._epoch, now) if len(own) > 1 else (self._epoch,)
            optimizer.learning_rate = float(rate(*arguments))

    def change(self, place: str, name: str, value: Any) -> bool:
        optimizer = self.model.optimizer
        things = {leaf.path: leaf.layer for leaf in self._leaves}
        things |= {"loss": self.model.loss, "optimizer": optimizer}
        things["schedule"] = optimizer._learning_rate
        with lent(self.dtype):
            changed = place in things and set_fact(things[place], name, value)
            if changed:
                self._stepper.reset()
        self._read_facts()
        return changed


def _reason(error: Exception) -> str:
    """Return the first line that says what is wrong; Keras writes in bold, and a heading first."""
    lines = [
        line.removeprefix("\x1b[1m").removesuffix("\x1b[0m") for line in str(error).split("\n")
    ]
    said = [line for line in lines if line and not line.startswith("Exception encountered")]
    return said[0] if said else type(error).__name__


def _takes_labels(loss: Any) -> bool | None:
    """Return whether a loss takes classes as labels or one-hot; None if it takes numbers."""
    name = getattr(getattr(loss, "fn", None), "__name__", "")
    if "categorical" not in name or "entropy" not in name:
        return None
    return name.startswith("sparse")


def _versions() -> dict[str, str]:
    backend = keras.config.backend()
    device = keras.ops.convert_to_tensor(0.0)
    return {
        "keras": keras.__version__,
        backend: version(backend),
        "numpy": np.__version__,
        "device": str(getattr(device, "device", "")),
    }
