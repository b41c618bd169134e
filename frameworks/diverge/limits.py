"""How far apart two implementations may be on each level.

float64: the limits of the suite. float32, up to `step`: what is measured on one batch is held to
the same computation in float64. The first implementation is run in float64 too, from the same
float32 numbers; its own distance from that run, tensor by tensor, is what rounding does to this
computation on this batch. The two may be `FACTOR` times as far apart, and as far as `FACTOR` units
roundoff where it happens to round well. The distances of nudged trainings, which judge whole ones,
are no limit for one batch: in a sum whose terms cancel they can all be nothing. A whole training
amplifies rounding, by how much depends on the experiment: see `floor`.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np

from frameworks.agreement.distances import FLOAT64
from frameworks.diverge.differences import difference
from frameworks.diverge.levels import Item
from frameworks.diverge.side import First

__all__ = [
    "FACTOR",
    "ONE_BATCH",
    "ROUNDOFF",
    "TRAJECTORY",
    "WEIGHT",
    "float32_limits",
    "float64_limits",
]

ONE_BATCH = 1e-12  # float64: layers, loss, gradients and the step; the design's limit
TRAJECTORY = FLOAT64.loss  # of every epoch, and of the batches of one that parts
WEIGHT = FLOAT64.weight  # during and after the training
FACTOR = 16  # float32: TensorFlow's sigmoid alone is 8 units roundoff from the exact one
ROUNDOFF = float(np.finfo(np.float32).eps) / 2  # of float32

Level = Callable[[First, First], Iterable[Item]]


def float64_limits(items: Iterable[Item]) -> Iterator[tuple[Item, float]]:
    """Yield each item with its limit in float64, the same for all."""
    for item in items:
        yield item, ONE_BATCH


def float32_limits(level: Level, a: First, b: First, exact: First) -> Iterator[tuple[Item, float]]:
    """Yield each item of a level with its limit in float32; `exact` is side a in float64."""
    noise = {
        item.where: difference(item.where, item.a, item.b, None).error for item in level(a, exact)
    }
    for item in level(a, b):
        yield item, FACTOR * max(noise.get(item.where, 0.0), ROUNDOFF)
