"""More faults in layers: activations, padding and strides, and what Keras has in one layer."""

import numpy as np
import torch
from torch import nn

import scratch
from frameworks import Parts

from .fault import fault, rebased, swap
from .image_pages import images, scratch_images
from .pages import momentum, page


def replaced(plant, place, make):
    """Put another module at a place of the PyTorch network."""

    def change(parts):
        modules = [*parts.network]
        modules[place] = make(modules[place])
        return parts._replace(network=nn.Sequential(*modules))

    plant.parts(change)


@fault("ELU for tanh", "One hidden layer has an ELU.", "forward, layer 2", momentum,
       "scratch,pytorch", "pytorch has an ELU there; scratch has a tanh there")  # fmt: skip
def _(plant):
    replaced(plant, 1, lambda own: nn.ELU())


@fault("ELU for ReLU", "Below zero it is eᶻ − 1.", "forward, layer 2", images, "scratch,pytorch",
       "pytorch has an ELU there; scratch has a ReLU there")  # fmt: skip
def _(plant):
    replaced(plant, 2, lambda own: nn.ELU())


@fault("SiLU for ReLU", "z σ(z) stands for max(z, 0).", "forward, layer 2", images,
       "scratch,pytorch", "pytorch has a SiLU there; scratch has a ReLU there")  # fmt: skip
def _(plant):
    replaced(plant, 2, lambda own: nn.SiLU())


@fault("leaky ReLU for ReLU", "PyTorch's slope of 0.01 is left.", "forward, layer 2", images,
       "scratch,pytorch", "pytorch has a slope of 0.01 below zero there")  # fmt: skip
def _(plant):
    replaced(plant, 2, lambda own: nn.LeakyReLU())


@fault("softplus for ReLU", "Its smooth sibling stands for it.", "forward, layer 4", images,
       "scratch,pytorch", "pytorch has a softplus there; scratch has a ReLU there")  # fmt: skip
def _(plant):
    replaced(plant, 4, lambda own: nn.Softplus())


@fault("activation left out of a port", "No ReLU stands between two convolutions.",
       "forward, the input of layer 3 (convolution)", images, "scratch,pytorch",
       "scratch takes the output before it with a ReLU")  # fmt: skip
def _(plant):
    replaced(plant, 2, lambda own: nn.Identity())


@fault("padded by reflection", "PyTorch's padding_mode stands for zeros.", "forward, layer 1",
       images, "scratch,pytorch", "the padding or the stride differs")  # fmt: skip
def _(plant):
    def change(parts):
        own = parts.network[1]
        own.forward = lambda x: own._conv_forward(
            nn.functional.pad(x, (1, 1, 1, 1), "reflect"), own.weight, own.bias
        )

    plant.parts(change)


# --- a stride of 2 and padding "same": TensorFlow begins at the first pixel, PyTorch before it ---


def scratch_strided(spec=images.spec) -> Parts:
    """Return the network of `images` with one convolution of stride 2, as Keras pads it."""
    a, _ = spec.hidden
    network = scratch.Sequential(
        scratch.Reshape(8, 8, 1),
        scratch.Conv2D(1, a, kernel=3, stride=2, padding="same"),
        scratch.ReLU(),
        scratch.Flatten(),
        scratch.Dense(4 * 4 * a, spec.outputs),
    )
    optimizer = scratch.SGD(spec.learning_rate)
    return Parts(network, scratch.CategoricalCrossEntropy(), optimizer, strided_weights)


def strided_weights(spec, rng):
    a, _ = spec.hidden
    shapes = (3, 3, 1, a), (a,), (4 * 4 * a, spec.outputs), (spec.outputs,)
    return [rng.normal(size=shape) / 4 for shape in shapes]


def pytorch_strided(spec=images.spec) -> Parts:
    class ChannelsLast(nn.Module):
        def forward(self, x):
            return x.permute(0, 2, 3, 1)

    a, _ = spec.hidden
    network = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.ZeroPad2d((0, 1, 0, 1)),
        nn.Conv2d(1, a, 3, stride=2),
        nn.ReLU(),
        ChannelsLast(),
        nn.Flatten(),
        nn.Linear(4 * 4 * a, spec.outputs),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=spec.learning_rate)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, strided_weights)


strided = page("strided", images.spec, scratch=scratch_strided, pytorch=pytorch_strided)


@fault("'same' at stride 2", "padding=1 begins one pixel earlier than TensorFlow's 'same'.",
       "forward, layer 1 (convolution)", strided, "scratch,pytorch",
       "pytorch has windows at stride 2 that begin 1 pixel before the image")  # fmt: skip
def _(plant):
    def change(parts):
        modules = [*parts.network]
        modules[1] = nn.Identity()
        modules[2].padding = (1, 1)
        return parts._replace(network=nn.Sequential(*modules))

    plant.parts(change)


# --- flattening before a dropout ---


def scratch_flattened(spec=images.spec) -> Parts:
    parts = scratch_images(spec)
    *first, last = parts.network.layers
    network = scratch.Sequential(*first, scratch.Dropout(0.5, np.random.default_rng(1)), last)
    return parts._replace(network=network)


flattened = page("flattened", images.spec, scratch=scratch_flattened)


@fault("flattened otherwise before a dropout", "Channels come first, and a dropout follows.",
       "forward, the input of layer 6 (dropout)", flattened, "scratch,scratch",
       "images flattened channel by channel, (c, h, w), not (h, w, c)")  # fmt: skip
def _(plant):
    class Flatten(scratch.Flatten):
        def forward(self, X, training=False):
            self.before = X.shape
            return np.ascontiguousarray(X.transpose(0, 3, 1, 2)).reshape(len(X), -1)

        def backward(self, da):
            n, h, w, c = self.before
            return da.reshape(n, c, h, w).transpose(0, 2, 3, 1)

    plant.layers(lambda layers: swap(layers, scratch.Flatten, rebased(Flatten)))


# --- mistakes in backward that ties or an order of layers could hide ---


@fault("tanh' of z", "Backward takes 1 − z² for 1 − a².", "gradient, weights.5", momentum,
       "pytorch,scratch", "scratch takes 1 − z² for 1 − a²")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def forward(self, z, training=False):
            self.z = z.copy()
            return super().forward(z, training)

        def backward(self, da):
            return da * (1 - self.z**2)

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("activation passed back unchanged", "A tanh's backward hands its gradient on.",
       "gradient, weights.5", momentum, "pytorch,scratch",
       "scratch passes the gradient on as it is in the backward pass of")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def backward(self, da):
            return da

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("ReLU masks by z < 0", "The comparison is turned round.", "gradient, weights.3", images,
       "pytorch,scratch", "scratch masks by z < 0 in the backward pass of")  # fmt: skip
def _(plant):
    class ReLU(scratch.ReLU):
        def forward(self, z, training=False):
            self.z = z.copy()
            return super().forward(z, training)

        def backward(self, da):
            return da * (self.z < 0)

    plant.layers(lambda layers: swap(layers, scratch.ReLU, rebased(ReLU)))
