"""Faults in the layers: forward, backward, and what they keep."""

import numpy as np

import scratch
from experiments.mnist import EXPERIMENT as mnist
from experiments.xor import EXPERIMENT as xor
from scratch.layers.activations import softmax

from .fault import fault, rebased, swap
from .image_pages import images
from .pages import leaky, momentum


@fault("bias not added", "A dense layer computes X W and forgets b.", "forward, layer 1", momentum,
       "pytorch,scratch", "leaves the bias out")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X, training=False):
            self.X = X
            return X @ self.W

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("kernel transposed in forward", "A square matrix is applied as its transpose.",
       "forward, layer 3", momentum, "pytorch,scratch", "kernel is transposed")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X, training=False):
            self.X = X
            return X @ (self.W.T if self.W.shape == (8, 8) else self.W) + self.b

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("bias gradient averaged", "db is the mean of dz over the rows, not its sum.",
       "gradient, weights.7", momentum, "pytorch,scratch",
       "scratch averages the bias's gradient over the rows")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1] /= len(dz)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("bias gradient forgotten", "backward sets dW and leaves db at zero.", "gradient, weights.7",
       momentum, "pytorch,scratch", "no gradient for weights.1")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            self.grads[0][...] = self.X.T @ dz

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("dX without the transpose", "A square layer passes dz W back, not dz Wᵀ.",
       "gradient, weights.3", momentum, "pytorch,scratch",
       "scratch passes dz W back, not dz Wᵀ")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward(self, dz):
            self.backward_params(dz)
            return dz @ (self.W if self.W.shape == (8, 8) else self.W.T)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("wrong axis in a sum", "db is summed along the outputs, and spread over them.",
       "gradient, weights.7", momentum, "pytorch,scratch",
       "scratch sums the bias's gradient over the wrong axis")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1][...] = dz.sum(axis=1)[: dz.shape[1]]

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("sigmoid for a tanh", "One hidden layer has the wrong activation.", "forward, layer 2",
       momentum, "pytorch,scratch", "a sigmoid there")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, scratch.Tanh, lambda layer: scratch.Sigmoid()))


@fault("activation forgotten", "One hidden layer passes z on as it is.", "forward, layer 2",
       momentum, "pytorch,scratch", "no activation there")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def forward(self, z, training=False):
            self.a = np.tanh(z)
            return z

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("relu'(0) = 1", "At the kink the derivative is 1, as that of maximum(z, 0).",
       "gradient, weights.1", images, "pytorch,scratch",
       "scratch takes 1 for the derivative at 0")  # fmt: skip
def _(plant):
    class ReLU(scratch.ReLU):
        def forward(self, z, training=False):
            self.z = z.copy()
            return super().forward(z, training)

        def backward(self, da):
            return da * (self.z >= 0)

    plant.layers(lambda layers: swap(layers, scratch.ReLU, rebased(ReLU)))


@fault("ReLU masks by the gradient", "backward is max(da, 0), not da where z > 0.",
       "gradient, weights.3", images, "pytorch,scratch",
       "scratch masks by the gradient, not by z > 0")  # fmt: skip
def _(plant):
    class ReLU(scratch.ReLU):
        def backward(self, da):
            return np.maximum(da, 0)

    plant.layers(lambda layers: swap(layers, scratch.ReLU, rebased(ReLU)))


@fault("sigmoid' of z", "The derivative a (1 − a) is taken of z.", "gradient, weights.1", xor,
       "pytorch,scratch", "scratch takes z (1 − z) for a (1 − a)")  # fmt: skip
def _(plant):
    class Sigmoid(scratch.Sigmoid):
        def forward(self, z, training=False):
            self.z = z.copy()
            return super().forward(z, training)

        def backward(self, da):
            return da * self.z * (1 - self.z)

    plant.layers(lambda layers: swap(layers, scratch.Sigmoid, rebased(Sigmoid)))


@fault("tanh' without the square", "The derivative is 1 − a, not 1 − a².", "gradient, weights.5",
       momentum, "pytorch,scratch", "scratch takes 1 − a for 1 − a²")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def backward(self, da):
            return da * (1 - self.a)

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("another leaky slope", "Keras' slope of 0.3 stands where another was meant.",
       "forward, layer 2", leaky, "pytorch,scratch",
       "scratch has a slope of 0.3 below zero")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, scratch.LeakyReLU, lambda _: scratch.LeakyReLU(0.3)))


@fault("leaky slope lost in backward", "Backward is that of a plain ReLU.", "gradient, weights.1",
       leaky, "pytorch,scratch", "scratch takes 0 for the slope below zero")  # fmt: skip
def _(plant):
    class LeakyReLU(scratch.LeakyReLU):
        def backward(self, da):
            return da * (self.z > 0)

    plant.layers(lambda layers: swap(layers, scratch.LeakyReLU, rebased(LeakyReLU)))


@fault("softmax on logits", "A softmax ends the network, before a loss on logits.",
       "forward, the network's outputs", mnist, "pytorch,scratch", "applies a softmax")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: [*layers, scratch.Softmax()])


@fault("softmax along the rows", "The outputs are normalized over the batch.",
       "forward, the network's outputs", mnist, "pytorch,scratch", "over the rows")  # fmt: skip
def _(plant):
    class Softmax(scratch.Softmax):
        def forward(self, z, training=False):
            self.a = softmax(z.T).T
            return self.a

    plant.layers(lambda layers: [*layers, Softmax()])


@fault("layer in float32", "One layer computes in float32 within a float64 network.",
       "forward, layer 1", momentum, "pytorch,scratch", "representable in float32")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X, training=False):
            self.X = X
            single = X.astype(np.float32) @ self.W.astype(np.float32) + self.b.astype(np.float32)
            return single.astype(np.float64)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("two layers share an array", "An activation writes over what an earlier one has kept.",
       "gradient, weights.4", momentum, "pytorch,scratch")  # fmt: skip
def _(plant):
    shared = {}

    class Tanh(scratch.Tanh):
        def forward(self, z, training=False):
            self.a = shared.setdefault(z.shape, np.empty_like(z))
            return np.tanh(z, out=self.a)

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))
