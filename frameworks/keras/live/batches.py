"""Rows as a Keras model takes them, and its tensors as canonical arrays."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from frameworks.errors import RequestError, first_line
from frameworks.keras.live.stepping import Data, stepper_of_backend
from frameworks.keras.loading import keras
from frameworks.live.model import Rows
from frameworks.recordings.trace import Arrays

__all__ = ["Batches", "adapt_inputs", "reason"]


class Batches:
    """Converts between arrays and the structures of tensors that a model takes and returns."""

    def __init__(self, model: keras.Model, dtype: str) -> None:
        self.model, self.dtype = model, dtype
        self.returned: Any = None  # what the model returns, for its structure
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
        if not targets:
            y = None if self.model.loss is None else X
        elif len(targets) == len(keras.tree.flatten(self.returned)):
            y = keras.tree.pack_sequence_as(self.returned, targets)
        else:
            y = targets[0] if len(targets) == 1 else targets
        return Data(X, y, None if rows.w is None else self.tensor(rows.w))

    def forward(self, rows: Rows, training: bool) -> Any:
        """Return what the model returns, called as its `train_step` calls it.

        RequestError if it fails.
        """
        options = {"training": training} if self.model._call_has_training_arg else {}
        try:
            return self.model(self.inputs(rows), **options)
        except Exception as error:  # of whatever kind a user's layer raises
            shapes = " and ".join(str(x.shape[1:]) for x in rows.X)
            mode = " in training mode" if training else ""
            raise RequestError(
                f"the Keras model fails{mode} on rows of shape {shapes}: {reason(error)}"
            ) from error

    def loss(self, rows: Rows, training: bool) -> Any:
        """Return the loss, without a step; RequestError if it cannot be computed."""
        (X, y, w), returned = self.data(rows), self.forward(rows, training)
        try:
            return self.model._compute_loss(
                x=X, y=y, y_pred=returned, sample_weight=w, training=True
            )
        except Exception as error:  # of whatever kind a user's loss raises
            shapes = " and ".join(str(target.shape) for target in rows.y)
            raise RequestError(
                f"the Keras model's loss does not take targets of shape {shapes}: {reason(error)}"
            ) from error

    def tensor(self, array: np.ndarray) -> Any:
        """Return a tensor; floats and truth values in the dtype of the comparison."""
        dtype = self.dtype if array.dtype.kind in "fb" else None
        return keras.ops.convert_to_tensor(np.asarray(array, dtype))

    def canonical(self, tensor: Any) -> np.ndarray:
        """Return a copy of a tensor, or of an array, images with their channels last."""
        is_array = isinstance(tensor, np.ndarray)  # a constant of the model, such as a mask
        return self.channels_last(tensor.copy() if is_array else self._to_numpy(tensor))

    def channels_last(self, array: np.ndarray) -> np.ndarray:
        """Return images with their channels last, if the model's convolutions take them first."""
        if self.channels_first and array.ndim == 4:
            return np.ascontiguousarray(np.moveaxis(array, 1, -1))
        return array

    def nothing(self, tensor: Any) -> Any:
        """Return zeros of a tensor's shape; None if it holds no floating-point numbers."""
        if not keras.backend.is_float_dtype(keras.backend.standardize_dtype(tensor.dtype)):
            return None
        return keras.ops.zeros_like(tensor)

    def as_in_the_model(self, array: np.ndarray) -> Any:
        """Return a canonical array as a tensor of the model: images with their channels there."""
        if self.channels_first and array.ndim == 4:
            array = np.ascontiguousarray(np.moveaxis(array, -1, 1))
        return self.tensor(array)

    def adapt_target(self, target: np.ndarray, output: np.ndarray) -> np.ndarray:
        """Return a target of the shape of a canonical output with its channels as the model's."""
        if self.channels_first and target.ndim == 4 and target.shape[1:] == output.shape[1:]:
            return np.ascontiguousarray(np.moveaxis(target, -1, 1))
        return target

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
    layers = model._flatten_layers()
    return (a for a in layers if hasattr(a, "data_format") and hasattr(a, "kernel_size"))


def _channels_first(layer: Any) -> bool:
    return layer.data_format == "channels_first"


def _to_channels_first(x: np.ndarray, channels: int | None) -> np.ndarray:
    """Return images channels first, if only the last axis can be the channels."""
    if channels is None or x.shape[-1] != channels or x.shape[1] == channels:
        return x
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


def reason(error: Exception) -> str:
    """Return the line that says what is wrong, or what kind of error it is."""
    return first_line(error) or type(error).__name__
