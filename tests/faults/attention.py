"""Faults in embeddings, in attention, and in what stands around it."""

import numpy as np

import scratch

from .fault import fault, rebased, swap
from .sequence_pages import transformer


def attention(plant, cls):
    """Make the layer of attention, inside a residual one, of another class."""

    def change(layers):
        for layer in layers:
            if isinstance(layer, scratch.Residual):
                layer.layers = tuple(swap(layer.layers, scratch.SelfAttention, rebased(cls)))

    plant.layers(change)


def masked(plant, make):
    class SelfAttention(scratch.SelfAttention):
        def _allowed(self, X):
            return make(X.shape[1])

    attention(plant, SelfAttention)


HERE = "forward, layer 4 (attention)"


@fault("attention mask negated", "True hides in PyTorch, and shows in Keras.", HERE, transformer,
       "pytorch,scratch", "scratch attends with a causal mask that is negated")  # fmt: skip
def _(plant):
    masked(plant, lambda t: ~np.tri(t, dtype=bool))


@fault("causal mask one step ahead", "A step sees the one that it should predict.", HERE,
       transformer, "pytorch,scratch", "a causal mask that lets a step see the next")  # fmt: skip
def _(plant):
    masked(plant, lambda t: np.tri(t, k=1, dtype=bool))


@fault("causal mask without the diagonal", "A step does not see itself.", HERE, transformer,
       "pytorch,scratch", "a causal mask that hides a step from itself")  # fmt: skip
def _(plant):
    masked(plant, lambda t: np.tri(t, k=-1, dtype=bool))


@fault("causal mask left out", "Every step sees all others.", HERE, transformer, "pytorch,scratch",
       "scratch attends without a mask")  # fmt: skip
def _(plant):
    masked(plant, lambda t: None)


@fault("causal mask transposed", "A step sees those after it.", HERE, transformer,
       "pytorch,scratch", "scratch attends with a causal mask that is transposed")  # fmt: skip
def _(plant):
    masked(plant, lambda t: np.tri(t, dtype=bool).T)


class Scaled(scratch.SelfAttention):
    """Its queries are multiplied by `factor`, which changes the scale of the scores."""

    factor = 1.0

    def _split(self, z):
        found = super()._split(z)
        self.calls = getattr(self, "calls", 0) + 1
        return found * self.factor if self.calls % 3 == 1 else found

    def forward(self, X, training=False):
        self.calls = 0
        return super().forward(X, training)

    def backward(self, da):
        self.calls = 1
        return super().backward(da)


def scaled(plant, factor):
    attention(plant, type("SelfAttention", (Scaled,), {"factor": factor}))


@fault("scale missing", "The scores are not divided by √d.", HERE, transformer, "pytorch,scratch",
       "2 heads, not scaled by 1/√d")  # fmt: skip
def _(plant):
    scaled(plant, 2.0)


@fault("scale of all heads", "The scores are divided by the root of the whole width.", HERE,
       transformer, "pytorch,scratch", "scaled by the width of all heads together")  # fmt: skip
def _(plant):
    scaled(plant, 0.5**0.5)


@fault("scale without its root", "The scores are divided by d.", HERE, transformer,
       "pytorch,scratch", "2 heads, scaled by 1/d")  # fmt: skip
def _(plant):
    scaled(plant, 0.5)


def projected(plant, order):
    """Let q, k and v come from each other's weights."""

    class SelfAttention(scratch.SelfAttention):
        def _pairs(self, arrays):
            found = super()._pairs(arrays)
            return [*(found[i] for i in order), found[3]]

    attention(plant, SelfAttention)


@fault("queries and keys confused", "q is taken from the weights of k.", HERE, transformer,
       "pytorch,scratch", "with q, k, v taken from k, q, v")  # fmt: skip
def _(plant):
    projected(plant, (1, 0, 2))


@fault("packed as q, v, k", "k and v stand in another order in the packed matrix.", HERE,
       transformer, "pytorch,scratch", "with q, k, v taken from q, v, k")  # fmt: skip
def _(plant):
    projected(plant, (0, 2, 1))


@fault("heads merged without a transposition", "(n, h, t, d) is reshaped to (n, t, h d).", HERE,
       transformer, "pytorch,scratch", "merged without a transposition")  # fmt: skip
def _(plant):
    class SelfAttention(scratch.SelfAttention):
        def _join(self, z):
            n, h, t, d = z.shape
            return np.ascontiguousarray(z).reshape(n, t, h * d)

    attention(plant, SelfAttention)


@fault("another number of heads", "4 heads stand for 2.", HERE, transformer, "pytorch,scratch",
       "scratch attends with a causal mask, 4 heads")  # fmt: skip
def _(plant):
    class SelfAttention(scratch.SelfAttention):
        def forward(self, X, training=False):
            self.heads = 4
            return super().forward(X, training)

    attention(plant, SelfAttention)


@fault("softmax over the queries", "The scores are normalized along the wrong axis.", HERE,
       transformer, "pytorch,scratch", "with the softmax over the queries")  # fmt: skip
def _(plant):
    class SelfAttention(scratch.SelfAttention):
        def forward(self, X, training=False):
            found = super().forward(X, training)
            scores = self.q @ self.k.swapaxes(-1, -2) / self.q.shape[-1] ** 0.5
            scores = np.where(self._allowed(X), scores, np.finfo(scores.dtype).min)
            e = np.exp(scores - scores.max(axis=-2, keepdims=True))
            heads = e / e.sum(axis=-2, keepdims=True) @ self.v
            W, b = self.params[6:]
            return self._join(heads) @ W + b if found.size else found

    attention(plant, SelfAttention)
