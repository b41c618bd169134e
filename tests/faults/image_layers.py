"""Faults in the layers of images: convolution, pooling, flattening."""

import numpy as np

import scratch

from .fault import fault, rebased, swap
from .image_pages import images, ties


def patch_convolution(plant, change):
    class Conv2D(scratch.Conv2D):
        def forward(self, X, training=False):
            W = self.W.copy()
            self.W[...] = change(W)
            z = super().forward(X, training)
            self.W[...] = W
            return z

    plant.layers(lambda layers: swap(layers, scratch.Conv2D, rebased(Conv2D)))


@fault("kernel turned round", "A convolution as in mathematics, not a correlation.",
       "forward, layer 1", images, "pytorch,scratch", "rotated by 180°")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W[::-1, ::-1].copy())


@fault("kernel's height and width confused", "The kernel is applied transposed.",
       "forward, layer 1", images, "pytorch,scratch", "kernel is transposed")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W.swapaxes(0, 1).copy())


@fault("kernel's channels confused", "The output channels are counted backwards.",
       "forward, layer 1", images, "pytorch,scratch", "channels reversed")  # fmt: skip
def _(plant):
    patch_convolution(plant, lambda W: W[..., ::-1].copy())


@fault("same for valid", "The image is padded with zeros where it should shrink.",
       "forward, layer 1", images, "scratch,pytorch",
       "pytorch has windows at stride 1 that begin 1 pixel before the image")  # fmt: skip
def _(plant):
    def change(parts):
        parts.network[1].padding = (1, 1)

    plant.parts(change)


@fault("convolution's bias gradient averaged", "db is a mean over rows and places.",
       "gradient, weights.1", images, "pytorch,scratch",
       "scratch averages the bias's gradient")  # fmt: skip
def _(plant):
    class Conv2D(scratch.Conv2D):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1] /= dz.size // dz.shape[-1]

    plant.layers(lambda layers: swap(layers, scratch.Conv2D, rebased(Conv2D)))


class Ties(scratch.MaxPool2D):
    """The gradient goes to the maxima that `chosen` picks, of windows of 3 x 3."""

    def forward(self, X, training=False):
        self.X = X.copy()
        self.z = super().forward(X, training).copy()
        return self.z

    def backward(self, dz):
        dX = np.zeros_like(self.X)
        for i, y, x, c in np.ndindex(dz.shape):
            window = np.s_[i, 3 * y : 3 * y + 3, 3 * x : 3 * x + 3, c]
            maxima = np.argwhere(self.X[window] == self.z[i, y, x, c])
            for u, v in self.chosen(maxima):
                dX[window][u, v] += dz[i, y, x, c]
        return dX


@fault("last maximum for the first", "In a tie the gradient goes to the last maximum.",
       "gradient, weights.0", ties, "pytorch,scratch",
       "scratch gives the gradient to the last of several maxima")  # fmt: skip
def _(plant):
    class MaxPool2D(Ties):
        def chosen(self, maxima):
            return maxima[-1:]

    plant.layers(lambda layers: swap(layers, scratch.MaxPool2D, rebased(MaxPool2D)))


@fault("gradient to every maximum", "In a tie each maximum gets the whole gradient.",
       "gradient, weights.1", ties, "pytorch,scratch",
       "scratch gives the whole gradient to each of several maxima")  # fmt: skip
def _(plant):
    class MaxPool2D(Ties):
        def chosen(self, maxima):
            return maxima

    plant.layers(lambda layers: swap(layers, scratch.MaxPool2D, rebased(MaxPool2D)))


@fault("mean for a maximum", "Average pooling stands where max-pooling was meant.",
       "forward, layer 5", images, "pytorch,scratch", "takes the mean")  # fmt: skip
def _(plant):
    plant.layers(lambda layers: swap(layers, scratch.MaxPool2D, lambda _: scratch.AveragePool2D(3)))


@fault("flattened in Fortran's order", "Images become rows with the first axis fastest.",
       "forward, the input of layer 6", images, "pytorch,scratch", "Fortran order")  # fmt: skip
def _(plant):
    class Flatten(scratch.Flatten):
        def forward(self, X, training=False):
            return super().forward(np.ascontiguousarray(X.transpose(0, 3, 2, 1)), training)

        def backward(self, da):
            return super().backward(da).transpose(0, 3, 2, 1)

    plant.layers(lambda layers: swap(layers, scratch.Flatten, rebased(Flatten)))
