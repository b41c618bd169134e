"""Every loss of scratch, defined a second time on the computational graph.

Each definition is the mathematics of the docstring and nothing else: no gradient, no stabilized
form, and no code of the losses. A case says how to make the loss, how to draw its targets, and what
it computes.
"""

import numpy as np

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    HalfSquaredError,
    MeanSquaredError,
    NegativeLogLikelihood,
    PerceptronLoss,
    SumSquaredError,
)

from . import graph_more_losses
from .loss_case import LossCase, bits, classes, numbers


def sum_squared_error(a, y, w):
    return (((a - y) ** 2).sum(1) * w).sum()


def half_squared_error(a, y, w):
    return sum_squared_error(a, y, w) / 2


def mean_squared_error(a, y, w):
    return (((a - y) ** 2).mean(1) * w).mean()


def binary(smoothing=0.0, v=(1.0, 1.0)):
    def define(z, y, w):
        p, w = 1 / (1 + (-z).exp()), w * np.where(y[:, 0] == 1, v[1], v[0])
        q = (1 - smoothing) * y + smoothing / 2
        ell = -(q * p.log() + (1 - q) * (1 - p).log())
        return (ell.sum(1) * w).mean()

    options = {"smoothing": smoothing, "class_weights": v}
    return LossCase(lambda: BinaryCrossEntropy(**options), 1, bits, define)


def of_softmax(z):
    return (z.exp() / z.exp().sum(1, keepdims=True)).log()


def categorical(smoothing=0.0, v=(1.0, 1.0, 1.0, 1.0), log_p=of_softmax, **options):
    v, ignore, total = np.array(v), options.get("ignore"), options.get("reduction") == "sum"

    def define(z, y, w):
        rows = np.flatnonzero(y != ignore) if ignore is not None else np.arange(len(y))
        y, w = y[rows], w[rows]
        q = (1 - smoothing) * np.eye(len(v))[y] + smoothing / len(v)
        terms = -q * log_p(z)[rows]
        if options.get("weighted_mean"):
            return ((terms * v).sum(1) * w).sum() / (1 if total else v[y].sum() or 1)
        return (terms.sum(1) * w * v[y]).sum() / (1 if total else max(len(rows), 1))

    if log_p is of_softmax:
        options["smoothing"] = smoothing
    loss = CategoricalCrossEntropy if log_p is of_softmax else NegativeLogLikelihood
    return LossCase(lambda: loss(class_weights=v, **options), len(v), classes, define)


def likelihood(**options):
    return categorical(log_p=lambda a: a, **options)


def perceptron(z, y, w):
    rows, r = np.arange(len(y)), z.relu().value.tolist()
    c = np.array([row.index(max(row)) for row in r])
    return ((z[rows, c] - z[rows, y]) * w).mean()


V2, V4 = (0.25, 3.0), (0.5, 2.0, 0.0, 3.0)

LOSSES: dict[type, dict[str, LossCase]] = {
    HalfSquaredError: {"": LossCase(HalfSquaredError, 3, numbers, half_squared_error)},
    SumSquaredError: {"": LossCase(SumSquaredError, 3, numbers, sum_squared_error)},
    MeanSquaredError: {"": LossCase(MeanSquaredError, 3, numbers, mean_squared_error)},
    BinaryCrossEntropy: {
        "": binary()._replace(make=BinaryCrossEntropy),
        **graph_more_losses.IMAGES,
        "smoothing": binary(0.1),
        "class weights": binary(v=V2),
        "smoothing and class weights": binary(0.1, V2),
    },
    CategoricalCrossEntropy: {
        "": categorical()._replace(make=CategoricalCrossEntropy),
        "smoothing": categorical(0.1),
        "class weights": categorical(v=V4),
        "smoothing and class weights": categorical(0.1, V4),
        "weighted mean": categorical(v=V4, weighted_mean=True),
        "smoothing and weighted mean": categorical(0.1, V4, weighted_mean=True),
        "ignored class": categorical(ignore=1),
        "smoothing and ignored class": categorical(0.1, V4, ignore=1),
        "weighted mean and ignored class": categorical(0.1, V4, weighted_mean=True, ignore=1),
        "sum": categorical(0.1, V4, reduction="sum"),
    },
    NegativeLogLikelihood: {
        "": likelihood(),
        "weighted mean": likelihood(v=V4, weighted_mean=True),
        "ignored class": likelihood(v=V4, ignore=1),
        "sum": likelihood(v=V4, reduction="sum", weighted_mean=True),
    },
    **graph_more_losses.CASES,
    PerceptronLoss: {"": LossCase(PerceptronLoss, 4, classes, perceptron)},
}
