"""Small Keras models of every kind, with rows to run; the same ones each time."""

from functools import cache

import keras
import numpy as np
from keras import layers

from frameworks.live.model import Rows

__all__ = ["MODELS", "drawn", "rows_for", "trained"]


def mlp():
    return keras.Sequential(
        [
            keras.Input((5,)),
            layers.Dense(8, activation="relu", name="hidden"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="mlp",
    )


def cnn():
    """Return a residual block behind a convolution, as a functional model with an operator."""
    image = keras.Input((6, 6, 2))
    x = layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv1")(image)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.ReLU(name="relu")(x)
    x = x + layers.Conv2D(4, 3, padding="same", activation="tanh", name="conv2")(x)
    x._keras_history.operation.name = "add"  # Keras numbers them in every process
    x = layers.Flatten(name="flatten")(layers.MaxPooling2D(name="pool")(x))
    return keras.Model(image, layers.Dense(3, activation="softmax", name="out")(x), name="cnn")


class Shared(keras.Model):
    """Calls one layer twice, defines its layers in another order, and leaves one out."""

    def __init__(self):
        super().__init__(name="twice")
        self.head = layers.Dense(3, activation="softmax", name="head")
        self.idle = layers.Dense(7, name="idle")
        self.twice = layers.Dense(5, name="twice")

    def build(self, shape):
        for layer in (self.head, self.idle, self.twice):
            layer.build(shape)

    def call(self, x):
        h = keras.ops.relu(self.twice(x))
        return self.head(keras.ops.tanh(self.twice(h)))


def shared():
    model = Shared()
    model.build((None, 5))
    return model


def sentences():
    return keras.Sequential(
        [
            keras.Input((6,), dtype="int32"),
            layers.Embedding(9, 4, mask_zero=True, name="words"),
            layers.Bidirectional(layers.LSTM(3), name="both"),
            layers.Dense(3, activation="softmax", name="out"),
        ],
        name="sentences",
    )


class Block(layers.Layer):
    """Attention with a weight of its own beside those of its parts."""

    def __init__(self):
        super().__init__(name="block")
        self.norm = layers.LayerNormalization(name="norm")
        self.attention = layers.MultiHeadAttention(2, 4, name="attention")
        self.feed = keras.Sequential([layers.Dense(8, activation="gelu", name="up")], name="feed")

    def build(self, shape):
        self.norm.build(shape)
        self.attention.build(shape, shape)
        self.feed.build(shape)
        self.scale = self.add_weight(shape=(8,), initializer="ones", name="scale")

    def call(self, x):
        h = self.norm(x)
        return self.scale * self.feed(x + self.attention(h, h))


def attention():
    x = keras.Input((4, 8))
    h = layers.GlobalAveragePooling1D(name="mean")(Block()(x))
    return keras.Model(x, layers.Dense(3, activation="softmax", name="out")(h), name="attention")


MODELS = {build.__name__: build for build in (mlp, cnn, shared, sentences, attention)}


def rows_for(name, rows=8):
    """Return rows that the model of this name takes, with labels of three classes."""
    rng = np.random.default_rng(3)
    shapes = {"cnn": (6, 6, 2), "attention": (4, 8)}
    X = rng.normal(size=(rows, *shapes.get(name, (5,))))
    if name == "sentences":
        X = rng.integers(0, 9, (rows, 6))
    return Rows((X,), (rng.integers(0, 3, rows),))


def drawn(model):
    """Return a model with weights that are the same in every run."""
    rng = np.random.default_rng(2)
    for weight in model.trainable_variables:
        weight.assign(rng.normal(size=weight.shape) / 2)
    return model


@cache
def trained(name):
    """Return a compiled model whose optimizer and states have moved; it must not be changed."""
    model, rng = drawn(MODELS[name]()), np.random.default_rng(4)
    model.compile("adam", "sparse_categorical_crossentropy")
    weights = model.trainable_variables
    model.optimizer.apply([rng.normal(size=w.shape).astype("float32") for w in weights], weights)
    return model
