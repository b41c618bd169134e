"""Faults in the losses, and in what a loss is given."""

import math

import numpy as np

import scratch
from experiments.churn import EXPERIMENT as churn
from experiments.circle import EXPERIMENT as circle
from experiments.mnist import EXPERIMENT as mnist
from experiments.perceptron import EXPERIMENT as perceptron
from experiments.xor import EXPERIMENT as xor

from .fault import fault
from .pages import momentum, saturated


def loss(change):
    """Return what puts another loss into the parts."""
    return lambda parts: parts._replace(loss=change(parts.loss))


def torch_loss(function):
    """Make a PyTorch loss of a function of (output, y)."""
    from torch import nn

    class Loss(nn.Module):
        reduction = "mean"

        def forward(self, z, y):
            return function(z, y)

    return Loss()


@fault("sum for a mean", "The binary cross-entropy is summed over the batch.", "loss", churn,
       "scratch,pytorch", "10 times")  # fmt: skip
def _(plant):
    def change(parts):
        parts.loss.reduction = "sum"

    plant.parts(change)


@fault("mean for a sum", "The squared errors are averaged where they are to be added.", "loss", xor,
       "scratch,pytorch", "scratch is 4 times that of pytorch, as a sum")  # fmt: skip
def _(plant):
    def change(parts):
        parts.loss.reduction = "mean"

    plant.parts(change)


@fault("½ forgotten", "The sum of squared errors stands for half of it.", "loss", perceptron,
       "pytorch,scratch", "scratch is 2 times that of pytorch, as a square")  # fmt: skip
def _(plant):
    plant.parts(loss(lambda own: scratch.SumSquaredError()))


@fault("derivative without its 2", "The gradient of the mean squared error lacks the factor.",
       "gradient, weights.3", circle, "pytorch,scratch",
       "pytorch is 2 times that of scratch")  # fmt: skip
def _(plant):
    class Halved(scratch.MeanSquaredError):
        def backward(self):
            return super().backward() / 2

    plant.parts(loss(lambda own: Halved()))


@fault("gradient not averaged", "The loss is a mean, its gradient that of a sum.",
       "gradient, weights.3", mnist, "pytorch,scratch", "a sum over the rows")  # fmt: skip
def _(plant):
    class Summed(scratch.CategoricalCrossEntropy):
        def backward(self):
            return super().backward() * len(self.t)

    plant.parts(loss(lambda own: Summed()))


@fault("averaged twice", "The gradient is divided by the number of rows once more.",
       "gradient, weights.3", mnist, "pytorch,scratch",
       "pytorch is 128 times that of scratch")  # fmt: skip
def _(plant):
    class Twice(scratch.CategoricalCrossEntropy):
        def backward(self):
            return super().backward() / len(self.t)

    plant.parts(loss(lambda own: Twice()))


@fault("ascent for descent", "The gradient has the other sign.", "gradient, weights.3", mnist,
       "pytorch,scratch", "opposite signs")  # fmt: skip
def _(plant):
    class Ascent(scratch.CategoricalCrossEntropy):
        def backward(self):
            return -super().backward()

    plant.parts(loss(lambda own: Ascent()))


@fault("softmax before CrossEntropyLoss", "The loss takes probabilities for logits.", "loss", mnist,
       "scratch,pytorch", "softmax is applied twice")  # fmt: skip
def _(plant):
    from torch.nn.functional import cross_entropy

    plant.parts(loss(lambda own: torch_loss(lambda z, y: cross_entropy(z.softmax(1), y))))


@fault("sigmoid before BCEWithLogitsLoss", "The loss takes probabilities for logits.", "loss",
       churn, "scratch,pytorch", "sigmoid is applied twice")  # fmt: skip
def _(plant):
    from torch.nn.functional import binary_cross_entropy_with_logits as entropy

    plant.parts(loss(lambda own: torch_loss(lambda z, y: entropy(z.sigmoid(), y))))


@fault("probabilities clipped", "log p is taken of p held between 1e-7 and 1 − 1e-7.", "loss",
       saturated, "scratch,pytorch", "probabilities clipped")  # fmt: skip
def _(plant):
    from torch.nn.functional import nll_loss

    def clipped(z, y):
        return nll_loss(z.softmax(1).clamp(1e-7, 1 - 1e-7).log(), y)

    plant.parts(loss(lambda own: torch_loss(clipped)))


@fault("(n, 1) against (n,)", "Every output is compared with every target.", "loss", circle,
       "scratch,pytorch", "taken over all pairs")  # fmt: skip
def _(plant):
    plant.parts(loss(lambda own: torch_loss(lambda z, y: ((z - y[:, 0]) ** 2).mean())))


@fault("divided by n − 1", "The mean is taken as a sample variance would be.", "loss", circle,
       "scratch,pytorch", "n − 1")  # fmt: skip
def _(plant):
    def change(z, y):
        return ((z - y) ** 2).sum() / (len(z) - 1)

    plant.parts(loss(lambda own: torch_loss(change)))


@fault("divided by the classes too", "The mean is over rows and outputs.", "loss", mnist,
       "pytorch,scratch", "pytorch is 10 times that of scratch")  # fmt: skip
def _(plant):
    class Mean(scratch.CategoricalCrossEntropy):
        def forward(self, z, y, w=None):
            return super().forward(z, y, w) / z.shape[1]

        def backward(self):
            return super().backward() / self.e.shape[1]

    plant.parts(loss(lambda own: Mean()))


@fault("smoothed labels", "A smoothing of 0.1 is left in one of the two.", "loss", momentum,
       "pytorch,scratch", "smooths the labels by 0.1")  # fmt: skip
def _(plant):
    plant.parts(loss(lambda own: scratch.CategoricalCrossEntropy(smoothing=0.1)))


@fault("logarithm to base 2", "The loss is measured in bits.", "loss", mnist, "pytorch,scratch",
       "base 2")  # fmt: skip
def _(plant):
    class Bits(scratch.CategoricalCrossEntropy):
        def forward(self, z, y, w=None):
            return super().forward(z, y, w) / math.log(2)

        def backward(self):
            return super().backward() / math.log(2)

    plant.parts(loss(lambda own: Bits()))


@fault("only the ones count", "The cross-entropy lacks its second term, (1 − y) log(1 − p).",
       "loss", churn, "scratch,pytorch", "only the first term")  # fmt: skip
def _(plant):
    from torch.nn.functional import logsigmoid

    plant.parts(loss(lambda own: torch_loss(lambda z, y: -(y * logsigmoid(z)).mean())))


@fault("penalty in one of the two", "λ Σ w² over the kernels counts in the loss.", "loss", momentum,
       "scratch,pytorch", "a penalty of 0.01")  # fmt: skip
def _(plant):
    def change(parts):
        kernels, own = [p for p in parts.network.parameters() if p.ndim > 1], parts.loss

        def penalized(z, y):
            total = own(z, y) + 0.01 * sum((w**2).sum() for w in kernels)
            return total if z.requires_grad else total.detach()

        return parts._replace(loss=torch_loss(penalized))

    plant.parts(change)


@fault("squared error for cross-entropy", "The probabilities' mean squared error is minimized.",
       "loss", churn, "scratch,pytorch", "a mean squared error of probabilities")  # fmt: skip
def _(plant):
    plant.parts(loss(lambda own: torch_loss(lambda z, y: ((z.sigmoid() - y) ** 2).mean())))


@fault("gradient in float32", "The loss hands its gradient on in single precision.",
       "gradient, weights.3", mnist, "pytorch,scratch", "scratch rounds to float32")  # fmt: skip
def _(plant):
    class Single(scratch.CategoricalCrossEntropy):
        def backward(self):
            return super().backward().astype(np.float32).astype(np.float64)

    plant.parts(loss(lambda own: Single()))


@fault("largest gradients cut off", "Every element of dz is held to ± 0.001.",
       "gradient, weights.3", mnist, "pytorch,scratch", "scratch clips at ± 0.001")  # fmt: skip
def _(plant):
    class Cut(scratch.CategoricalCrossEntropy):
        def backward(self):
            return np.clip(super().backward(), -1e-3, 1e-3)

    plant.parts(loss(lambda own: Cut()))
