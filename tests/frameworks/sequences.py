"""Networks of sequences, written like pages: recurrent ones, and a small transformer.

Words (n, t) are padded with 0 to one length; the others read numbers, t steps of d in one row.
"""

import numpy as np

from frameworks import Parts, float32
from frameworks.default_network import DenseSpec
from scratch import glorot_uniform

from .regularized import keras_optimizer, pytorch_optimizer, scratch_optimizer

V, E, T, D, H, K = 9, 4, 6, 3, 5, 3
M, F, HEADS, EPSILON = 8, 12, 2, 2**-10  # of the transformer; Keras rounds 1/√4 to no digit
WORDS = DenseSpec(inputs=T, outputs=K, learning_rate=float32(0.01))
NUMBERS = DenseSpec(inputs=T * D, outputs=K, learning_rate=float32(0.01))


def data(network, n=23):
    """Return n rows and their classes: the last of five batches holds 3."""
    rng = np.random.default_rng(4)
    if network == "words":
        X = rng.integers(1, V, size=(n, T)) * (np.arange(T) < rng.integers(1, T + 1, size=(n, 1)))
        return X.astype(float), rng.integers(K, size=n)
    return rng.normal(size=(n, T * D)), rng.integers(K, size=n)


def drawn(*shapes):
    """Return a function that draws arrays of these shapes; biases too, so that none is home."""

    def initial_weights(spec: DenseSpec, rng: np.random.Generator) -> list[np.ndarray]:
        return [
            glorot_uniform(rng, shape) if len(shape) > 1 else rng.normal(scale=0.5, size=shape)
            for shape in shapes
        ]

    return initial_weights


def gates(g, d_in, d_out, biases):
    return [(d_in, g * d_out), (d_out, g * d_out), *[(g * d_out,)] * biases]


WORD_WEIGHTS = drawn((V, E), *gates(4, E, H, 1), (H, K), (K,))
GRU_WEIGHTS = drawn(*gates(3, D, H, 2), (H, K), (K,))
BOTH_WEIGHTS = drawn(*gates(4, D, H, 1) * 2, (2 * H, K), (K,))


def words_scratch(spec: DenseSpec = WORDS) -> Parts:
    from scratch import LSTM, CategoricalCrossEntropy, Dense, Embedding, Sequential

    embedding = Embedding(V, E, padding=0)
    network = Sequential(embedding, LSTM(E, H, mask=embedding.mask), Dense(H, spec.outputs))
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), WORD_WEIGHTS)


def words_keras(spec: DenseSpec = WORDS) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((T,)),
            # differs: Adam squares each occurrence of a word, unless the gradient is dense
            layers.Embedding(
                V, E, mask_zero=True, embeddings_regularizer=keras.regularizers.L2(0.0)
            ),
            layers.LSTM(H),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), WORD_WEIGHTS)


def words_pytorch(spec: DenseSpec = WORDS) -> Parts:
    import torch
    from torch import nn
    from torch.nn.utils.rnn import pack_padded_sequence

    from frameworks.pytorch.hooks import use_one_bias

    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(V, E)
            self.lstm = nn.LSTM(E, H, batch_first=True)
            self.dense = nn.Linear(H, spec.outputs)

        def forward(self, X: torch.Tensor) -> torch.Tensor:
            X = X.long()
            options = {"batch_first": True, "enforce_sorted": False}
            packed = pack_padded_sequence(self.embedding(X), (X != 0).sum(1), **options)
            _, (h, _) = self.lstm(packed)
            return self.dense(h[0])

    network = Words()
    use_one_bias(network)  # differs: PyTorch adds a second one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, WORD_WEIGHTS)


def gru_scratch(spec: DenseSpec = NUMBERS) -> Parts:
    from scratch import GRU, CategoricalCrossEntropy, Dense, Reshape, Sequential

    network = Sequential(Reshape(T, D), GRU(D, H), Dense(H, spec.outputs))
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), GRU_WEIGHTS)


def gru_keras(spec: DenseSpec = NUMBERS) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((T * D,)),
            layers.Reshape((T, D)),
            layers.GRU(H),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), GRU_WEIGHTS)


def gru_pytorch(spec: DenseSpec = NUMBERS) -> Parts:
    import torch
    from torch import nn

    class Last(nn.Module):
        def forward(self, outputs: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
            return outputs[1][0]

    network = nn.Sequential(
        nn.Unflatten(1, (T, D)),
        nn.GRU(D, H, batch_first=True),
        Last(),
        nn.Linear(H, spec.outputs),
    )
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, GRU_WEIGHTS)


def both_scratch(spec: DenseSpec = NUMBERS) -> Parts:
    from scratch import LSTM, Bidirectional, CategoricalCrossEntropy, Dense, Reshape, Sequential

    network = Sequential(
        Reshape(T, D),
        Bidirectional(LSTM(D, H), LSTM(D, H, reverse=True)),
        Dense(2 * H, spec.outputs),
    )
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), BOTH_WEIGHTS)


def both_keras(spec: DenseSpec = NUMBERS) -> Parts:
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((T * D,)),
            layers.Reshape((T, D)),
            layers.Bidirectional(layers.LSTM(H)),
            layers.Dense(spec.outputs),
        ]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), BOTH_WEIGHTS)


def both_pytorch(spec: DenseSpec = NUMBERS) -> Parts:
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_one_bias

    class LastOfBoth(nn.Module):
        def forward(self, outputs: tuple[torch.Tensor, tuple[torch.Tensor, ...]]) -> torch.Tensor:
            h = outputs[1][0]
            return torch.cat([h[0], h[1]], 1)

    network = nn.Sequential(
        nn.Unflatten(1, (T, D)),
        nn.LSTM(D, H, batch_first=True, bidirectional=True),
        LastOfBoth(),
        nn.Linear(2 * H, spec.outputs),
    )
    use_one_bias(network)  # differs: PyTorch adds a second one
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, BOTH_WEIGHTS)


def attention_weights():
    norm, attention = [(M,), (M,)], [(M, M), (M,)] * 4
    feed_forward = [(M, F), (F,), (F, M), (M,)]
    inner = [*norm, *attention, *norm, *feed_forward, *norm]
    return drawn((D, M), (M,), (T, M), *inner, (T * M, K), (K,))


def transformer_scratch(spec: DenseSpec = NUMBERS) -> Parts:
    from scratch import (
        GELU,
        CategoricalCrossEntropy,
        Dense,
        Flatten,
        LayerNorm,
        PositionEmbedding,
        Reshape,
        Residual,
        SelfAttention,
        Sequential,
    )

    network = Sequential(
        Reshape(T, D),
        Dense(D, M),
        PositionEmbedding(T, M),
        Residual(LayerNorm(M, epsilon=EPSILON), SelfAttention(M, HEADS, causal=True)),
        Residual(LayerNorm(M, epsilon=EPSILON), Dense(M, F), GELU(), Dense(F, M)),
        LayerNorm(M, epsilon=EPSILON),
        Flatten(),
        Dense(T * M, spec.outputs),
    )
    optimizer = scratch_optimizer(spec)
    return Parts(network, CategoricalCrossEntropy(), optimizer, attention_weights())


def transformer_keras(spec: DenseSpec = NUMBERS) -> Parts:
    import keras
    from keras import layers, ops

    class Positions(layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.P = self.add_weight(shape=shape[1:])

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return x + self.P

    def gelu(z: keras.KerasTensor) -> keras.KerasTensor:  # differs: Keras rounds the root of 1/2
        return z * 0.5 * (1 + ops.erf(z * 0.5**0.5))

    X = layers.Input((T * D,))
    x = layers.Dense(M)(layers.Reshape((T, D))(X))
    x = Positions()(x)
    y = layers.LayerNormalization(epsilon=EPSILON)(x)
    x = x + layers.MultiHeadAttention(HEADS, M // HEADS)(y, y, use_causal_mask=True)
    y = layers.LayerNormalization(epsilon=EPSILON)(x)
    x = x + layers.Dense(M)(layers.Dense(F, activation=gelu)(y))
    x = layers.LayerNormalization(epsilon=EPSILON)(x)
    network = keras.Model(X, layers.Dense(spec.outputs)(layers.Flatten()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    return Parts(network, loss, keras_optimizer(spec), attention_weights())


def transformer_pytorch(spec: DenseSpec = NUMBERS) -> Parts:
    import torch
    from torch import nn

    class Positions(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.P = nn.Parameter(torch.zeros(T, M))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.P

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(M, eps=EPSILON)
            self.attention = nn.MultiheadAttention(M, HEADS, batch_first=True)
            self.register_buffer("later", torch.ones(T, T, dtype=torch.bool).triu(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(x)
            return x + self.attention(y, y, y, attn_mask=self.later, need_weights=False)[0]

    class FeedForward(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(M, eps=EPSILON)
            self.inner = nn.Sequential(nn.Linear(M, F), nn.GELU(), nn.Linear(F, M))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.inner(self.norm(x))

    network = nn.Sequential(
        nn.Unflatten(1, (T, D)),
        nn.Linear(D, M),
        Positions(),
        Attention(),
        FeedForward(),
        nn.LayerNorm(M, eps=EPSILON),
        nn.Flatten(),
        nn.Linear(T * M, spec.outputs),
    )
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, attention_weights())


BUILDERS = {
    "words": {
        "ScratchClassifier": words_scratch,
        "KerasClassifier": words_keras,
        "PyTorchClassifier": words_pytorch,
    },
    "gru": {
        "ScratchClassifier": gru_scratch,
        "KerasClassifier": gru_keras,
        "PyTorchClassifier": gru_pytorch,
    },
    "both": {
        "ScratchClassifier": both_scratch,
        "KerasClassifier": both_keras,
        "PyTorchClassifier": both_pytorch,
    },
    "transformer": {
        "ScratchClassifier": transformer_scratch,
        "KerasClassifier": transformer_keras,
        "PyTorchClassifier": transformer_pytorch,
    },
}
