"""More faults in losses: other formulas, other numbers of rows, other targets."""

import torch
from torch.nn import functional

import scratch
from experiments.churn import EXPERIMENT as churn
from experiments.circle import EXPERIMENT as circle
from frameworks.pytorch.adapter import PyTorchAdapter
from scratch import EpochResult

from .fault import fault
from .losses import loss, torch_loss
from .pages import momentum


def entropy(plant, change):
    """Give PyTorch another loss of (z, y)."""
    plant.parts(loss(lambda own: torch_loss(change)))


@fault("logits cast to float32", "The loss is computed in single precision.", "loss", momentum,
       "scratch,pytorch", "pytorch has a loss of logits rounded to float32")  # fmt: skip
def _(plant):
    entropy(plant, lambda z, y: functional.cross_entropy(z.float().double(), y))


@fault("last batch by its nominal size", "The sum is divided by 12, though 10 rows are left.",
       "trajectory, the batch's loss", momentum, "scratch,pytorch",
       "pytorch divides the loss of the last batch, of 10 rows, by 12")  # fmt: skip
def _(plant):
    def change(z, y):
        total = functional.cross_entropy(z, y, reduction="sum")
        return total / (12 if len(z) in (10, 12) else len(z))

    entropy(plant, change)


@fault("loss of the batch before", "What is reported lags behind by one step.",
       "step, loss of the step", momentum, "scratch,pytorch",
       "pytorch reports the loss of the step before")  # fmt: skip
def _(plant):
    train, before = PyTorchAdapter.train, []

    def changed(self, data, orders, batch_size):
        for result in train(self, data, orders, batch_size):
            late = before[-1] if before else 0.0
            before[:] = [result.loss]
            yield EpochResult(late, result.accuracy)

    plant.patch.setattr(PyTorchAdapter, "train", changed)


@fault("ones weigh twice", "pos_weight=2 is left in one of the two.", "loss", churn,
       "scratch,pytorch", "pytorch has a loss in which ones weigh 2 times")  # fmt: skip
def _(plant):
    weight = torch.tensor(2.0, dtype=torch.float64)
    entropy(plant, lambda z, y: functional.binary_cross_entropy_with_logits(
        z, y, pos_weight=weight))  # fmt: skip


@fault("targets of 0.9 and 0.1", "Binary labels are smoothed by 0.2.", "loss", churn,
       "scratch,pytorch", "pytorch has a loss of targets smoothed by 0.2")  # fmt: skip
def _(plant):
    entropy(plant, lambda z, y: functional.binary_cross_entropy_with_logits(z, 0.8 * y + 0.1))


@fault("smoothing of 0.05", "Another smoothing than any default.", "loss", momentum,
       "pytorch,scratch", "smooths the labels by 0.05")  # fmt: skip
def _(plant):
    plant.parts(loss(lambda own: scratch.CategoricalCrossEntropy(smoothing=0.05)))


@fault("absolute error", "The absolute error stands for the squared one.", "loss", circle,
       "scratch,pytorch", "pytorch has a loss that is a mean absolute error")  # fmt: skip
def _(plant):
    entropy(plant, functional.l1_loss)


@fault("Huber's loss", "It is squared near 0 and absolute beyond ½.", "loss", circle,
       "scratch,pytorch", "pytorch has a loss that is Huber's, with δ = 0.5")  # fmt: skip
def _(plant):
    entropy(plant, lambda z, y: functional.huber_loss(z, y, delta=0.5))


@fault("penalty on the weights' sizes", "λ Σ |w| over the kernels counts in the loss.", "loss",
       momentum, "scratch,pytorch",
       "pytorch adds a penalty of 0.001 Σ |w| over kernels")  # fmt: skip
def _(plant):
    def change(parts):
        kernels, own = [p for p in parts.network.parameters() if p.ndim > 1], parts.loss

        def penalized(z, y):
            total = own(z, y) + 0.001 * sum(w.abs().sum() for w in kernels)
            return total if z.requires_grad else total.detach()

        return parts._replace(loss=torch_loss(penalized))

    plant.parts(change)


@fault("penalty on the outputs", "λ Σ z² of the logits counts in the loss.", "loss", momentum,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class Penalized(scratch.CategoricalCrossEntropy):
        def forward(self, z, y, w=None):
            return super().forward(z, y, w) + 1e-4 * (z**2).sum()

    plant.parts(loss(lambda own: Penalized()))


@fault("mean squared error of one-hot rows", "The loss of a regression is left.", "loss", momentum,
       "scratch,pytorch",
       "pytorch has a loss that is a mean squared error of one-hot targets")  # fmt: skip
def _(plant):
    entropy(plant, lambda z, y: functional.mse_loss(z, functional.one_hot(y, 10).double()))


@fault("logarithm forgotten", "NLLLoss is given probabilities.", "loss", momentum,
       "scratch,pytorch",
       "pytorch has a loss of probabilities, without their logarithm")  # fmt: skip
def _(plant):
    entropy(plant, lambda z, y: functional.nll_loss(z.softmax(1), y))


@fault("focal loss", "Rows that are right already count less.", "loss", momentum, "scratch,pytorch",
       "pytorch has a loss that is focal, with γ = 2")  # fmt: skip
def _(plant):
    def focal(z, y):
        log_p = z.log_softmax(1).gather(1, y[:, None])[:, 0]
        return -((1 - log_p.exp()) ** 2 * log_p).mean()

    entropy(plant, focal)
