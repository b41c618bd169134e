"""What a Keras model draws at random: its noise gets handed numbers, all else is switched off."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from frameworks.draws import Dropped
from frameworks.keras.live.layers import Leaf, of_keras
from frameworks.keras.loading import keras
from frameworks.masks import Masks, alpha_dropped

__all__ = ["HandedDropout", "noise_of"]

_NOT_NOISE = ("name", "trainable", "dtype", "seed", "data_format")
_GAUSSIAN = (keras.layers.GaussianNoise, keras.layers.GaussianDropout)
_HANDED = (
    *(keras.layers.Dropout, keras.layers.AlphaDropout, *_GAUSSIAN),
    *(keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D),
)
_STRENGTHS = ("rate", "stddev", "dropout", "recurrent_dropout", "_dropout", "factor")


class HandedDropout:
    """The layers of noise of a copy, with numbers that are handed over; others are switched off.

    `call` is set on the instances, as Keras has no hooks. Layers that are random in other ways run
    as in evaluation, where nothing depends on what they draw; `notes` names them. `generators` are
    the states of all other random generators: one that draws moves. `always` holds the identities
    of layers that were called in training mode while the model was `evaluated`.
    """

    def __init__(self, model: keras.Model, leaves: Sequence[Leaf]) -> None:
        self.notes: list[str] = []
        silent: set[int] = set()
        self._masks, self._dropping = Masks(), False
        self._evaluating, self.always = False, set[int]()
        for leaf in leaves:
            layer = leaf.layer
            if not _drawing(layer):
                continue
            if _takes_masks(layer):
                layer.call = partial(self._drop, layer)
            else:
                layer.call = partial(self._silently, layer, layer.call)
                silent |= {*map(id, layer.variables)}
                self.notes.append(
                    f"{leaf.path} ({type(layer).__name__}) draws nothing: "
                    "its random numbers cannot be handed over"
                )

        states = (v for v in model.variables if v.path.endswith("seed_generator_state"))
        self.generators = [v for v in states if id(v) not in silent]

    @contextmanager
    def noting(self) -> Iterator[list[Dropped]]:
        """Note, in the yielded list, what a pass in training mode would drop; drop nothing."""
        self._dropping = True
        try:
            with self._masks.noting() as found:
                yield found
        finally:
            self._dropping = False

    @contextmanager
    def handed(self, masks: Sequence[Any] | None, all_of_them: bool = True) -> Iterator[None]:
        """Use these masks in the next pass in training mode; drop nothing if there are none.

        A step of the user's own may run the model in evaluation mode, and use none of them.
        """
        self._dropping = masks is not None
        try:
            with self._masks.handed(masks or (), all_of_them):
                yield
        finally:
            self._dropping = False

    @contextmanager
    def evaluated(self) -> Iterator[None]:
        """Note which layers are in training mode all the same, as they are called so."""
        self._evaluating = True
        try:
            yield
        finally:
            self._evaluating = False

    def _note(self, layer: Any, training: Any) -> None:
        if self._evaluating and training:
            self.always.add(id(layer))

    def _drop(self, layer: keras.Layer, inputs: Any, training: bool = False) -> Any:
        self._note(layer, training)
        if not training or not self._dropping:
            return inputs
        strength = layer.stddev if isinstance(layer, keras.layers.GaussianNoise) else layer.rate
        drawn = self._masks.take(strength, _drawn(layer, inputs), True, type(layer) in _GAUSSIAN)
        return inputs if drawn is None else _with_noise(layer, inputs, drawn)

    def _silently(self, layer: Any, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self._note(layer, kwargs.get("training"))
        return call(*args, **{**kwargs, "training": False})


def noise_of(layer: Any) -> str:
    """Return in words what a layer draws beside masks of dropout, and how; "" for nothing."""
    return "" if _takes_masks(layer) else ", ".join(map(_in_words, _drawing(layer)))


def _in_words(layer: keras.Layer) -> str:
    config = layer.get_config() if of_keras(type(layer)) else {}
    plain = {k: v for k, v in config.items() if not isinstance(v, dict) and k not in _NOT_NOISE}
    return f"{type(layer).__name__}({', '.join(f'{k}={v}' for k, v in plain.items())})"


def _drawing(layer: Any) -> list[keras.Layer]:
    """Return what draws random numbers in a layer of Keras: itself, or layers inside of it."""
    known = isinstance(layer, keras.Layer) and of_keras(type(layer))
    return [each for each in layer._flatten_layers() if _draws(each)] if known else []


def _takes_masks(layer: Any) -> bool:
    """Return whether a layer's noise is handed over: not if all rows of a batch share it."""
    shared = (getattr(layer, "noise_shape", None) or (None,))[0] is not None
    return type(layer) in _HANDED and not shared


def _drawn(layer: Any, inputs: Any) -> tuple[int, ...]:
    """Return the shape of what a layer draws for a row."""
    if hasattr(layer, "_get_noise_shape"):  # the whole channels of SpatialDropout
        return tuple(layer._get_noise_shape(inputs)[1:])
    stated = getattr(layer, "noise_shape", None) or (None,) * len(inputs.shape)
    pairs = zip(stated[1:], inputs.shape[1:], strict=True)
    return tuple(whole if n is None else n for n, whole in pairs)


def _with_noise(layer: Any, inputs: Any, drawn: Any) -> Any:
    """Return what a layer makes of its input: `drawn` is a mask, 0 or 1/(1 − rate), or N(0, 1)."""
    if isinstance(layer, keras.layers.GaussianNoise):
        return inputs + layer.stddev * drawn
    if isinstance(layer, keras.layers.GaussianDropout):
        return inputs * (1 + math.sqrt(layer.rate / (1 - layer.rate)) * drawn)
    if isinstance(layer, keras.layers.AlphaDropout):
        return alpha_dropped(inputs, keras.ops.sign(drawn), layer.rate)
    return inputs * drawn


def _draws(layer: keras.Layer) -> bool:
    """Return whether a layer draws random numbers in training mode."""
    generators = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    strengths = [vars(layer)[name] for name in _STRENGTHS if name in vars(layer)]
    positive = any(x > 0 for x in strengths if isinstance(x, int | float))
    return positive or bool(generators and not strengths)
