"""What a comparison is asked for, checked; and a live side, found by its model's framework."""

from collections.abc import Collection, Mapping
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from typing import Any

import numpy as np

from frameworks.errors import RequestError
from frameworks.live.data import Data
from frameworks.live.levels import limits_of
from frameworks.live.model import LiveModel, Training
from frameworks.live.originals import refuse_originals
from frameworks.live.tracing import Course, LiveSide

__all__ = ["Given", "Request", "kind_of_training", "open_side"]

Given = Training | str | PathLike[str]

# The module and class of each framework's live model, by the package of the model's base class.
_LIVE = {
    "keras": ("frameworks.keras.live", "KerasLive"),
    "torch": ("frameworks.pytorch.live", "PyTorchLive"),
    "scratch": ("frameworks.scratch.live", "ScratchLive"),
}


MOST_STEPS = 1_000_000  # as many as a recording may have


@dataclass(frozen=True)
class Request:
    """How two trainings are to be compared; see `frameworks.live.entry.diverge`."""

    steps: int = 200
    batch_size: int = 32
    dtype: str = "float64"
    seed: int = 0
    weights: str | None = "a"
    mapping: Mapping[str, str] | None = None
    limits: Mapping[str, float] | None = None
    ignore: Collection[str] = ()
    losses_equal: bool = False

    def check(self, rows: int | None) -> None:
        """Raise RequestError for what cannot be carried out on so many rows; None: recorded."""
        for name in ("steps", "batch_size"):
            value = getattr(self, name)
            if not isinstance(value, int | np.integer) or value < 1:
                raise RequestError(f"{name} must be an integer of at least 1, got {value!r}")
        if self.steps > MOST_STEPS:
            raise RequestError(f"steps must be at most {MOST_STEPS:,}, got {self.steps:,}")
        if not isinstance(self.seed, int | np.integer) or self.seed < 0:
            raise RequestError(f"seed must be an integer of at least 0, got {self.seed!r}")
        names = [*self.mapping.items()] if isinstance(self.mapping, Mapping) else []
        texts = all(isinstance(name, str) for pair in names for name in pair)
        if not isinstance(self.mapping, Mapping | None) or not texts:
            raise RequestError(f"mapping must be a dict of layers' names, got {self.mapping!r}")
        if rows is not None and rows < self.batch_size:
            raise RequestError(
                f"X has {rows} rows, fewer than a batch of {self.batch_size}; give a smaller "
                "batch_size"
            )
        listed = isinstance(self.ignore, Collection) and not isinstance(self.ignore, str)
        if not listed or not all(isinstance(x, str) for x in self.ignore):
            raise RequestError(f"ignore must be a list of names, got {self.ignore!r}")
        if self.dtype not in ("float64", "float32"):
            raise RequestError(f"dtype must be 'float64' or 'float32', got {self.dtype!r}")
        if self.weights not in ("a", "b", None):
            raise RequestError(f"weights must be 'a', 'b' or None, got {self.weights!r}")
        limits_of(self.limits)


def kind_of_training(training: Training) -> type[LiveModel]:
    """Return the live model of a training's framework, which is loaded."""
    for cls in type(training.model).__mro__:
        found = _LIVE.get(cls.__module__.partition(".")[0])
        if found is not None:
            module, name = found
            kind: type[LiveModel] = getattr(import_module(module), name)
            return kind
    raise RequestError(
        "a model must be a keras.Model, a torch.nn.Module or a scratch.Sequential, got "
        f"{type(training.model).__name__}"
    )


def open_side(given: Any, side: int, data: Data, course: Course, dtype: str) -> LiveSide:
    """Return a live side; RequestError for what is no training."""
    given = _as_training(given)
    _refuse_classes(given)
    refuse_originals(given)
    kind = kind_of_training(given)
    if given.step is not None and data.w is not None:
        raise RequestError("sample_weight cannot be handed to a step of your own; leave one out")
    X, y = (tuple(_in_dtype(a, dtype) for a in each[side]) for each in (data.X, data.y))
    return LiveSide(given, kind, X, y, data.w, course, data.own_targets)


def _refuse_classes(training: Training) -> None:
    """RequestError for a class where an object of it is needed."""
    losses = training.loss if isinstance(training.loss, list | tuple) else [training.loss]
    parts = [training.model, *losses, training.optimizer, training.scheduler]
    for each in parts:
        if isinstance(each, type):
            name = _short(each)
            given = "model.parameters()" if name.startswith("torch.optim.") else ""
            given = "optimizer" if "lr_scheduler" in name else given
            raise RequestError(f"{name} is a class; call it: {name}({given})")


def _short(cls: type) -> str:
    """Return the name under which people know a class: nn.CrossEntropyLoss, torch.optim.Adam."""
    for place, name in _PLACES.items():
        if cls.__module__.startswith(place):
            return f"{name}.{cls.__name__}"
    return cls.__name__


_PLACES = {
    "torch.nn.": "nn",
    "torch.optim.lr_scheduler": "torch.optim.lr_scheduler",
    "torch.optim": "torch.optim",
    "keras.src.losses": "keras.losses",
    "keras.src.optimizers": "keras.optimizers",
    "scratch": "scratch",
}


def _as_training(given: Any) -> Training:
    """Return what was given as a training: of an estimator of ours, its network as fitted.

    It is a copy's: the estimator's own layers of dropout wait for the masks of its adapter.
    """
    if isinstance(given, Training):
        return given
    parts = getattr(getattr(given, "_adapter", None), "parts", None)
    if parts is None and hasattr(given, "partial_fit"):
        name = type(given).__name__
        raise RequestError(f"fit the {name} first, if for one epoch: the data tell its network")
    if parts is None:
        return Training(given)
    if not hasattr(parts, "optimizer"):
        raise RequestError(f"{type(given).__name__} trains a program, which diverge cannot take")
    adapter = deepcopy(given)._adapter
    adapter.release_dropout()  # `diverge` hands masks to stock layers
    parts = adapter.parts
    return Training(parts.network, parts.loss, parts.optimizer)


def _in_dtype(a: np.ndarray, dtype: str) -> np.ndarray:
    return a.astype(dtype) if a.dtype.kind == "f" else a
