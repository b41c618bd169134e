"""Operators of training: losses and optimizers; see `layer_operators`."""

import numpy as np

from scratch import (
    SGD,
    Adagrad,
    Adam,
    CategoricalCrossEntropy,
    CoupledWeightDecay,
    InverseTimeRate,
    LogSoftmax,
    NegativeLogLikelihood,
)

from .layer_operators import channels_first, channels_last

LATE = 10**6  # a step at which no β leaves anything to correct


def loss(make):
    def forward(x, y, weight=None, *, ignore_index=None, reduction="mean"):
        whole = make(
            class_weights=weight,
            weighted_mean=weight is not None,
            ignore=ignore_index,
            reduction="sum" if reduction == "sum" else "mean",
        )
        z = channels_last(x)
        value = whole.forward(z.reshape(-1, z.shape[-1]), y.reshape(-1))
        value = whole.ell.reshape(y.shape) if reduction == "none" else value
        return value, channels_first(LogSoftmax().forward(z))

    return forward


def optimizer(make, *names):
    """Return an operator that steps any number of arrays, which scratch sees as one vector.

    After R and T, the rate and the number of steps before, come all X, all G, and all arrays of
    each name in the optimizer's state.
    """

    def forward(R, T, *arrays, norm_coefficient=0.0, **options):
        count = len(arrays) // (2 + len(names))
        kinds = [arrays[i : i + count] for i in range(0, len(arrays), count)]
        theta, g, *state = (np.concatenate([np.ravel(a) for a in each]) for each in kinds)
        inner = make(float(R), int(T), **options)
        inner.state |= dict(zip(names, state, strict=True))
        CoupledWeightDecay(norm_coefficient, inner).step(theta, g)
        ends = np.cumsum([a.size for a in kinds[0]])[:-1]
        flat = [theta, *(inner.state[name] for name in names)]
        return [part for a in flat for part in np.split(a, ends)]

    return forward


def adam(rate, t, *, alpha=0.9, beta=0.999, epsilon=0.0):
    """At T = 0 ONNX corrects no bias."""
    made = Adam(rate, beta_1=alpha, beta_2=beta, epsilon=epsilon, epsilon_hat=True)
    made.state["t"] = np.array(t - 1 if t else LATE)
    return made


def momentum(rate, t, *, alpha, beta, mode):
    """β scales every gradient but the first."""
    return SGD(rate, momentum=alpha, dampening=1 - beta if t else 0.0, nesterov=mode == "nesterov")


def adagrad(rate, t, *, decay_factor=0.0, epsilon=0.0):
    return Adagrad(InverseTimeRate(rate, decay_factor)(t), epsilon=epsilon)


OPERATORS = {
    "Adagrad": optimizer(adagrad, "s"),
    "Adam": optimizer(adam, "m", "v"),
    "Momentum": optimizer(momentum, "v"),
    "NegativeLogLikelihoodLoss": loss(NegativeLogLikelihood),
    "SoftmaxCrossEntropyLoss": loss(CategoricalCrossEntropy),
}
