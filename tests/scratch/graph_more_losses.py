"""Losses of absolute errors, distributions, directions, images, sequences; see `graph_losses`."""

import numpy as np

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CosineLoss,
    Huber,
    KLDivergence,
    Mask,
    MeanAbsoluteError,
    Node,
    SequenceLoss,
    WeightedMean,
)

from .loss_case import LossCase, bits, classes, distributions, numbers


def absolute(x):
    return x.relu() + (-x).relu()


def mean_absolute_error(a, y, w):
    return (absolute(a - y).mean(1) * w).mean()


def huber(delta):
    def define(a, y, w):
        e = absolute(a - y)
        beyond = (e - delta).relu()  # ½e² − ½(e − δ)² = δ e − ½δ²
        return ((0.5 * e**2 - 0.5 * beyond**2).mean(1) * w).mean()

    return define


def divergence(a, y, w):
    return ((y * (Node(y).log() - a.log())).sum(1) * w).mean()


def cosine(offset):
    def define(a, y, w):
        lengths = ((a**2).sum(1) * (y**2).sum(1)) ** 0.5
        return ((offset - (a * y).sum(1) / lengths) * w).mean()

    return define


def pixels(divisor):
    def define(z, y, w):
        p = 1 / (1 + (-z).exp())
        ell = -(y * p.log() + (1 - y) * (1 - p).log())
        return (ell.sum((1, 2)) * w).mean() / divisor

    return define


REAL = np.arange(4) < np.array([4, 2, 1, 3, 4, 1, 2, 2, 3])[:, None]


class FirstRows(Mask):
    """The first rows of REAL, as many as a batch has."""

    def over(self, X):
        return REAL[: len(X)]


def sequence(over="real"):
    return SequenceLoss(CategoricalCrossEntropy(), mask=FirstRows(), over=over)


def cross_entropy_where(real, z, y, w):
    return -(np.eye(3)[y] * z.log_softmax()).sum(2) * real * w[:, None]


def over_steps(over):
    def define(z, y, w):
        real = REAL[: len(y)].astype(float)
        divisor = real.sum() if over == "real" else real.size
        return cross_entropy_where(real, z, y, w).sum() / divisor

    return define


def ignoring(z, y, w):
    real = (y != 1).astype(float)
    return cross_entropy_where(real, z, y, w).sum() / max(real.sum(), 1)


def by_weight(z, y, w):
    return (absolute(z - y).mean(1) * w).sum() / w.sum()


IMAGES = {
    "of images": LossCase(BinaryCrossEntropy, 3, bits, pixels(12), (4,)),
    "of images, summed": LossCase(
        lambda: BinaryCrossEntropy(sum_over_rows=True), 3, bits, pixels(1), (4,)
    ),
}
CASES: dict[type, dict[str, LossCase]] = {
    MeanAbsoluteError: {"": LossCase(MeanAbsoluteError, 3, numbers, mean_absolute_error)},
    Huber: {
        "": LossCase(Huber, 3, numbers, huber(1.0)),
        "narrow": LossCase(lambda: Huber(0.25), 3, numbers, huber(0.25)),
    },
    KLDivergence: {
        "": LossCase(KLDivergence, 3, distributions, divergence, outputs=distributions),
        "clipped": LossCase(
            KLDivergence.keras, 3, distributions, divergence, outputs=distributions
        ),
    },
    CosineLoss: {
        "from -1": LossCase(CosineLoss.keras, 3, numbers, cosine(0)),
        "from 0": LossCase(CosineLoss.pytorch, 3, numbers, cosine(1)),
    },
    WeightedMean: {
        "": LossCase(lambda: WeightedMean(MeanAbsoluteError()), 3, numbers, by_weight),
    },
    SequenceLoss: {
        "over real steps": LossCase(sequence, 3, classes, over_steps("real"), (4,)),
        "over all steps": LossCase(lambda: sequence("all"), 3, classes, over_steps("all"), (4,)),
        "ignoring a label": LossCase(
            lambda: SequenceLoss(CategoricalCrossEntropy(), ignore=1), 3, classes, ignoring, (4,)
        ),
    },
}
