"""A live Keras model with its loss, optimizer and schedule, as comparisons see it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from frameworks.draws import Dropped
from frameworks.errors import RequestError
from frameworks.keras.facts import optimizer_facts, schedule_facts, set_fact, set_of_activation
from frameworks.keras.live.batches import Batches, adapt_inputs, reason
from frameworks.keras.live.compiling import compiled_copy, lent, set_rate, versions
from frameworks.keras.live.kept import kept_restored
from frameworks.keras.live.kept_arrays import clones_following, find_kept
from frameworks.keras.live.layers import attributes_restored, carried_states, find_leaves
from frameworks.keras.live.losses import facts_of, takes_labels
from frameworks.keras.live.randomness import HandedDropout
from frameworks.keras.live.recording import Call, recorded
from frameworks.keras.live.seeding import Seeding
from frameworks.keras.live.stepping import stepper_of_backend, unwarned
from frameworks.keras.live.tracing import trace_calls
from frameworks.keras.live.untouched import Untouched
from frameworks.keras.live.weights import WeightTable, transposed_kernels
from frameworks.keras.loading import keras
from frameworks.live.model import LiveModel, Rows, Training
from frameworks.recordings.trace import Arrays, Facts, Kept, LayerTrace, Weight

__all__ = ["KerasLive"]


class KerasLive(LiveModel):
    """A copy of a `keras.Model` of any kind, on the backend of this process."""

    framework = "keras"

    def __init__(self, training: Training, rows: Rows, dtype: str) -> None:
        self.dtype, self._training, self._epoch = dtype, training, 0
        self._masks: Sequence[np.ndarray] | None = None
        self._takes_targets = False  # not known yet
        self._begun = False
        with lent(dtype):
            copied = compiled_copy(training, dtype)
            self.model, self._own_step, self._by_epoch, self.notes = copied
            self._batches = Batches(self.model, dtype)
            calls, self._batches.returned = self._discover(rows)
            self._build_optimizer()
            self._set_rate()
        self._find_weights(calls)
        with lent(dtype):  # rates are read as training computes them
            self._read_facts()
        self.takes_labels = takes_labels(self.model.loss)
        self.versions = versions()

    def _discover(self, rows: Rows) -> tuple[list[Call], Any]:
        """Run the rows in evaluation mode; RequestError if the model does not take them."""
        shapes = " and ".join(str(x.shape[1:]) for x in rows.X)
        try:
            if not all(layer.built for layer in self.model._flatten_layers()):
                with unwarned():
                    self._batches.forward(rows, training=False)  # which builds them
            self._leaves = find_leaves(self.model)
            self._dropout = HandedDropout(self.model, self._leaves)
            self.notes += self._dropout.notes
            self._stepper = stepper_of_backend()(self.model, self._dropout, self._own_step)
            self._seeding = Seeding(self._stepper.seeded)
            optimizer = self._training.optimizer or getattr(self._training.model, "optimizer", None)
            to_numpy = self._stepper.to_numpy
            self._untouched = Untouched(self._training.model, optimizer, to_numpy)
            found = self._record(rows, training=False)
            with self._passing(), self._untouched.unread():
                self._batches.forward(rows, training=False)
            return found
        except RequestError:
            raise
        except Exception as error:  # of whatever kind a user's layer raises
            raise RequestError(
                f"the Keras model fails on rows of shape {shapes}: {reason(error)}"
            ) from error

    def _build_optimizer(self) -> None:
        optimizer, variables = self.model.optimizer, self.model.trainable_variables
        if not optimizer.built:
            optimizer.build(variables)
        known, own = {*map(id, optimizer._trainable_variables)}, {*map(id, variables)}
        of_a_part = self._has_own_step and known <= own  # as of the critic of a GAN
        if not (known >= own or of_a_part):
            raise RequestError(
                "the optimizer was built for other weights than the Keras model trains: give "
                "Training a new optimizer"
            )

    def _find_weights(self, calls: Sequence[Call]) -> None:
        """Order the weights as the layers run, then those that only a step of one's own may use."""
        running = {id(call.leaf): call.leaf for call in calls}
        others = [leaf for leaf in self._leaves if id(leaf) not in running and leaf.layout.own]
        of_step = [replace(leaf, states=()) for leaf in others if self._has_own_step]
        transposed = {*transposed_kernels(calls, self._stepper.to_numpy)}
        self._weights = WeightTable([*running.values(), *of_step], transposed)
        self.notes += [
            "no layer uses " + ", ".join(f"{leaf.path}.{name}" for name in leaf.names)
            for leaf in others
        ]

    def _read_facts(self) -> None:
        on_tensorflow = keras.config.backend() == "tensorflow"
        logits = on_tensorflow and hasattr(self._batches.returned, "_keras_logits")
        self.loss_facts = facts_of(self.model, logits)
        with kept_restored(self.model):  # a schedule is asked for its rates, and may count
            self.optimizer_facts = optimizer_facts(self.model.optimizer)
            self.schedule_facts = self._read_schedule()

    def _read_schedule(self) -> Facts | None:
        if self._training.scheduler is None or self._training.step_on != "epoch":
            return schedule_facts(self.model.optimizer)
        return Facts("by epoch", {"counts": "epochs"})

    @classmethod
    def adapt(cls, training: Training, X: Arrays) -> Arrays:
        return adapt_inputs(training.model, X)

    def canonical_inputs(self, X: Arrays) -> Arrays:
        return tuple(map(self._batches.channels_last, X))

    def adapt_targets(self, y: Arrays, outputs: Arrays) -> Arrays:
        fitted = super().adapt_targets(y, outputs)
        pairs = zip(fitted, (*outputs, *fitted), strict=False)
        return tuple(self._batches.adapt_target(*pair) for pair in pairs)

    def leaves_target(self, position: int) -> bool:
        """Keras' own losses fit (n,) and (n, 1) to each other; one of the user's may not."""
        return True

    def weights(self) -> list[Weight]:
        arrays = self._weights.canonical(self._values(self._weights.own))
        triples = zip(self._weights.names, arrays, self._weights.trainable, strict=True)
        return [Weight(*each) for each in triples]

    def set_weights(self, arrays: Sequence[np.ndarray]) -> None:
        with self._clones_following():
            self._assign(self._weights.own, self._weights.values(arrays))

    @contextmanager
    def _clones_following(self) -> Iterator[None]:
        """Write what is handed over, before the first step, into its clones, too."""
        if self._begun:
            yield
            return
        with lent(self.dtype), clones_following(self.model, self._weights, self._own_step):
            yield

    def states(self) -> list[Weight]:
        values = self._values(self._weights.states)
        pairs = zip(self._weights.state_names, values, strict=True)
        return [Weight(name, value, trainable=False) for name, value in pairs]

    def set_states(self, arrays: Sequence[np.ndarray]) -> None:
        with self._clones_following():
            self._assign(self._weights.states, arrays)

    def _values(self, variables: Sequence[keras.Variable]) -> list[np.ndarray]:
        return [self._stepper.to_numpy(variable.value) for variable in variables]

    def _assign(self, variables: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
        with lent(self.dtype):
            for variable, value in zip(variables, values, strict=True):
                variable.assign(value)

    def dropped(self, rows: Rows) -> list[Dropped]:
        with self._passing(), self._dropout.noting() as found:
            self._batches.forward(rows, training=True)
        return found

    def hand_masks(self, masks: Sequence[np.ndarray] | None) -> None:
        self._masks = masks

    def _mask_tensors(self) -> list[Any] | None:
        return None if self._masks is None else [*map(self._batches.tensor, self._masks)]

    def trace_layers(self, rows: Rows, with_loss: bool = False) -> tuple[list[LayerTrace], Arrays]:
        with self._dropout.evaluated():
            evaluated, outputs = self._record(rows, training=False)
        trained, _ = self._record(rows, training=True)
        always = self._dropout.always
        known = with_loss and not self._has_own_step
        measure = partial(self._measure, rows, trained) if known else None
        layers = trace_calls(evaluated, trained, self._weights, self._batches, measure, always)
        return layers, self._batches.outputs(outputs)

    def _measure(
        self, rows: Rows, calls: Sequence[Call], added: Mapping[int, np.ndarray]
    ) -> tuple[float, dict[int, np.ndarray]]:
        """Return the loss in training mode, and its gradients for what calls return.

        To some of that, by the positions of the calls, canonical arrays are added.
        """

        def run(more: list[Any]) -> tuple[Any, list[Any]]:
            masks = self._mask_tensors()
            with recorded(self._leaves, more) as again, self._dropout.handed(masks):
                loss = self._batches.loss(rows, training=True)
            return loss, [call.output for call in again]

        with self._passing():
            outputs = [call.output for call in calls]
            nothing = [None if z is None else self._batches.nothing(z) for z in outputs]
            own = {k: self._batches.as_in_the_model(a) for k, a in added.items()}
            more = [own.get(k, zero) for k, zero in enumerate(nothing)]
            loss, found = self._stepper.gradients_of_outputs(run, more)
            known = {k: g for k, g in enumerate(found) if g is not None}
            return float(loss), {k: self._batches.canonical(g) for k, g in known.items()}

    def _record(self, rows: Rows, training: bool) -> tuple[list[Call], Any]:
        states = self._dropout.generators
        with self._passing(), recorded(self._leaves) as calls:
            before = self._values(states)
            masks = self._mask_tensors() if training else None
            with self._dropout.handed(masks):
                returned = self._batches.forward(rows, training)
            if any(map(np.any, map(np.subtract, self._values(states), before))):
                self.notes.append("a layer draws random numbers of its own: no two runs are equal")
            return calls, returned

    @contextmanager
    def _passing(self) -> Iterator[None]:
        """Run the model forward only, and restore what this changes.

        A layer may assign its weights, too: spectral normalization divides its kernel in place.
        """
        changed = [*self.model.variables, *carried_states(self.model)]
        with (
            lent(self.dtype),
            self._restored(changed),
            self._stepper.untracked(),
            self._seeding.active(),
        ):
            yield

    @contextmanager
    def _restored(self, variables: Sequence[keras.Variable]) -> Iterator[None]:
        """Set variables, and attributes of the user's layers, afterwards to what they are now."""
        values = self._values(variables)
        try:
            with attributes_restored(self.model), kept_restored(self.model):
                yield
        finally:
            self._assign(variables, values)

    def outputs(self, rows: Rows) -> Arrays:
        with self._passing():
            return self._batches.outputs(self._batches.forward(rows, training=False))

    def loss_and_gradients(self, rows: Rows) -> tuple[float, list[np.ndarray]]:
        model = self.model
        changed = [*model.variables, *carried_states(model), *model.optimizer.variables]
        with self._restored(changed), self._stepper.watching():
            loss = self._take_step(rows)
        known = {*map(id, changed)}
        built = [v.path for v in model.trainable_variables if id(v) not in known]
        if built:
            raise RequestError(
                f"the step of the Keras side builds {built[0]}, which a call of the model does "
                "not: build all layers before, as by calling them on some rows"
            )
        if self._stepper.drew:
            self.notes.append("the step draws random numbers of its own: no two runs are equal")
        return loss, self._weights.by_variable(self._stepper.gradients())

    def of_fewer_rows(self, rows: Rows) -> tuple[float, list[np.ndarray] | None]:
        """Compute them outside of any graph: one for this number of rows would cost time."""
        if self._has_own_step or not self._stepper.compiles:
            return super().of_fewer_rows(rows)
        with self._passing(), self._dropout.handed(self._mask_tensors()):
            loss = partial(self._batches.loss, rows, training=True)
            try:
                value, gradients = self._stepper.differentiate(loss)
            except RequestError:
                raise
            except Exception as error:  # of whatever kind a user's gradient raises
                said = f"the backward pass of the Keras side fails: {reason(error)}"
                raise RequestError(said) from error
        return value, None if gradients is None else self._weights.by_variable(gradients)

    @property
    def _has_own_step(self) -> bool:
        own = type(self.model).train_step is not keras.Model.train_step
        return own or self._training.step is not None

    def step(self, rows: Rows) -> float:
        self._begun, loss = True, self._take_step(rows)
        self._seeding.seed += 1
        return loss

    def remarks(self) -> list[str]:
        drew = self._seeding.drew
        return ["random numbers are drawn beside dropout: the same ones in every run"] * drew

    def _take_step(self, rows: Rows) -> float:
        if not self._takes_targets:
            self._require_loss(rows)
        try:
            with lent(self.dtype), self._seeding.active():
                return self._stepper.step(self._batches.data(rows), self._mask_tensors())
        except RequestError:
            raise
        except Exception as error:  # of whatever kind a user's step or optimizer raises
            raise RequestError(f"the step of the Keras side fails: {reason(error)}") from error

    def _require_loss(self, rows: Rows) -> None:
        """Compute the loss once, which builds what it needs; RequestError if it cannot be."""
        self._takes_targets = True
        if not self._has_own_step:
            with self._passing():
                self._batches.loss(rows, training=False)

    def end_epoch(self) -> None:
        self._epoch += 1
        with lent(self.dtype):
            self._set_rate()

    def _set_rate(self) -> None:
        if self._training.step_on == "epoch":
            try:
                set_rate(self.model.optimizer, self._by_epoch, self._epoch)
            except Exception as error:  # of whatever kind a user's schedule raises
                said = f"the schedule of the Keras side fails in epoch {self._epoch}"
                raise RequestError(f"{said}: {reason(error)}") from error

    def kept(self) -> list[Kept]:
        with lent(self.dtype):
            return find_kept(self.model, self._weights, self._own_step)

    def end(self) -> None:
        """Put the averages of the weights into their places, if the optimizer keeps any.

        RequestError if the training has changed the user's own model.
        """
        self._untouched.check()
        model = self.model
        with lent(self.dtype):
            model.optimizer.finalize_variable_values(model.trainable_variables)

    def change(self, place: str, name: str, value: Any) -> bool:
        optimizer = self.model.optimizer
        things = {leaf.path: leaf.layer for leaf in self._leaves}
        inside = {f"{path}.activation": layer for path, layer in things.items()}
        things |= {"loss": self.model.loss, "optimizer": optimizer}
        things["schedule"] = optimizer._learning_rate
        with lent(self.dtype):
            if place in things:
                changed = set_fact(things[place], name, value)
            else:
                changed = place in inside and set_of_activation(inside[place], name, value)
            if changed:
                self._stepper.reset()
            self._read_facts()
        return changed
