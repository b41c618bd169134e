"""Keras' dropout layers with masks that were drawn in NumPy."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any

from frameworks.draws import Dropped
from frameworks.keras.loading import keras
from frameworks.masks import Masks, require_rate

__all__ = ["DRAWN", "DropoutLayers", "nothing_else_drawn"]

DRAWN = (
    "the network draws random numbers of its own, which other implementations cannot reproduce: "
    "use keras.layers.Dropout layers, not the dropout of recurrent and attention layers"
)


class DropoutLayers:
    """All `keras.layers.Dropout` of some models, which are given the masks of each step.

    The layers stay the stock ones. Keras has no hooks: `call` is set on the instance, which must
    happen before the model is first trained. Raises TypeError for a `noise_shape`.
    """

    def __init__(self, models: Sequence[keras.Model]) -> None:
        self.masks = Masks()
        layers = [layer for model in models for layer in model._flatten_layers()]
        # Classes derived from Dropout drop something else.
        layers = [layer for layer in layers if type(layer) is keras.layers.Dropout]
        for layer in layers:
            if layer.noise_shape is not None:
                raise TypeError(f"{layer.name}: dropout with a noise_shape is not supported")
            layer.call = partial(self._call, layer)
        self._layers, self._rates = layers, [layer.rate for layer in layers]

    def release(self) -> None:
        """Leave the layers as they were before, for good."""
        for layer in self._layers:
            del layer.call

    def find(self, model: keras.Model, X: Any) -> list[Dropped]:
        """Return what each call of a dropout layer drops of rows like X."""
        self._rates = [layer.rate for layer in self._layers]
        if not self._layers:
            return []
        with self.masks.noting() as found:
            model(X, training=False)
        return found

    def handed(self, masks: Sequence[Any]) -> AbstractContextManager[None]:
        """Use these masks in the next forward pass in training mode."""
        return self.masks.handed(masks)

    def require_rates(self) -> None:
        """Raise RuntimeError for a rate that is not that of the masks, which no graph sees."""
        for layer, rate in zip(self._layers, self._rates, strict=True):
            require_rate(layer.rate, rate)

    def _call(self, layer: keras.layers.Dropout, inputs: Any, training: bool = False) -> Any:
        """Do what `Dropout.call` does, with the mask that was handed over."""
        mask = self.masks.take(layer.rate, inputs.shape[1:], training)
        return inputs if mask is None else inputs * mask


@contextmanager
def nothing_else_drawn(models: Sequence[keras.Model]) -> Iterator[None]:
    """Raise RuntimeError if a layer of the models draws random numbers in this context.

    Those of a layer's own generators, or of the one that Keras has for the process.
    """
    from keras.src.backend.common import global_state
    from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

    variables = [v for model in models for v in model.variables]
    seeds = [v for v in variables if v.path.endswith("seed_generator_state")]
    own = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
    seeds += [] if own is None else [own.state]
    before = [keras.ops.copy(v.value) for v in seeds]
    yield
    if global_state.get_global_attribute(GLOBAL_SEED_GENERATOR) is not own:  # it was made to draw
        raise RuntimeError(DRAWN)
    for seed, kept in zip(seeds, before, strict=True):
        if not keras.ops.all(keras.ops.equal(seed.value, kept)):
            raise RuntimeError(DRAWN)
