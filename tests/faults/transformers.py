"""Faults around attention: normalization, activation, sums, and embeddings."""

from torch import nn

import scratch

from .fault import fault, rebased, swap
from .sequence_pages import bag, transformer

# --- normalization, activation, sums ---


def normalized(plant, change):
    """Change every layer normalization of the PyTorch network."""

    def changed(parts):
        for module in parts.network.modules():
            if isinstance(module, nn.LayerNorm):
                change(module)

    plant.parts(changed)


NORM = "forward, layer 3 (layer normalization)"


@fault("layer norm's ε", "PyTorch's 1e-5 stands for the page's.", NORM, transformer,
       "scratch,pytorch", "pytorch normalizes every row's last axis with ε = 1e-05")  # fmt: skip
def _(plant):
    def change(module):
        module.eps = 1e-5

    normalized(plant, change)


@fault("layer norm of an unbiased variance", "The squares are divided by d − 1.", NORM, transformer,
       "scratch,pytorch", "ε = 0.000976562, unbiased")  # fmt: skip
def _(plant):
    def change(module):
        def forward(x):
            shifted = x - x.mean(-1, keepdim=True)
            variance = x.var(-1, keepdim=True, correction=1)
            return module.weight * shifted / (variance + module.eps).sqrt() + module.bias

        module.forward = forward

    normalized(plant, change)


@fault("layer norm without the mean", "An RMS norm stands for it.", NORM, transformer,
       "scratch,pytorch", "pytorch normalizes every row's last axis around 0")  # fmt: skip
def _(plant):
    def change(module):
        def forward(x):
            square = (x * x).mean(-1, keepdim=True)
            return module.weight * x / (square + module.eps).sqrt() + module.bias

        module.forward = forward

    normalized(plant, change)


@fault("layer norm over the steps", "It is taken along time.", NORM, transformer, "scratch,pytorch",
       "pytorch normalizes the steps with")  # fmt: skip
def _(plant):
    def change(module):
        def forward(x):
            shifted = x - x.mean(1, keepdim=True)
            variance = x.var(1, keepdim=True, correction=0)
            return module.weight * shifted / (variance + module.eps).sqrt() + module.bias

        module.forward = forward

    normalized(plant, change)


@fault("GELU by a tanh", "GPT-2's approximation stands for the exact one.",
       "forward, layer 8 (gelu)", transformer, "scratch,pytorch",
       "pytorch has a GELU in its approximation by a tanh there")  # fmt: skip
def _(plant):
    def change(parts):
        parts.network[4].inner[1].approximate = "tanh"

    plant.parts(change)


@fault("residual forgotten", "The feed-forward part's output is not added to its input.",
       "forward, the input of layer 11 (layer normalization)", transformer, "scratch,pytorch",
       "pytorch takes the output before it as it is")  # fmt: skip
def _(plant):
    def change(parts):
        part = parts.network[4]
        part.forward = lambda x: part.inner(part.norm(x))

    plant.parts(change)


@fault("normalized after the sum", "Post-norm stands for pre-norm.",
       "forward, the input of layer 7 (dense)", transformer, "scratch,pytorch")  # fmt: skip
def _(plant):
    def change(parts):
        part = parts.network[4]
        part.forward = lambda x: part.norm(x + part.inner(x))

    plant.parts(change)


@fault("positions added in reverse", "The first step is given the last one's place.",
       "forward, layer 2", transformer, "scratch,pytorch")  # fmt: skip
def _(plant):
    def change(parts):
        positions = parts.network[2]
        positions.forward = lambda x: x + positions.P.flip(0)

    plant.parts(change)


# --- embeddings ---


@fault("indices off by one", "Every word has the vector of the next.", "forward, layer 1", bag,
       "scratch,pytorch", "pytorch returns the vector of the next word")  # fmt: skip
def _(plant):
    def change(parts):
        vectors = parts.network[1]
        forward = vectors.forward
        vectors.forward = lambda X: forward((X + 1) % 9)

    plant.parts(change)


@fault("vectors times √d", "As before a transformer, where nothing of the kind was meant.",
       "forward, layer 1", bag, "scratch,pytorch", "returns each vector times √d")  # fmt: skip
def _(plant):
    def change(parts):
        vectors = parts.network[1]
        forward = vectors.forward
        vectors.forward = lambda X: 2 * forward(X)

    plant.parts(change)


@fault("padding not trained", "PyTorch's padding_idx leaves its vector where it is.",
       "gradient, weights.0", bag, "scratch,pytorch",
       "pytorch gives word 0, the padding, no gradient")  # fmt: skip
def _(plant):
    def change(parts):
        parts.network[1].padding_idx = 0

    plant.parts(change)


@fault("last occurrence of a word", "Gradients of a word are set where they should add up.",
       "gradient, weights.0", bag, "pytorch,scratch",
       "scratch keeps the gradient of a word's last occurrence only")  # fmt: skip
def _(plant):
    class Embedding(scratch.Embedding):
        def backward_params(self, da):
            (dW,) = self.grads
            dW[...] = 0
            dW[self.indices] = da

    plant.layers(lambda layers: swap(layers, scratch.Embedding, rebased(Embedding)))
