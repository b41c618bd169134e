"""The trace of a training: what it says of itself, and every number by which it is compared.

A trace holds no objects of any framework. It is taken of a live model (see `frameworks.live`), or
read from a file that was written in another environment, version, device or language.

Everything is in the canonical layout: dense kernels (d_in, d_out), convolutions (kh, kw, c_in,
c_out), images (n, h, w, c), sequences (n, time, d). So two traces are compared array by array.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

__all__ = [
    *("NOISE", "Arrays", "Facts", "Kept", "LayerTrace", "StepTrace", "Trace", "Value"),
    "Weight",
]

# The kinds of layers of noise, whose masks or numbers are handed over.
NOISE = frozenset(("dropout", "alpha dropout", "gaussian dropout", "gaussian noise"))

Arrays = tuple[np.ndarray, ...]
Value = bool | int | float | str | None | tuple[Any, ...]


@dataclass(frozen=True)
class Facts:
    """What an object says of itself: its kind, and its settings in canonical terms.

    Equal values mean equal computations, whatever the framework calls them: a `momentum` of 0.99 in
    Keras' batch normalization and of 0.01 in PyTorch's are both `keep=0.99`.
    """

    kind: str  # "dense", "batch normalization", "adam", "categorical cross-entropy", ...
    values: Mapping[str, Value] = field(default_factory=dict)
    said: Mapping[str, str] = field(default_factory=dict)  # by name: in the framework's own words


@dataclass(frozen=True)
class Weight:
    """One array that training may change, at the beginning."""

    name: str  # "conv1.kernel", "dense_2.bias": the layer's own path, then the canonical part
    values: np.ndarray
    trainable: bool = True
    group: int = 0  # of the optimizer's groups of settings, see `Trace.optimizer`; -1: in none


@dataclass(frozen=True)
class LayerTrace:
    """One call of one layer on the first batch, in the order of the calls."""

    path: str  # the layer's name in its own model, "" for a plain function such as `F.relu`
    facts: Facts
    weights: tuple[int, ...] = ()  # positions in `Trace.weights`; equal for a layer called twice
    states: tuple[int, ...] = ()  # positions in `Trace.states`
    inputs: Arrays = ()  # in evaluation mode
    output: np.ndarray | None = None  # in evaluation mode; None if it was not one array
    training_inputs: Arrays = ()
    training_output: np.ndarray | None = None
    rearranges: bool = False  # returns numbers of its input, all or some, in whatever order
    # Which numbers of training_output the loss does not depend on: all or none if it is one value.
    unread: np.ndarray | None = None  # bool; None: not known


@dataclass(frozen=True)
class StepTrace:
    """One optimizer step; arrays are kept for the first steps only."""

    loss: float  # in training mode, before the step
    gradients: list[np.ndarray] | None = None  # for every weight; zeros where there is none
    weights: list[np.ndarray] | None = None  # after the step
    states: list[np.ndarray] | None = None  # after the step


@dataclass(frozen=True)
class Kept:
    """What was kept beside a model at the end, an array for each weight.

    And one for each state, or none.
    """

    name: str  # of the variable or the attribute that holds it
    weights: list[np.ndarray]
    states: list[np.ndarray]
    average: bool = False  # whether all weights lie in the range in which the model's have been
    moved: bool = False  # whether they have changed since the beginning


@dataclass(frozen=True)
class Trace:
    """What one side did."""

    framework: str  # "keras", "pytorch", "scratch", or any other name
    dtype: str
    versions: Mapping[str, str]  # of the framework and what it computes with; and the device
    layers: list[LayerTrace]
    weights: list[Weight]  # in the order in which the layers run
    states: list[Weight]  # learned without a gradient: running means and variances
    loss: Facts
    optimizer: list[Facts]  # one for each group of weights
    schedule: Facts | None
    outputs: Arrays  # of the first batch in evaluation mode
    first_loss: float  # of the first batch in training mode, at the initial weights
    gradients: list[np.ndarray]  # its gradient for every weight
    steps: list[StepTrace]  # every step's loss
    final_weights: list[np.ndarray]
    final_states: list[np.ndarray]
    final_outputs: Arrays  # of the first batch in evaluation mode, after the last step
    inputs: Arrays  # the first batch, in canonical layout
    targets: Arrays  # its targets; () where the inputs are the targets
    digests: Mapping[str, str]  # SHA-256 of all inputs, targets, sample weights and orders
    notes: tuple[str, ...] = ()  # what was done otherwise: "dropout is switched off"
    batches: Arrays = ()  # the rows of every step, by position among all rows
    steps_per_epoch: int | None = None  # after so many a schedule steps that does so by epoch
    shorter_loss: float | None = None  # as `first_loss`, without the last row; None: not known
    shorter_gradients: list[np.ndarray] | None = None  # of it for every weight
    kept: tuple[Kept, ...] = ()
    seed: int | None = None  # of the dropout masks, see `frameworks.draws`; None: none are drawn
