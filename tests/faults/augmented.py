"""Faults against overfitting: images shifted otherwise, inputs dropped otherwise."""

from math import isqrt

import numpy as np

import scratch

from .fault import fault
from .moved_pages import dropped, shifts


def moving(plant, move):
    """Let scratch's rows be changed by `move(rng, images)`."""

    def augment(spec, rng, X):
        side = isqrt(X.shape[1])
        return move(rng, X.reshape(-1, side, side)).reshape(X.shape)

    plant.parts(lambda parts: parts._replace(augment=augment))


def offsets(rng, images, pixels=1):
    return rng.integers(-pixels, pixels, size=(2, len(images)), endpoint=True)


@fault("not shifted", "The images stay as they are.", "step, loss of the step", shifts,
       "scratch,scratch",
       "scratch does not augment the rows")  # fmt: skip
def _(plant):
    plant.parts(lambda parts: parts._replace(augment=None))


@fault("shifts that wrap around", "What leaves an image comes in on its other side.",
       "step, loss of the step", shifts, "scratch,scratch",
       "the two augment")  # fmt: skip
def _(plant):
    def move(rng, images):
        pairs = zip(images, offsets(rng, images).T, strict=True)
        return np.stack([np.roll(image, tuple(by), axis=(0, 1)) for image, by in pairs])

    # The margin of the stand-in is two pixels wide: it takes more for something to leave an image.
    moving(plant, lambda rng, images: np.roll(move(rng, images), 6, axis=2))


@fault("shifts one way", "Shifts are drawn from 0 to 2.", "step, loss of the step", shifts,
       "scratch,scratch",
       "the two augment")  # fmt: skip
def _(plant):
    moving(plant, lambda rng, images: scratch.shift(images, *(offsets(rng, images) + 1)))


@fault("axes of shifts swapped", "The first draw moves images to the right.",
       "step, loss of the step", shifts, "scratch,scratch",
       "the two augment")  # fmt: skip
def _(plant):
    moving(plant, lambda rng, images: scratch.shift(images, *offsets(rng, images)[::-1]))


@fault("one shift for a batch", "All images are shifted alike.", "step, loss of the step", shifts,
       "scratch,scratch",
       "the two augment")  # fmt: skip
def _(plant):
    def move(rng, images):
        down, right = offsets(rng, images)
        return scratch.shift(images, np.full_like(down, down[0]), np.full_like(right, right[0]))

    moving(plant, move)


@fault("shifted once for all", "The second epoch trains on the images of the first.",
       "trajectory, the batch's loss", shifts, "scratch,scratch",
       "scratch augments by the same draws every time")  # fmt: skip
def _(plant):
    kept = {}

    def move(rng, images):
        by = offsets(rng, images)
        return scratch.shift(images, *kept.setdefault(len(images), by))

    moving(plant, move)


@fault("inputs not dropped", "The hidden neurons alone are dropped.", "forward, layer 1", dropped,
       "scratch,scratch", "drops nothing in training mode")  # fmt: skip
def _(plant):
    class Kept(scratch.Dropout):
        def forward(self, X, training=False):
            super().forward(X, training)
            self.mask = None
            return X

    def change(layers):
        layers[0].__class__ = Kept

    plant.layers(change)
