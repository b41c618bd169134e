"""A look inside a network: what each of its layers computes, in terms common to all frameworks.

Frameworks name the same layer differently, and need other layers to rearrange numbers. Here a layer
is identified by its kind, from a table of names; a layer without weights that returns the numbers
it was given, in whatever order, only rearranges, and is skipped. So is one that puts zeros around
them, which is a part of the convolution elsewhere. The remaining layers correspond across
frameworks, one to one.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from frameworks.adapter import Adapter
    from scratch import Batch

__all__ = ["LayerOutput", "Opened", "computing", "kind_of", "open_training", "undisturbed"]


class LayerOutput(NamedTuple):
    """What one layer returned for a batch: values (n, d), or (n, h, w, c) for images."""

    kind: str
    name: str  # the framework's own
    values: np.ndarray | None  # None if it includes an activation: that is the next entry
    weights: int = 0  # the number of weight arrays of the layer


class Opened(NamedTuple):
    """A training that is set up but not begun: everything it starts from."""

    adapter: "Adapter"
    batch: "Batch"  # all training rows
    initial_weights: list[np.ndarray]
    orders: list[np.ndarray | None]  # of the rows, for every epoch


_KINDS = {
    "dense": ("Dense", "Linear"),
    "convolution": ("Conv1D", "Conv2D", "DepthwiseConv2D", "Conv1d", "Conv2d"),
    "transposed convolution": (
        *("Conv1DTranspose", "Conv2DTranspose", "ConvTranspose1d", "ConvTranspose2d"),
    ),
    "max pooling": (
        *("MaxPool1D", "MaxPool2D", "MaxPooling1D", "MaxPooling2D", "MaxPool1d", "MaxPool2d"),
    ),
    "average pooling": (
        *("AveragePool1D", "AveragePool2D", "AveragePooling1D", "AveragePooling2D"),
        *("AvgPool1d", "AvgPool2d"),
    ),
    "global max pooling": (
        *("GlobalMaxPool", "GlobalMaxPooling1D", "GlobalMaxPooling2D"),
        *("AdaptiveMaxPool1d", "AdaptiveMaxPool2d"),
    ),
    "global average pooling": (
        *("GlobalAveragePool", "GlobalAveragePooling1D", "GlobalAveragePooling2D"),
        *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d"),
    ),
    "upsampling": ("NearestUpsample2D", "BilinearUpsample2D", "UpSampling2D", "Upsample"),
    "batch normalization": ("BatchNorm", "BatchNormalization", "BatchNorm1d", "BatchNorm2d"),
    "layer normalization": ("LayerNorm", "LayerNormalization"),
    "group normalization": ("GroupNorm", "GroupNormalization"),
    "rms normalization": ("RMSNorm", "RMSNormalization"),
    "embedding": ("Embedding",),
    "simple rnn": ("SimpleRNN", "RNN"),
    "lstm": ("LSTM",),
    "gru": ("GRU",),
    "bidirectional": ("Bidirectional",),
    "attention": ("SelfAttention", "MultiHeadAttention", "MultiheadAttention"),
    "sum": ("Residual", "Add"),
    "concatenation": ("Concatenate",),
    "dropout": ("Dropout",),
    "relu": ("ReLU", "relu"),
    "leaky relu": ("LeakyReLU", "leaky_relu"),
    "sigmoid": ("Sigmoid", "sigmoid"),
    "tanh": ("Tanh", "tanh"),
    "softmax": ("Softmax", "softmax"),
    "log softmax": ("LogSoftmax", "log_softmax"),
    "gelu": ("GELU", "gelu"),
    "silu": ("SiLU", "silu"),
    "elu": ("ELU", "elu"),
    "selu": ("SELU", "selu"),
    "softplus": ("Softplus", "softplus"),
    "mish": ("Mish", "mish"),
    "hard sigmoid": ("HardSigmoid", "Hardsigmoid", "hard_sigmoid"),
    "hard swish": ("HardSwish", "Hardswish", "hard_silu"),
    "step": ("Step",),
    "rearrangement": (
        *("Flatten", "Reshape", "Unflatten", "Permute", "Identity", "InputLayer"),
        *("ZeroPadding1D", "ZeroPadding2D", "ZeroPad1d", "ZeroPad2d"),
    ),
}
_KIND = {name: kind for kind, names in _KINDS.items() for name in names}


def kind_of(layer: Any) -> str:
    """Return a layer's kind, from the name of its class or of its nearest known base class.

    >>> from scratch import Tanh
    >>> kind_of(Tanh())
    'tanh'
    """
    names = [cls.__name__ for cls in type(layer).__mro__]
    return next((_KIND[name] for name in names if name in _KIND), names[0])


def computing(X: np.ndarray, layers: Iterable[LayerOutput]) -> list[LayerOutput]:
    """Return the layers that compute, without those that only rearrange numbers.

    Global pooling has (n, c) numbers, also where a framework keeps the pixels' axes at length one.
    """
    found = []
    for layer in layers:
        if layer.kind.startswith("global") and layer.values is not None:
            layer = layer._replace(values=layer.values.reshape(len(X), -1))
        known, before = layer.kind in _KINDS, X
        if layer.values is not None:
            X = layer.values
        moved = layer.kind == "rearrangement" or (not known and _same_numbers(before, X))
        if layer.weights or not moved:
            found.append(layer)
    return found


def _same_numbers(a: np.ndarray, b: np.ndarray) -> bool:
    return a.size == b.size and np.array_equal(np.sort(a, axis=None), np.sort(b, axis=None))


def open_training(
    classifier: Any, X: Any, y: Any, *, classes: Any, initial_weights: Any = None
) -> Opened:
    """Do what `fit` does before its first step, and return what it would train on."""
    batch = classifier._prepare(X, y, None, classes, first=True)
    classifier._start(initial_weights)
    adapter, n = classifier._adapter, len(batch.X)
    epochs, shuffle = classifier.epochs, adapter.spec.shuffle
    orders = list(classifier._draws.orders(n, classifier.batch_size, epochs, shuffle))
    adapter.draw_from(classifier._draws, batch.X[:1])
    adapter.compile(batch, classifier.batch_size)
    return Opened(adapter, batch, classifier.initial_weights_, orders)


@contextmanager
def undisturbed(adapter: "Adapter") -> Iterator[None]:
    """Restore, afterwards, the layer states that a forward pass in training mode changes."""
    state = adapter.get_layer_state()
    try:
        yield
    finally:
        adapter.set_layer_state(state)
