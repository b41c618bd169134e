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
    from frameworks.held_out import HeldOut
    from scratch import Batch

__all__ = ["LayerOutput", "Opened", "computing", "kind_of", "open_training", "rearranges"]
__all__ += ["undisturbed"]


class LayerOutput(NamedTuple):
    """What one layer returned for a batch: values (n, d), or (n, h, w, c) for images."""

    kind: str
    name: str  # the framework's own
    values: np.ndarray | None  # None if it includes an activation: that is the next entry
    weights: int = 0  # the number of weight arrays of the layer
    inputs: np.ndarray | None = None  # what it was given; None if that was not one array
    others: tuple[np.ndarray, ...] = ()  # all that it returned, if that was not one array


class Opened(NamedTuple):
    """A training that is set up but not begun: everything it starts from."""

    adapter: "Adapter"
    batch: "Batch"  # all training rows
    initial_weights: list[np.ndarray]
    orders: list[np.ndarray | None]  # of the rows, for every epoch
    held_out: "HeldOut | None" = None  # None: no rows are measured, and no training stops early


def _in_dimensions(*names: str) -> tuple[str, ...]:
    """Return the names of a layer for sequences, images and volumes."""
    return tuple(name.format(n) for name in names for n in (1, 2, 3))


_KINDS = {
    "dense": ("Dense", "Linear"),
    "convolution": _in_dimensions("Conv{}D", "Conv{}d", "DepthwiseConv{}D"),
    "transposed convolution": _in_dimensions("Conv{}DTranspose", "ConvTranspose{}d"),
    "separable convolution": _in_dimensions("SeparableConv{}D"),
    "max pooling": _in_dimensions(
        *("MaxPool{}D", "MaxPooling{}D", "MaxPool{}d", "GlobalMaxPooling{}D"),
        *("AdaptiveMaxPool{}d", "AdaptiveMaxPooling{}D"),
    )
    + ("GlobalMaxPool",),
    "average pooling": _in_dimensions(
        *("AveragePool{}D", "AveragePooling{}D", "AvgPool{}d", "GlobalAveragePooling{}D"),
        *("AdaptiveAvgPool{}d", "AdaptiveAveragePooling{}D"),
    )
    + ("GlobalAveragePool",),
    "batch normalization": (
        *("BatchNorm", "BatchNormalization", "SyncBatchNorm"),
        *_in_dimensions("BatchNorm{}d"),
    ),
    "layer normalization": ("LayerNorm", "LayerNormalization"),
    "group normalization": ("GroupNorm", "GroupNormalization"),
    "rms normalization": ("RMSNorm", "RMSNormalization"),
    "embedding": ("Embedding",),
    "simple rnn": ("SimpleRNN", "RNN"),
    "lstm": ("LSTM",),
    "gru": ("GRU",),
    "simple rnn cell": ("RNNCell", "SimpleRNNCell"),
    "lstm cell": ("LSTMCell",),
    "gru cell": ("GRUCell",),
    "bidirectional": ("Bidirectional",),
    "attention": ("SelfAttention", "MultiHeadAttention", "MultiheadAttention"),
    "sum": ("Residual", "Add"),
    "difference": ("Subtract",),
    "product": ("Multiply",),
    "concatenation": ("Concatenate",),
    "maximum": ("Maximum",),
    "sum over an axis": ("Sum",),
    "maximum over an axis": ("Max", "Amax"),
    "up-sampling": (
        *("Upsample", "NearestUpsample1D", "NearestUpsample2D"),
        *("LinearUpsample1D", "BilinearUpsample2D"),
        *_in_dimensions("UpSampling{}D"),
    ),
    "zero padding": _in_dimensions("ZeroPadding{}D", "ZeroPad{}d"),
    "dropout": ("Dropout", *_in_dimensions("Dropout{}d", "SpatialDropout{}D")),
    "alpha dropout": ("AlphaDropout", "FeatureAlphaDropout"),
    "gaussian dropout": ("GaussianDropout",),
    "gaussian noise": ("GaussianNoise",),
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
    "hard sigmoid": ("HardSigmoid", "Hardsigmoid", "hardsigmoid", "hard_sigmoid"),
    "hard swish": ("HardSwish", "Hardswish", "hardswish", "hard_silu"),
    "relu6": ("ReLU6", "relu6"),
    "prelu": ("PReLU", "prelu"),
    "celu": ("CELU", "celu"),
    "mish": ("Mish", "mish"),
    "softsign": ("Softsign", "softsign"),
    "exponential": ("exponential", "exp"),
    "log sigmoid": ("LogSigmoid", "logsigmoid", "log_sigmoid"),
    "hard tanh": ("Hardtanh", "hardtanh", "hard_tanh"),
    "hard shrink": ("Hardshrink", "hardshrink", "hard_shrink"),
    "soft shrink": ("Softshrink", "softshrink", "soft_shrink"),
    "tanh shrink": ("Tanhshrink", "tanhshrink", "tanh_shrink"),
    "glu": ("GLU", "glu"),
    "step": ("Step",),
    "rearrangement": ("Flatten", "Reshape", "Unflatten", "Permute", "Identity", "InputLayer"),
}
_GLOBAL = ("Global", "AdaptiveAvgPool", "AdaptiveMaxPool")  # in the names of global poolings
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
        before = X
        if layer.name.startswith(_GLOBAL) and layer.values is not None:
            layer = layer._replace(values=layer.values.reshape(len(X), -1))
        if layer.values is not None:
            X = layer.values
        padding = layer.kind == "zero padding"  # of the convolution after it, where it has its own
        if layer.weights or not (padding or rearranges(layer.kind, before, X)):
            found.append(layer)
    return found


def rearranges(kind: str, before: np.ndarray, after: np.ndarray) -> bool:
    """Return whether a layer without weights returns the numbers that it is given, in any order."""
    return kind == "rearrangement" or (kind not in _KINDS and _same_numbers(before, after))


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
