"""Variants of scratch, trained in addition to judge the trainings that were requested.

They are cells with modes of their own:

    nudged-1, nudged-2, ...    each nudged differently: their distances are the noise floor; those
                               after the fifth break ties
    nudged-1-again             the first once more: whether a training repeats itself
    keras-sigmoid              a control, with TensorFlow's sigmoid instead of scratch's

The error of TensorFlow's float32 sigmoid is up to 3.6 units of 2⁻²³; a nudge is up to one. If Keras
is outside the noise floor of scratch but agrees with the control, its sigmoid is the cause: see
`controls`.
"""

from collections.abc import Callable, Sequence
from functools import wraps

import numpy as np

from frameworks.agreement.noise_floor import TRAININGS
from frameworks.agreement.nudge import nudged
from frameworks.backends import BACKENDS
from frameworks.blueprint import Blueprint
from frameworks.program import Parts, Program, ProgramBuilder
from frameworks.spec import Spec
from scratch import Layer, Sequential, Sigmoid

__all__ = ["AGAIN", "KERAS_SIGMOID", "change", "has_sigmoid", "judges", "nudges", "variants"]

KERAS_SIGMOID = "keras-sigmoid"
AGAIN = "nudged-1-again"


def nudges(count: int) -> list[str]:
    """Return the modes of `count` nudged trainings.

    >>> nudges(2)
    ['nudged-1', 'nudged-2']
    """
    return [f"nudged-{k}" for k in range(1, count + 1)]


def judges(count: int) -> list[str]:
    """Return the modes of a floor's trainings: `count` nudged ones, and the first once more.

    Where the two differ in a bit, the page draws numbers without a seed, and what it draws would
    pass for rounding.
    """
    return [*nudges(count), AGAIN] if count else []


def variants(blueprint: Blueprint, implementations: Sequence[str], count: int) -> list[str]:
    """Return the modes that judge an experiment: `count` nudged ones, and perhaps the control."""
    if not count or "scratch" not in blueprint.builders:
        return []
    control = any(name in BACKENDS and BACKENDS[name].control for name in implementations)
    return judges(count) + [KERAS_SIGMOID] * (control and has_sigmoid(blueprint))


def has_sigmoid(blueprint: Blueprint) -> bool:
    """Return whether scratch's network has a sigmoid; a program's step computes its own."""
    parts: Parts | Program = blueprint.builders["scratch"](spec=blueprint.spec)
    layers = () if isinstance(parts, Program) else parts.network.layers
    return any(isinstance(each, Sigmoid) for each in layers)


def change(mode: str, seed: int) -> Callable[[ProgramBuilder], ProgramBuilder]:
    """Return how a mode changes scratch's builder: "lockstep" does not."""
    if mode == "lockstep":
        return lambda build: build
    if mode == KERAS_SIGMOID:
        return with_keras_sigmoid
    number = int(mode.removeprefix("nudged-").removesuffix("-again"))
    return lambda build: nudged(build, (seed, number), breaking_ties=number > TRAININGS)


class KerasSigmoid(Sigmoid):
    """scratch's layer with TensorFlow's σ(z); loads TensorFlow."""

    def forward(self, z: np.ndarray, training: bool = False) -> np.ndarray:
        """Return a = σ(z), as TensorFlow computes it."""
        import tensorflow as tf

        self.a = tf.sigmoid(tf.constant(z)).numpy()
        return self.a


def with_keras_sigmoid(build: ProgramBuilder) -> ProgramBuilder:
    """Return a builder of the same network in NumPy, with TensorFlow's sigmoid."""

    def swap(layer: Layer) -> Layer:
        return KerasSigmoid() if isinstance(layer, Sigmoid) else layer

    @wraps(build)
    def build_with_keras_sigmoid(spec: Spec) -> Parts | Program:
        parts = build(spec=spec)
        if isinstance(parts, Program):  # of an earlier phase: its step computes its own
            return parts
        return parts._replace(network=Sequential(*map(swap, parts.network.layers)))

    return build_with_keras_sigmoid
