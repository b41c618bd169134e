"""What a Keras model draws at random: dropout gets its masks, everything else is switched off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from frameworks.draws import Dropped
from frameworks.keras.live.layers import Leaf, of_keras
from frameworks.keras.loading import keras
from frameworks.masks import Masks

__all__ = ["HandedDropout", "noise_of"]

_NOT_NOISE = ("name", "trainable", "dtype", "seed", "data_format")
_STRENGTHS = ("rate", "stddev", "dropout", "recurrent_dropout", "_dropout", "factor")


class HandedDropout:
    """The dropout layers of a copy, with masks that are handed over; other noise is switched off.

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

    def _drop(self, layer: keras.layers.Dropout, inputs: Any, training: bool = False) -> Any:
        self._note(layer, training)
        if not training or not self._dropping:
            return inputs
        mask = self._masks.take(layer.rate, inputs.shape[1:], training=True)
        return inputs if mask is None else inputs * mask

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
    return type(layer) is keras.layers.Dropout and layer.noise_shape is None


def _draws(layer: keras.Layer) -> bool:
    """Return whether a layer draws random numbers in training mode."""
    generators = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    strengths = [vars(layer)[name] for name in _STRENGTHS if name in vars(layer)]
    positive = any(x > 0 for x in strengths if isinstance(x, int | float))
    return positive or bool(generators and not strengths)
