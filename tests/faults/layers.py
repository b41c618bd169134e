"""Faults in the layers: forward, backward, and what they keep."""

import numpy as np

import scratch
from experiments import mnist, xor
from scratch.layers.activations import softmax

from .fault import fault
from .pages import RATE, dropout, images, leaky, momentum, normal, ties


def swap(layers, cls, other):
    """Put `other(layer)` in the place of every layer of a class."""
    return [other(layer) if type(layer) is cls else layer for layer in layers]


def rebased(cls):
    """Make a layer of another class of an existing one, which keeps all that it has."""

    def change(layer):
        layer.__class__ = cls
        return layer

    return change


@fault("bias not added", "A dense layer computes X W and forgets b.", "forward", momentum,
       "pytorch,scratch", "leaves the bias out")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X):
            self.X = X
            return X @ self.W

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("kernel transposed in forward", "A square matrix is applied as its transpose.", "forward",
       momentum, "pytorch,scratch", "kernel is transposed")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X):
            self.X = X
            return X @ (self.W.T if self.W.shape == (8, 8) else self.W) + self.b

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("bias gradient averaged", "db is the mean of dz over the rows, not its sum.", "gradient",
       momentum, "pytorch,scratch", "a mean over the rows, not their sum in the biases'")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1] /= len(dz)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("bias gradient forgotten", "backward sets dW and leaves db at zero.", "gradient", momentum,
       "pytorch,scratch", "no gradient arrives")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            self.grads[0][...] = self.X.T @ dz

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("dX without the transpose", "A square layer passes dz W back, not dz Wᵀ.", "gradient",
       momentum, "pytorch,scratch")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward(self, dz):
            self.backward_params(dz)
            return dz @ (self.W if self.W.shape == (8, 8) else self.W.T)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("wrong axis in a sum", "db is summed along the outputs, and spread over them.", "gradient",
       momentum, "pytorch,scratch")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1][...] = dz.sum(axis=1)[: dz.shape[1]]

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("sigmoid for a tanh", "One hidden layer has the wrong activation.", "forward", momentum,
       "pytorch,scratch", "a sigmoid there")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, scratch.Tanh, lambda layer: scratch.Sigmoid()))


@fault("activation forgotten", "One hidden layer passes z on as it is.", "forward", momentum,
       "pytorch,scratch", "no activation there")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def forward(self, z):
            self.a = np.tanh(z)
            return z

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("relu'(0) = 1", "At the kink the derivative is 1, as that of maximum(z, 0).", "gradient",
       images, "pytorch,scratch", "exactly 0, where the derivative is a convention")  # fmt: skip
def _(plant):
    class ReLU(scratch.ReLU):
        def forward(self, z):
            self.z = z.copy()
            return super().forward(z)

        def backward(self, da):
            return da * (self.z >= 0)

    plant.layers(lambda layers: swap(layers, scratch.ReLU, rebased(ReLU)))


@fault("ReLU masks by the gradient", "backward is max(da, 0), not da where z > 0.", "gradient",
       images, "pytorch,scratch")  # fmt: skip
def _(plant):
    class ReLU(scratch.ReLU):
        def backward(self, da):
            return np.maximum(da, 0)

    plant.layers(lambda layers: swap(layers, scratch.ReLU, rebased(ReLU)))


@fault("sigmoid' of z", "The derivative a (1 − a) is taken of z.", "gradient", xor,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class Sigmoid(scratch.Sigmoid):
        def forward(self, z):
            self.z = z.copy()
            return super().forward(z)

        def backward(self, da):
            return da * self.z * (1 - self.z)

    plant.layers(lambda layers: swap(layers, scratch.Sigmoid, rebased(Sigmoid)))


@fault("tanh' without the square", "The derivative is 1 − a, not 1 − a².", "gradient", momentum,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class Tanh(scratch.Tanh):
        def backward(self, da):
            return da * (1 - self.a)

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


@fault("another leaky slope", "Keras' slope of 0.3 stands where another was meant.", "forward",
       leaky, "pytorch,scratch", "slope below zero is 0.3")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, scratch.LeakyReLU, lambda _: scratch.LeakyReLU(0.3)))


@fault("leaky slope lost in backward", "Backward is that of a plain ReLU.", "gradient", leaky,
       "pytorch,scratch")  # fmt: skip
def _(plant):
    class LeakyReLU(scratch.LeakyReLU):
        def backward(self, da):
            return da * (self.z > 0)

    plant.layers(lambda layers: swap(layers, scratch.LeakyReLU, rebased(LeakyReLU)))


@fault("softmax on logits", "A softmax ends the network, before a loss on logits.", "forward",
       mnist, "pytorch,scratch", "applies a softmax")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: [*layers, scratch.Softmax()])


@fault("softmax along the rows", "The outputs are normalized over the batch.", "forward", mnist,
       "pytorch,scratch", "along the rows")  # fmt: skip
def _(plant):
    class Softmax(scratch.Softmax):
        def forward(self, z):
            self.a = softmax(z.T).T
            return self.a

    plant.layers(lambda layers: [*layers, Softmax()])


@fault("layer in float32", "One layer computes in float32 within a float64 network.", "forward",
       momentum, "pytorch,scratch", "float32 holds")  # fmt: skip
def _(plant):
    class Dense(scratch.Dense):
        def forward(self, X):
            self.X = X
            single = X.astype(np.float32) @ self.W.astype(np.float32) + self.b.astype(np.float32)
            return single.astype(np.float64)

    plant.layers(lambda layers: swap(layers, scratch.Dense, rebased(Dense)))


@fault("two layers share an array", "An activation writes over what an earlier one has kept.",
       "gradient", momentum, "pytorch,scratch")  # fmt: skip
def _(plant):
    shared = {}

    class Tanh(scratch.Tanh):
        def forward(self, z):
            self.a = shared.setdefault(z.shape, np.empty_like(z))
            return np.tanh(z, out=self.a)

    plant.layers(lambda layers: swap(layers, scratch.Tanh, rebased(Tanh)))


# --- images ---


def patch_convolution(plant, change):
    class Conv2D(scratch.Conv2D):
        def forward(self, X):
            W = self.W.copy()
            self.W[...] = change(W)
            z = super().forward(X)
            self.W[...] = W
            return z

    plant.layers(lambda layers: swap(layers, scratch.Conv2D, rebased(Conv2D)))


@fault("kernel turned round", "A convolution as in mathematics, not a correlation.", "forward",
       images, "pytorch,scratch", "turned round")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W[::-1, ::-1].copy())


@fault("kernel's height and width confused", "The kernel is applied transposed.", "forward",
       images, "pytorch,scratch", "kernel is transposed")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W.swapaxes(0, 1).copy())


@fault("kernel's channels confused", "The output channels are counted backwards.", "forward",
       images, "pytorch,scratch", "channels confused")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W[..., ::-1].copy())


@fault("same for valid", "The image is padded with zeros where it should shrink.", "forward",
       images, "scratch,pytorch", "paddings differ")  # fmt: skip
def _(plant):
    def change(parts):
        parts.network[1].padding = (1, 1)

    plant.parts(change)


@fault("convolution's bias gradient averaged", "db is a mean over rows and places.", "gradient",
       images, "pytorch,scratch")  # fmt: skip
def _(plant):
    class Conv2D(scratch.Conv2D):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1] /= dz.size // dz.shape[-1]

    plant.layers(lambda layers: swap(layers, scratch.Conv2D, rebased(Conv2D)))


class Ties(scratch.MaxPool2D):
    """The gradient goes to the maxima that `chosen` picks, of windows of 3 x 3."""

    def forward(self, X):
        self.X = X.copy()
        self.z = super().forward(X).copy()
        return self.z

    def backward(self, dz):
        dX = np.zeros_like(self.X)
        for i, y, x, c in np.ndindex(dz.shape):
            window = np.s_[i, 3 * y : 3 * y + 3, 3 * x : 3 * x + 3, c]
            maxima = np.argwhere(self.X[window] == self.z[i, y, x, c])
            for u, v in self.chosen(maxima):
                dX[window][u, v] += dz[i, y, x, c]
        return dX


@fault("last maximum for the first", "In a tie the gradient goes to the last maximum.", "gradient",
       ties, "pytorch,scratch", "several maxima")  # fmt: skip
def _(plant):
    class MaxPool2D(Ties):
        def chosen(self, maxima):
            return maxima[-1:]

    plant.layers(lambda layers: swap(layers, scratch.MaxPool2D, rebased(MaxPool2D)))


@fault("gradient to every maximum", "In a tie each maximum gets the whole gradient.", "gradient",
       ties, "pytorch,scratch", "several maxima")  # fmt: skip
def _(plant):
    class MaxPool2D(Ties):
        def chosen(self, maxima):
            return maxima

    plant.layers(lambda layers: swap(layers, scratch.MaxPool2D, rebased(MaxPool2D)))


@fault("mean for a maximum", "Average pooling stands where max-pooling was meant.", "forward",
       images, "pytorch,scratch", "takes the mean")  # fmt: skip
def _(plant):
    plant.layers(
        lambda layers: swap(layers, scratch.MaxPool2D, lambda _: scratch.AveragePool2D(3))
    )


@fault("flattened in Fortran's order", "Images become rows with the first axis fastest.",
       "forward", images, "pytorch,scratch", "Fortran's order")  # fmt: skip
def _(plant):
    class Flatten(scratch.Flatten):
        def forward(self, X):
            return super().forward(np.ascontiguousarray(X.transpose(0, 3, 2, 1)))

        def backward(self, da):
            return super().backward(da).transpose(0, 3, 2, 1)

    plant.layers(lambda layers: swap(layers, scratch.Flatten, rebased(Flatten)))


# --- dropout ---


@fault("dropout left on", "Outputs are dropped in predictions too.", "forward", dropout,
       "scratch,scratch", "dropout is on outside training")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X):
            before, self.training = self.training, True
            a = super().forward(X)
            self.training = before
            return a

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("dropout left off", "Nothing is dropped in training.", "forward", dropout,
       "scratch,scratch", "no activation there, not a dropout")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X):
            self.mask = None
            return X

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("dropout not scaled", "What is kept is not multiplied by 1/(1 − p).", "forward", dropout,
       "scratch,scratch", "scaled by another factor")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X):
            a = super().forward(X)
            return a * (1 - RATE) if self.training else a

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("another mask in backward", "backward draws its own mask.", "gradient", dropout,
       "scratch,scratch")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def backward(self, da):
            mask = np.random.default_rng(6).random(da.shape) >= RATE
            return da * mask / (1 - RATE)

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


# --- batch normalization ---


def normalize(plant, cls):
    plant.layers(lambda layers: swap(layers, scratch.BatchNorm, rebased(cls)))


@fault("batch statistics at test time", "Predictions depend on the other rows.", "forward",
       normal, "scratch,scratch", "the batch's statistics")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X):
            before, state = self.training, {k: a.copy() for k, a in self.state.items()}
            self.training = True
            a = super().forward(X)
            if not before:
                self.state = state
            self.training = before
            return a

    normalize(plant, BatchNorm)


@fault("running statistics in training", "Batches are normalized as predictions are.", "forward",
       normal, "scratch,scratch", "the running statistics")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X):
            before, self.training = self.training, False
            a = super().forward(X)
            self.training = before
            return a

    normalize(plant, BatchNorm)


@fault("unbiased variance in training", "Batches are divided by the variance over n − 1.",
       "forward", normal, "scratch,scratch", "unbiased variance")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X):
            if not self.training:
                return super().forward(X)
            super().forward(X)
            m = len(X)
            variance = X.var(axis=0) * m / (m - 1)
            self.scale = 1 / np.sqrt(variance + self.epsilon)
            self.x_hat = (X - X.mean(axis=0)) * self.scale
            return self.params[0] * self.x_hat + self.params[1]

    normalize(plant, BatchNorm)


@fault("unbiased running variance", "PyTorch's running variance stands for Keras'.", "result",
       normal, "scratch,scratch")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].unbiased = True

    plant.layers(change)


@fault("momentum for 1 − momentum", "Running statistics take 0.99 of each batch, not 0.01.",
       "result", normal, "scratch,scratch")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].momentum = 1 - layers[1].momentum

    plant.layers(change)


@fault("batch norm's ε", "PyTorch's 1e-5 stands for Keras' 1e-3.", "forward", normal,
       "scratch,scratch", "ε = 1e-05")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].epsilon = 1e-5

    plant.layers(change)


@fault("statistics taken for constants", "dX leaves out that μ and σ depend on X.", "gradient",
       normal, "scratch,scratch")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def backward(self, da):
            super().backward(da)
            return da * self.params[0] * self.scale

    normalize(plant, BatchNorm)
