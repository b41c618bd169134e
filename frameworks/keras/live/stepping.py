"""The training steps of a compiled Keras model, whatever the backend."""

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple

import numpy as np

from frameworks.errors import RequestError
from frameworks.keras.live.copying import PARTS, as_written
from frameworks.keras.live.layers import attributes_restored
from frameworks.keras.live.randomness import HandedDropout
from frameworks.keras.live.recording import replaced
from frameworks.keras.loading import keras
from frameworks.live.own_steps import copied_numbers, with_own_state

__all__ = [
    *("Data", "Gradients", "Run", "Stepper", "Trained", "loss_in", "require_use"),
    *("stepper_of_backend", "unwarned"),
]

Gradients = dict[int, np.ndarray]  # by the identity of the variable
Run = Callable[[list[Any]], tuple[Any, list[Any]]]


class Data(NamedTuple):
    """One batch as the model takes it: tensors of the backend, or structures of them."""

    X: Any
    y: Any
    w: Any = None


class Trained(NamedTuple):
    """A variable that a step trains, and by what the optimizer has scaled the loss for it."""

    variable: keras.Variable
    scale: float = 1.0


class Stepper(ABC):
    """Takes the steps that `fit` would take: the model's own `train_step`, compiled as it asks.

    The gradients are those that reach the optimizer, before it clips anything. `own`, if given, is
    called as `own(model, optimizer, loss, X, y)` instead of `train_step`, and returns the loss.
    Either may have other optimizers besides, for other variables.
    """

    compiles = True  # a step for each number of rows

    def __init__(
        self, model: keras.Model, dropout: HandedDropout, own: Callable[..., Any] | None = None
    ) -> None:
        self.model, self.dropout, self.own = model, dropout, own
        self.drew = False  # whether a step of the user's own did, by a layer beside the model
        self._trained: list[Trained] = []  # by the latest step
        self._gradients: list[Any] = []  # for each of them
        self.reset()

    @staticmethod
    def lent() -> AbstractContextManager[Any]:
        """Return a context in which the backend computes in 64 bits if it is asked to."""
        return nullcontext()

    @staticmethod
    @contextmanager
    def seeded(seed: int) -> Iterator[Callable[[], bool]]:
        """Seed the backend's own random numbers; yield whether any have been drawn since."""
        yield lambda: False

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

    @property
    def _is_stock(self) -> bool:
        return self.own is None and type(self.model).train_step is keras.Model.train_step

    def gradients(self) -> Gradients:
        """Return the gradients of the latest step; what scales the loss is taken out."""
        pairs = zip(self._trained, self._gradients, strict=True)
        return {id(v): self.to_numpy(g) / scale for (v, scale), g in pairs if g is not None}

    def differentiate(self, loss: Callable[[], Any]) -> tuple[float, Gradients | None]:
        """Return a loss that is computed outside of any graph, and perhaps its gradients."""
        return float(loss()), None

    @abstractmethod
    def gradients_of_outputs(self, run: Run, added: list[Any]) -> tuple[Any, list[Any]]:
        """Return a loss and its gradient for what each call returns; None where it is not known.

        `run` takes what is added to the outputs of the calls, zeros or None for nothing, and
        returns the loss and the outputs.
        """

    def untracked(self) -> AbstractContextManager[Any]:
        """Return a context in which a forward pass keeps nothing for gradients."""
        return nullcontext()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take steps that are taken back: a step of the user's own counts them nowhere.

        Layers, optimizers and variables that it knows are not copied, as they may be those of the
        model, but set back; so are the optimizers that a model holds for its own `train_step`.
        """
        of_keras: list[Any] = self._others()
        if self.own is None:
            with ExitStack() as stack:
                for x in of_keras:
                    stack.enter_context(self._set_back(x))
                yield
            return
        own = (*self.model.variables, *self.model.optimizer.variables)
        values = {*(id(v._value) for v in own)}  # by which a step may know a weight

        def copied(x: Any) -> Any:
            if isinstance(x, PARTS):
                of_keras.append(x)
                return x
            if id(x) in values:
                return x
            of_backend = hasattr(x, "assign_add") or keras.ops.is_tensor(x)
            return copy.deepcopy(x) if of_backend else copied_numbers(x)

        step, self.own = self.own, with_own_state(self.own, copied, as_written)
        try:
            with ExitStack() as stack:
                for x in of_keras:
                    stack.enter_context(self._set_back(x))
                yield
        finally:
            self.own = step

    def _others(self) -> list[Any]:
        """Return the optimizers that the model holds beside its own."""
        return [x for x in _optimizers_of(self.model) if x is not self.model.optimizer]

    @contextmanager
    def _set_back(self, x: Any) -> Iterator[None]:
        """Set what a layer, an optimizer or another part holds, afterwards, to what it is now."""
        variables = [x] if isinstance(x, keras.Variable) else [*getattr(x, "variables", [])]
        values = [self.to_numpy(v.value) for v in variables]
        with ExitStack() as stack:
            if isinstance(x, keras.Layer):
                stack.enter_context(attributes_restored(x))
            elif isinstance(x, keras.optimizers.Optimizer) and not x.built:
                stack.enter_context(self._noting_build(x, variables, values))
            try:
                yield
            finally:
                for variable, value in zip(variables, values, strict=True):
                    drawing = variable.path.endswith("seed_generator_state")
                    self.drew |= drawing and not np.array_equal(
                        self.to_numpy(variable.value), value
                    )
                    variable.assign(value)

    @contextmanager
    def _noting_build(
        self, x: Any, variables: list[Any], values: list[np.ndarray]
    ) -> Iterator[None]:
        """Note the slots with which an optimizer begins, where its first step builds it."""
        build = x.build

        def noting(*args: Any) -> None:
            before = {*map(id, variables)}
            build(*args)
            made = [v for v in x.variables if id(v) not in before]
            variables.extend(made)
            values.extend(self.to_numpy(v.value) for v in made)

        with replaced(x, build=noting):
            yield

    def _take(self, data: Data, masks: Sequence[Any] | None) -> tuple[Any, list[Any]]:
        """Take a step; return the loss and the gradients that reach optimizers, as tensors.

        Of several for a variable it is the first that the model's optimizer is given.
        """
        model, optimizer = self.model, self.model.optimizer
        apply, given, others = optimizer.apply, _Given(), _Given()

        def watched(gradients: Sequence[Any], variables: Sequence[Any] | None = None) -> None:
            trained = optimizer._trainable_variables if variables is None else variables
            gradients, trained = [*gradients], [*trained]
            given.note(optimizer, gradients, trained)
            apply(gradients, trained)

        model.reset_metrics()
        handed = self.dropout.handed(masks, all_of_them=self._is_stock)
        with handed, replaced(optimizer, apply=watched), _applied(others.note), unwarned():
            if self.own is None:
                columns = data if data.w is not None else data[:2]  # as `fit` hands it over
                loss = loss_in(model.train_step(columns))
            else:
                loss = self.own(model, optimizer, model.loss, data.X, data.y)
        require_use(model, given.optimizers, others.optimizers)
        found = {**others.first, **given.first}.values()
        self._trained = [each for each, _ in found]
        return loss, [gradient for _, gradient in found]


class _Given:
    """What optimizers are given, variable by variable: the first gradient of each."""

    def __init__(self) -> None:
        self.first: dict[int, tuple[Trained, Any]] = {}  # by the identity of the variable
        self.optimizers: set[int] = set()  # the identities

    def note(self, optimizer: Any, gradients: Sequence[Any], variables: Sequence[Any]) -> None:
        """Note the gradients that an optimizer is given for these variables."""
        self.optimizers.add(id(optimizer))
        for v, gradient in zip(variables, gradients, strict=False):  # which Keras requires
            if gradient is not None:
                trained = Trained(v, optimizer.loss_scale_factor or 1.0)
                self.first.setdefault(id(v), (trained, gradient))


def require_use(model: keras.Model, used: Any, others: Collection[int] = ()) -> None:
    """Raise RequestError for a step that does not use the model's optimizer, but perhaps others."""
    if used:
        return
    named = next((k for k, x in vars(model).items() if id(x) in others), "its_optimizer")
    raise RequestError(
        "a training step has to use the model's optimizer, and this one does not: give Training "
        f"one that it uses, as by optimizer=model.{named}"
    )


def _optimizers_of(model: keras.Model) -> list[Any]:
    """Return the optimizers that a model or a layer of it holds, also in a list or a dict."""
    held = [x for layer in model._flatten_layers() for x in vars(layer).values()]
    inside = [x.values() if isinstance(x, dict) else x for x in held
              if isinstance(x, dict | list | tuple)]  # fmt: skip
    every = [*held, *(x for each in inside for x in each)]
    return [*{id(x): x for x in every if isinstance(x, keras.optimizers.Optimizer)}.values()]


@contextmanager
def _applied(note: Callable[[Any, Sequence[Any], Sequence[Any]], None]) -> Iterator[None]:
    """Call `note` with any optimizer, and the gradients and variables that it is given."""
    optimizers: Any = keras.optimizers.Optimizer
    apply = optimizers.apply

    def noting(own: Any, gradients: Any, variables: Any = None) -> None:
        gradients, known = [*gradients], variables if variables is None else [*variables]
        note(own, gradients, getattr(own, "_trainable_variables", ()) if known is None else known)
        apply(own, gradients, known)

    optimizers.apply = noting
    try:
        yield
    finally:
        optimizers.apply = apply


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
