"""Faults in layers that are one function in training and another one outside."""

import numpy as np

import scratch

from .fault import fault, rebased, swap
from .pages import RATE, dropout, normal

# --- dropout ---


@fault("dropout left on", "Outputs are dropped in predictions too.", "forward, layer 3", dropout,
       "scratch,scratch", "dropout is active in evaluation mode")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X, training=False):
            return super().forward(X, training=True)

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("dropout left off", "Nothing is dropped in training.", "forward, layer 3", dropout,
       "scratch,scratch", "drops nothing in training mode")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X, training=False):
            self.mask = None
            return X

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("dropout not scaled", "What is kept is not multiplied by 1/(1 − p).", "forward, layer 3",
       dropout, "scratch,scratch", "what dropout keeps of the")  # fmt: skip
def _(plant):
    class Dropout(scratch.Dropout):
        def forward(self, X, training=False):
            a = super().forward(X, training)
            return a * (1 - RATE) if training else a

    plant.layers(lambda layers: swap(layers, scratch.Dropout, rebased(Dropout)))


@fault("another mask in backward", "backward draws its own mask.", "gradient, weights.1", dropout,
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


@fault("batch statistics at test time", "Predictions depend on the other rows.", "forward, layer 2",
       normal, "scratch,scratch", "the batch's statistics")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X, training=False):
            state = {k: a.copy() for k, a in self.state.items()}
            a = super().forward(X, training=True)
            if not training:
                self.state = state
            return a

    normalize(plant, BatchNorm)


@fault("running statistics in training", "Batches are normalized as predictions are.",
       "forward, layer 2", normal, "scratch,scratch", "the running statistics")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X, training=False):
            return super().forward(X, training=False)

    normalize(plant, BatchNorm)


@fault("unbiased variance in training", "Batches are divided by the variance over n − 1.",
       "forward, layer 2", normal, "scratch,scratch", "unbiased variance")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def forward(self, X, training=False):
            if not training:
                return super().forward(X, training)
            super().forward(X, training)
            m = len(X)
            variance = X.var(axis=0) * m / (m - 1)
            self.scale = 1 / np.sqrt(variance + self.epsilon)
            self.x_hat = (X - X.mean(axis=0)) * self.scale
            return self.params[0] * self.x_hat + self.params[1]

    normalize(plant, BatchNorm)


@fault("unbiased running variance", "PyTorch's running variance stands for Keras'.",
       "result, states.1", normal, "scratch,scratch",
       "only the running statistics differ")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].unbiased = True

    plant.layers(change)


@fault("momentum for 1 − momentum", "Running statistics take 0.99 of each batch, not 0.01.",
       "result, states.0", normal, "scratch,scratch",
       "only the running statistics differ")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].momentum = 1 - layers[1].momentum

    plant.layers(change)


@fault("batch norm's ε", "PyTorch's 1e-5 stands for Keras' 1e-3.", "forward, layer 2", normal,
       "scratch,scratch", "ε = 1e-05")  # fmt: skip
def _(plant):
    def change(layers):
        layers[1].epsilon = 1e-5

    plant.layers(change)


@fault("statistics taken for constants", "dX leaves out that μ and σ depend on X.",
       "gradient, weights.1", normal, "scratch,scratch", "takes μ and σ for constants")  # fmt: skip
def _(plant):
    class BatchNorm(scratch.BatchNorm):
        def backward(self, da):
            super().backward(da)
            return da * self.params[0] * self.scale

    normalize(plant, BatchNorm)
