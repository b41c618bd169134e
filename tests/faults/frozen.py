"""Faults where some weights are to stay as they are."""

import numpy as np

import scratch

from .fault import fault, optimizer
from .moved_pages import frozen


def train_only(plant, layers):
    """Train the layers, of a list of all, that `layers` returns."""

    def make(parts, own):
        mask = scratch.layer_mask(parts.network, *layers(parts.network.layers))
        return scratch.TrainOnly(mask, own.optimizer)

    optimizer(plant, make)


@fault("nothing frozen", "The convolutions are trained along.", "gradient, weights.", frozen,
       "scratch,scratch", "weights.0, weights.1, weights.2, weights.3: frozen")  # fmt: skip
def _(plant):
    train_only(plant, lambda layers: layers)


@fault("features trained, head frozen", "The mask is the wrong way round.", "gradient, weights.",
       frozen, "scratch,scratch",
       "has a gradient for weights.0, weights.1, weights.2, weights.3 only")  # fmt: skip
def _(plant):
    train_only(plant, lambda layers: layers[:8])


@fault("one layer too many frozen", "Only the last layer is trained.", "gradient, weights.", frozen,
       "scratch,scratch", "has no gradient for weights.4, weights.5: frozen")  # fmt: skip
def _(plant):
    train_only(plant, lambda layers: layers[-1:])


@fault("second convolution trained", "The first layer alone is frozen.", "gradient, weights.",
       frozen, "scratch,scratch", "has no gradient for weights.2, weights.3: frozen")  # fmt: skip
def _(plant):
    train_only(plant, lambda layers: layers[2:])


@fault("frozen in one framework alone", "requires_grad_ is forgotten, and all is optimized.",
       "gradient, weights.", frozen, "scratch,pytorch",
       "weights.0, weights.1, weights.2, weights.3: frozen")  # fmt: skip
def _(plant):
    def change(parts):
        parts.network.requires_grad_(True)
        (group,) = parts.optimizer.param_groups
        group["params"] += parts.network[:8].parameters()

    plant.parts(change)


@fault("decay of frozen weights", "Weights decay, whether they are trained or not.",
       "step, weights.", frozen, "scratch,scratch",
       "does not move weights.0, weights.2: frozen")  # fmt: skip
def _(plant):
    def make(parts, own):
        class Decaying(scratch.TrainOnly):
            def step(self, theta, g):
                super().step(theta, g)
                frozen = np.ones(len(theta), bool)
                frozen[self.trained] = False
                theta[frozen] *= 1 - 0.001

        own.__class__ = Decaying
        return own

    optimizer(plant, make)


@fault("moments of all weights", "The optimizer is given all weights, and moves what it was given.",
       "step, weights.", frozen, "scratch,scratch",
       "does not move weights.0, weights.1, weights.2, weights.3: frozen")  # fmt: skip
def _(plant):
    def make(parts, own):
        class Everything(scratch.TrainOnly):
            def step(self, theta, g):
                self.optimizer.step(theta, g)

        own.__class__ = Everything
        return own

    optimizer(plant, make)
