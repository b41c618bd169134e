"""Rows as a Keras model takes them, and its tensors as canonical arrays."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from frameworks.keras.live.stepping import Data, stepper_of_backend
from frameworks.keras.loading import keras
from frameworks.live.model import Rows
from frameworks.recordings.trace import Arrays

__all__ = ["Batches", "adapt_inputs"]


class Batches:
    """Converts between arrays and the structures of tensors that a model takes and returns."""

    def __init__(self, model: keras.Model, dtype: str) -> None:
        self.model, self.dtype = model, dtype
        self.channels_first = any(_channels_first(layer) for layer in _convolutions(model))
        self._to_numpy = stepper_of_backend().to_numpy

    def inputs(self, rows: Rows) -> Any:
        """Return the inputs in the model's own structure: one tensor, a list, or a dict."""
        tensors = [*map(self.tensor, rows.X)]
        structure = getattr(self.model, "_inputs_struct", None)
        if structure is not None:
            return keras.tree.pack_sequence_as(structure, tensors)
        return tensors[0] if len(tensors) == 1 else tensors

    def data(self, rows: Rows) -> Data:
        """Return a batch for a training step; the inputs are the targets if there are no others."""
        X, targets = self.inputs(rows), [*map(self.tensor, rows.y)]
        losses = self.model.loss
        if not targets:
            y = None if losses is None else X
        elif isinstance(losses, dict):
            y = dict(zip(losses, targets, strict=True))
        else:
            y = targets[0] if len(targets) == 1 else targets
        return Data(X, y, None if rows.w is None else self.tensor(rows.w))

    def forward(self, rows: Rows, training: bool) -> Any:
        """Return what the model returns, called as its `train_step` calls it."""
        if self.model._call_has_training_arg:
            return self.model(self.inputs(rows), training=training)
        return self.model(self.inputs(rows))

    def tensor(self, array: np.ndarray) -> Any:
        """Return a tensor; floats and truth values in the dtype of the comparison."""
        dtype = self.dtype if array.dtype.kind in "fb" else None
        return keras.ops.convert_to_tensor(np.asarray(array, dtype))

    def canonical(self, tensor: Any) -> np.ndarray:
        """Return a copy of a tensor, images with their channels last."""
        array = self._to_numpy(tensor)
        if self.channels_first and array.ndim == 4:
            return np.ascontiguousarray(np.moveaxis(array, 1, -1))
        return array

    def outputs(self, returned: Any) -> Arrays:
        """Return canonical arrays of whatever structure the model returns."""
        return tuple(map(self.canonical, keras.tree.flatten(returned)))


def adapt_inputs(model: keras.Model, X: Sequence[np.ndarray]) -> Arrays:
    """Return images channels first if the model's first convolution takes them so."""
    first = next(_convolutions(model), None)
    if first is None or not _channels_first(first):
        return tuple(X)
    own = getattr(first, "input_spec", None)
    channels = own.axes.get(1) if own is not None and own.axes else None
    return tuple(_to_channels_first(x, channels) if x.ndim == 4 else x for x in X)


def _convolutions(model: keras.Model) -> Iterator[Any]:
    return (a for a in model._flatten_layers() if hasattr(a, "data_format") and a.weights)


def _channels_first(layer: Any) -> bool:
    return layer.data_format == "channels_first"


def _to_channels_first(x: np.ndarray, channels: int | None) -> np.ndarray:
    """Return images channels first, if only the last axis can be the channels."""
    if channels not in (None, x.shape[-1]) or x.shape[1] == channels:
        return x
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))
