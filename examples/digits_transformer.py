"""digits_transformer: can attention read a digit, row by row?

1,797 digits of 8 x 8 pixels from scikit-learn, each read as a sequence of eight rows; 1,437 for
training and 360 for testing. Rows become 16 numbers each, positions are added; one pre-norm block:
causal attention with four heads, then 32 GELU neurons; a dense layer reads all eight steps. Glorot
uniform weights, small random biases; batches of 32, 20 epochs of Adam with learning rate 0.002.

Source: Vaswani et al., "Attention is all you need", NIPS 2017; the order of normalization and
attention is that of Xiong et al., "On layer normalization in the transformer architecture", ICML
2020. Run it with `lockstep run examples/digits_transformer.py`.
"""

from dataclasses import dataclass

import numpy as np

from datasets import Classes, Dataset, Policy
from datasets.dataset import digest_arrays
from experiments.harness.experiment import Experiment
from frameworks import Parts, Spec, float32
from scratch import glorot_uniform


@dataclass(frozen=True)
class Numbers(Spec):
    """The sequences' length, the widths of attention and of the inner layer, and Adam's numbers."""

    inputs: int = 64
    outputs: int = 10
    steps: int = 8
    hidden: tuple[int, int] = (16, 32)
    heads: int = 4
    epochs: int = 20
    batch_size: int = 32
    norm_epsilon: float = 2**-10
    learning_rate: float = float32(2e-3)
    beta_1: float = float32(0.9)
    beta_2: float = float32(0.999)
    epsilon_hat: float = float32(1e-7)


SPEC = Numbers()


def load(policy: Policy = "auto", data_dir: str | None = None) -> Dataset:
    """Load the digits that come with scikit-learn, as rows of grey levels from 0 to 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X / 16, y.astype(np.int64), test_size=360, random_state=0)
    X_train, X_test, y_train, y_test = (np.ascontiguousarray(a) for a in parts)
    return Dataset(
        name="digits",
        source="real",
        sha256=digest_arrays(X, y),
        canonical=True,
        origin="scikit-learn",
        note="digits: the real data, which come with scikit-learn",
        X_train=X_train,
        y_train=y_train,
        X_test=X_test,
        y_test=y_test,
        feature_names=tuple(f"pixel {i}" for i in range(64)),
        targets=Classes(tuple("0123456789")),
    )


def initial_weights(spec: Numbers, rng: np.random.Generator) -> list[np.ndarray]:
    """Draw W by Glorot's rule, and everything else from N(0, 0.02²), around 1 for each γ."""
    steps, (d, inner) = spec.steps, spec.hidden
    norm: list[tuple[int, ...]] = [(d,), (d,)]
    attention: list[tuple[int, ...]] = [(d, d), (d,)] * 4
    shapes: list[tuple[int, ...]] = [
        *[(spec.inputs // steps, d), (d,), (steps, d)],
        *[*norm, *attention, *norm, (d, inner), (inner,), (inner, d), (d,), *norm],
        *[(steps * d, spec.outputs), (spec.outputs,)],
    ]
    gammas = {3, 13, 19}
    return [
        glorot_uniform(rng, shape)
        if len(shape) > 1
        else (i in gammas) + rng.normal(scale=0.02, size=shape)
        for i, shape in enumerate(shapes)
    ]


def build_scratch(spec: Numbers = SPEC) -> Parts:
    """Build it in NumPy."""
    from scratch import (
        GELU,
        Adam,
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

    steps, heads, epsilon = spec.steps, spec.heads, spec.norm_epsilon
    (d, inner), features = spec.hidden, spec.inputs // steps
    network = Sequential(
        Reshape(steps, features),
        Dense(features, d),
        PositionEmbedding(steps, d),
        Residual(LayerNorm(d, epsilon=epsilon), SelfAttention(d, heads, causal=True)),
        Residual(LayerNorm(d, epsilon=epsilon), Dense(d, inner), GELU(), Dense(inner, d)),
        LayerNorm(d, epsilon=epsilon),
        Flatten(),
        Dense(steps * d, spec.outputs),
    )
    loss = CategoricalCrossEntropy()
    optimizer = Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
        epsilon_hat=True,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_keras(spec: Numbers = SPEC) -> Parts:
    """Build it in Keras."""
    import keras
    from keras import layers, ops

    class PositionEmbedding(layers.Layer):
        def build(self, shape: tuple[int, ...]) -> None:
            self.P = self.add_weight(shape=shape[1:])

        def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
            return x + self.P

    def gelu(z: keras.KerasTensor) -> keras.KerasTensor:  # differs: TensorFlow rounds √½ to float32
        return z * 0.5 * (1 + ops.erf(z * 0.5**0.5))

    steps, heads, epsilon = spec.steps, spec.heads, spec.norm_epsilon
    (d, inner), features = spec.hidden, spec.inputs // steps
    X = layers.Input((steps * features,))
    x = layers.Dense(d)(layers.Reshape((steps, features))(X))
    x = PositionEmbedding()(x)
    y = layers.LayerNormalization(epsilon=epsilon)(x)
    x = x + layers.MultiHeadAttention(heads, d // heads)(y, y, use_causal_mask=True)
    y = layers.LayerNormalization(epsilon=epsilon)(x)
    x = x + layers.Dense(d)(layers.Dense(inner, activation=gelu)(y))
    x = layers.LayerNormalization(epsilon=epsilon)(x)
    network = keras.Model(X, layers.Dense(spec.outputs)(layers.Flatten()(x)))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    optimizer = keras.optimizers.Adam(
        learning_rate=spec.learning_rate,
        beta_1=spec.beta_1,
        beta_2=spec.beta_2,
        epsilon=spec.epsilon_hat,
    )
    return Parts(network, loss, optimizer, initial_weights)


def build_pytorch(spec: Numbers = SPEC) -> Parts:
    """Build it in PyTorch."""
    import torch
    from torch import nn

    from frameworks.pytorch.hooks import use_epsilon_hat

    class PositionEmbedding(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.P = nn.Parameter(torch.zeros(steps, d))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.P

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(d, eps=epsilon)
            self.attention = nn.MultiheadAttention(d, heads, batch_first=True)
            self.register_buffer("later", torch.ones(steps, steps, dtype=torch.bool).triu(1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.norm(x)
            return x + self.attention(y, y, y, attn_mask=self.later, need_weights=False)[0]

    class Inner(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(d, eps=epsilon)
            self.layers = nn.Sequential(nn.Linear(d, inner), nn.GELU(), nn.Linear(inner, d))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.layers(self.norm(x))

    steps, heads, epsilon = spec.steps, spec.heads, spec.norm_epsilon
    (d, inner), features = spec.hidden, spec.inputs // steps
    network = nn.Sequential(
        nn.Unflatten(1, (steps, features)),
        nn.Linear(features, d),
        PositionEmbedding(),
        Attention(),
        Inner(),
        nn.LayerNorm(d, eps=epsilon),
        nn.Flatten(),
        nn.Linear(steps * d, spec.outputs),
    )
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(
        network.parameters(),
        lr=spec.learning_rate,
        betas=(spec.beta_1, spec.beta_2),
        eps=spec.epsilon_hat,
        fused=True,
    )
    use_epsilon_hat(optimizer)  # differs: PyTorch adds ε after the bias correction
    return Parts(network, loss, optimizer, initial_weights)


EXPERIMENT = Experiment(
    page=__name__,
    data="1,797 digits",
    spec=SPEC,
    load=load,
    builders=(build_scratch, build_keras, build_pytorch),
)
