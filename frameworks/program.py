"""What a builder returns: a network with its loss and optimizer, or a program with its own step."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

__all__ = [
    *("Augment", "Builder", "InitialWeights", "Parts", "Program", "ProgramBuilder", "Step"),
    *("StepArrays", "StepBatch", "Watched", "loss_of", "name_of", "numbers_of", "other_outputs"),
    *("updated_in", "with_spec"),
]

_ROUNDED = 1e-9  # how far rounding may move a share

InitialWeights = Callable[[Any, np.random.Generator], list[np.ndarray]]

# Returns the rows X (n, ...) to train on in one epoch: called as augment(spec, rng, X).
Augment = Callable[[Any, np.random.Generator, np.ndarray], np.ndarray]


class Parts(NamedTuple):
    """What a builder returns: a network, ready to be trained, in one framework's own objects."""

    network: Any  # scratch.Sequential | keras.Model | torch.nn.Module
    loss: Any
    optimizer: Any
    initial_weights: InitialWeights  # drawn once and handed to every implementation
    logits: bool = True  # False: the network ends in its own sigmoid, and returns probabilities
    code: int | None = None  # `transform` returns what so many of its layers compute
    augment: "Augment | None" = None  # the rows of each epoch, changed at random
    stopping: Any = None  # the framework's own early stopping; it needs validation data

    @property
    def networks(self) -> tuple[Any, ...]:
        """The networks that have weights."""
        return (self.network,)

    @property
    def optimizers(self) -> tuple[Any, ...]:
        """The optimizers that update the weights."""
        return (self.optimizer,)


class StepBatch(NamedTuple):
    """The rows of one step, in the framework's own tensors."""

    X: Any
    y: Any
    w: Any = None  # the rows' weights, where there are any


Step = Callable[[StepBatch, Mapping[str, Any]], Mapping[str, Any]]

# Returns the random arrays of one step of n rows, by name: called as draws(spec, rng, n).
StepArrays = Callable[[Any, np.random.Generator, int], dict[str, np.ndarray]]


class Program(NamedTuple):
    """What a builder returns if training is not the usual step of one network and one loss.

    `step` is called as step(batch, draws), both in the framework's own tensors, with the networks
    in training mode. It performs one whole step, in the framework's own idiom, and returns the
    losses (or other scalars worth recording) by name; an epoch records their means over the rows.
    Dropout layers get masks if there is one network, run once per step, on all rows of the batch.

    `evaluate` is for a training without targets, or without a loss of outputs and targets: it is
    called as a step is, on whichever rows are to be measured, with draws that are always the same.
    `states` are attributes of a page's own layers, arrays such as the chains of a sampler: entries
    of `state` in scratch, weights that are not trained in Keras, buffers in PyTorch.
    """

    networks: tuple[Any, ...]  # weights are concatenated; `outputs` are those of the first
    optimizers: tuple[Any, ...]  # Keras optimizers must be built
    step: Step
    initial_weights: InitialWeights
    draws: StepArrays | None = None  # such as noise; floats are cast to the network's dtype
    loss: Any = None  # of the first network's outputs and targets, if it can be evaluated
    logits: bool = True  # as in `Parts`
    names: tuple[str, ...] = ()  # of the networks, by which `lockstep diverge` calls them
    evaluate: Step | None = None  # returns the loss of rows, and other figures; changes nothing
    states: tuple[str, ...] = ()  # what the page's own layers keep from step to step, by name
    stopping: Any = None  # as in `Parts`
    algorithm: str = ""  # the published one, by which the losses of a page are certified

    @property
    def network(self) -> Any:
        """The network that computes the outputs."""
        return self.networks[0]


class Watched(NamedTuple):
    """What was seen of one step of a program."""

    values: dict[str, float]  # that it returned
    gradients: list[np.ndarray]  # given to the optimizers; 0 where they are given none
    order: tuple[int, ...]  # of the networks, by number, as they were updated


def updated_in(given: Iterable[int], owned: Sequence[Iterable[Any]]) -> tuple[int, ...]:
    """Return the networks in the order of their updates.

    `given`: the identities of what was updated, in turn; `owned`: what each network owns of that.
    """
    owner = {id(each): i for i, arrays in enumerate(owned) for each in arrays}
    return tuple(dict.fromkeys(owner[key] for key in given if key in owner))


def loss_of(values: Mapping[str, float]) -> float:
    """Return the loss among the values of a step, or the first of them if none is so called."""
    return values.get("loss", next(iter(values.values())))


def numbers_of(values: Any) -> dict[str, float]:
    """Return the values of a step, or of an evaluation; TypeError or ValueError for what is none.

    >>> numbers_of({"loss": np.float32(0.5)})
    {'loss': 0.5}
    """
    if not isinstance(values, Mapping):
        kind = type(values).__name__
        raise TypeError(f"a step must return its values by name, as {{'loss': loss}}; got {kind}")
    for name in values:
        if not isinstance(name, str) or not name.isidentifier() or name == "seconds":
            raise ValueError(
                f"a value of a step must have a name, other than seconds; got {name!r}"
            )
    found = {name: float(x.item() if hasattr(x, "item") else x) for name, x in values.items()}
    if "accuracy" in found:
        found["accuracy"] = _share("accuracy", found["accuracy"])
    return found


def _share(name: str, value: float) -> float:
    """Return a share, which rounding may have moved beyond 0 or 1; ValueError for what is none.

    >>> _share("accuracy", 1 + 2**-52)
    1.0
    """
    within = min(max(value, 0.0), 1.0)
    if not abs(value - within) <= _ROUNDED:
        raise ValueError(f"{name} must be between 0 and 1, got {value!r}")
    return within


def name_of(build: Any) -> str:
    """Return a builder's name, as it stands on its page.

    >>> from functools import partial
    >>> name_of(partial(sorted, reverse=True))
    'sorted'
    """
    return getattr(build, "__name__", "") or name_of(getattr(build, "func", type(build)))


def other_outputs(build: Any, found: tuple[int, ...], needed: tuple[int, ...]) -> str:
    """Say that a builder's network has other outputs for a row than the targets need; "" if not."""
    if found == needed:
        return ""
    return (
        f"the network of {name_of(build)} has outputs {found} for a row, the targets need "
        f"{needed}; build it with spec.outputs"
    )


def with_spec(build: Any, spec: Any) -> Any:
    """Return a builder whose default spec is another one."""
    return partial(build, spec=spec)


Builder = Callable[..., Parts]  # called as build(spec=Spec(...))
ProgramBuilder = Callable[..., Parts | Program]
