"""Faults in an autoencoder of images: what is lost on the way to the code, and how it is judged."""

import scratch
from scratch import BinaryCrossEntropy, ReLU

from .fault import fault, swap
from .moved_pages import images


def criterion(plant, loss):
    """Put another loss into scratch's parts."""
    plant.parts(lambda parts: parts._replace(loss=loss))


@fault("pixels summed", "The loss is the sum over an image's pixels.", "loss, loss", images,
       "scratch,scratch", "is 784 times that of")  # fmt: skip
def _(plant):
    criterion(plant, BinaryCrossEntropy(sum_over_rows=True))


@fault("squares for bits", "The mean squared error of logits stands for the cross-entropy.",
       "loss, loss", images, "scratch,scratch",
       "has a loss that is a mean squared error")  # fmt: skip
def _(plant):
    criterion(plant, scratch.MeanSquaredError())


@fault("pixels made black or white", "The loss rounds the pixels that it compares with.",
       "loss, loss", images, "scratch,scratch",
       "with targets rounded to 0 or 1")  # fmt: skip
def _(plant):
    class Rounded(BinaryCrossEntropy):
        def forward(self, z, y, w=None):
            return super().forward(z, y.round(), w)

    criterion(plant, Rounded())


@fault("sigmoid twice", "The network ends in the sigmoid that the loss includes.",
       "forward, outputs", images, "scratch,scratch",
       "applies a sigmoid to the output")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: [*layers, scratch.Sigmoid()])


@fault("code without activation", "The code is linear.", "forward, the input of layer", images,
       "scratch,scratch", "takes the output before it as it is")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: [each for each in layers if not isinstance(each, ReLU)])


@fault("code squashed", "The code is a sigmoid's.", "forward, layer 2", images, "scratch,scratch",
       "scratch has a sigmoid there")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, ReLU, lambda layer: scratch.Sigmoid()))


@fault("gradient of a sum", "The gradient is that of the sum over the pixels, the loss the mean.",
       "gradient, weights.", images, "scratch,scratch", "is 784 times that of")  # fmt: skip
def _(plant):
    class Summed(BinaryCrossEntropy):
        def backward(self):
            return super().backward() * 784

    criterion(plant, Summed())
