"""The training steps of a compiled Keras model, whatever the backend."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from frameworks.errors import RequestError
from frameworks.keras.live.randomness import HandedDropout
from frameworks.keras.live.recording import replaced
from frameworks.keras.loading import keras
from frameworks.live.own_steps import copied_numbers, with_own_state

__all__ = ["Data", "Gradients", "Stepper", "loss_in", "stepper_of_backend", "unwarned"]

_PARTS = (keras.Operation, keras.optimizers.Optimizer, keras.losses.Loss, keras.metrics.Metric)
Gradients = dict[int, np.ndarray]  # by the identity of the variable


class Data(NamedTuple):
    """One batch as the model takes it: tensors of the backend, or structures of them."""

    X: Any
    y: Any
    w: Any = None


class Stepper(ABC):
    """Takes the steps that `fit` would take: the model's own `train_step`, compiled as it asks.

    The gradients are those that reach the optimizer, before it clips anything. `own`, if given, is
    called as `own(model, optimizer, loss, X, y)` instead of `train_step`, and returns the loss.
    """

    compiles = True  # a step for each number of rows

    def __init__(
        self, model: keras.Model, dropout: HandedDropout, own: Callable[..., Any] | None = None
    ) -> None:
        self.model, self.dropout, self.own = model, dropout, own
        self._trained: list[keras.Variable] = []  # by the latest step
        self._gradients: list[Any] = []  # for each of them
        self.reset()

    @staticmethod
    def lent() -> AbstractContextManager[Any]:
        """Return a context in which the backend computes in 64 bits if it is asked to."""
        return nullcontext()

    @staticmethod
    @abstractmethod
    def to_numpy(tensor: Any) -> np.ndarray:
        """Return a copy of a tensor."""

    @abstractmethod
    def reset(self) -> None:
        """Forget what was compiled: a setting of the model has changed."""

    @abstractmethod
    def step(self, data: Data, masks: Sequence[Any] | None) -> float:
        """Take a step; return the loss before it."""

    def gradients(self) -> Gradients:
        """Return the gradients of the latest step; what scales the loss is taken out."""
        scale = self.model.optimizer.loss_scale_factor or 1.0
        pairs = zip(self._trained, self._gradients, strict=True)
        return {id(v): self.to_numpy(g) / scale for v, g in pairs if g is not None}

    def differentiate(self, loss: Callable[[], Any]) -> tuple[float, Gradients | None]:
        """Return a loss that is computed outside of any graph, and perhaps its gradients."""
        return float(loss()), None

    def untracked(self) -> AbstractContextManager[Any]:
        """Return a context in which a forward pass keeps nothing for gradients."""
        return nullcontext()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take steps that are taken back: a step of the user's own counts them nowhere."""
        if self.own is None:
            yield
            return
        held = {id(v): v for v in (*self.model.variables, *self.model.optimizer.variables)}
        held |= {id(getattr(v, "value", v)): v for v in held.values()}

        before: dict[int, tuple[Any, np.ndarray]] = {}  # what other models and layers hold

        def copied(x: Any) -> Any:
            if id(x) in held:
                return x
            if isinstance(x, keras.Variable) or hasattr(x, "assign_add"):
                return copy.deepcopy(x)
            if not _is_kerass(x):
                return copied_numbers(x)
            for v in getattr(x, "variables", ()):
                if id(v) not in held:
                    before[id(v)] = v, self.to_numpy(getattr(v, "value", v))
            return x

        own, self.own = self.own, with_own_state(self.own, copied)
        try:
            yield
        finally:
            self.own = own
            for variable, value in before.values():
                variable.assign(value)

    def _take(self, data: Data, masks: Sequence[Any] | None) -> tuple[Any, list[Any]]:
        """Take a step; return the loss and the gradients that reach the optimizer, as tensors."""
        model, optimizer, seen = self.model, self.model.optimizer, []
        apply = optimizer.apply

        def watched(gradients: Sequence[Any], variables: Sequence[Any] | None = None) -> None:
            trained = optimizer._trainable_variables if variables is None else variables
            seen.append(([*gradients], [*trained]))
            apply(*seen[-1])

        model.reset_metrics()
        with self.dropout.handed(masks), replaced(optimizer, apply=watched), unwarned():
            if self.own is None:
                handed = data if data.w is not None else data[:2]  # as `fit` hands it over
                loss = loss_in(model.train_step(handed))
            else:
                loss = self.own(model, optimizer, model.loss, data.X, data.y)
        if len(seen) != 1:
            raise RequestError(
                f"a training step has to use the model's optimizer once, and this one uses it "
                f"{len(seen)} times: compare one optimizer at a time, with a step that is its own"
            )
        ((gradients, self._trained),) = seen
        return loss, gradients


def _is_kerass(x: Any) -> bool:
    """Return whether this is of Keras or its backend, or a user's layer, model or loss."""
    foreign = type(x).__module__.split(".")[0] in ("keras", "tensorflow", "jax", "jaxlib", "torch")
    return foreign or isinstance(x, _PARTS)


@contextmanager
def unwarned() -> Iterator[None]:
    """Keep Keras from warning of weights that no layer uses: there is a note."""
    with warnings.catch_warnings():
        for message in ("Gradients do not exist", "`build\\(\\)` was called on layer"):
            warnings.filterwarnings("ignore", message)
        yield


def loss_in(logs: Any) -> Any:
    """Return the loss that a training step reports; RequestError if it does not."""
    if not isinstance(logs, dict) or "loss" not in logs:
        raise RequestError(
            "the model's own train_step does not report the loss: let it return a dict with "
            "'loss', or give Training a step"
        )
    return logs["loss"]


def stepper_of_backend() -> type[Stepper]:
    """Return the class for the backend of Keras in this process."""
    match keras.backend.backend():
        case "tensorflow":
            from frameworks.keras.live.on_tensorflow import TensorFlowStepper

            return TensorFlowStepper
        case "jax":
            from frameworks.keras.live.on_jax import JaxStepper

            return JaxStepper
        case "torch":
            from frameworks.keras.live.on_torch import TorchStepper

            return TorchStepper
        case other:
            raise RequestError(
                f"Keras runs on {other!r} here: set KERAS_BACKEND to tensorflow, jax or torch"
            )
