"""What a Keras model draws at random: dropout gets its masks, everything else is switched off."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from frameworks.draws import Dropped
from frameworks.keras.live.layers import Leaf
from frameworks.keras.loading import keras
from frameworks.masks import Masks

__all__ = ["HandedDropout"]

_STRENGTHS = ("rate", "stddev", "dropout", "recurrent_dropout", "_dropout", "factor")


class HandedDropout:
    """The dropout layers of a copy, with masks that are handed over; other noise is switched off.

    `call` is set on the instances, as Keras has no hooks. Layers that are random in other ways run
    as in evaluation, where none of them draws anything; `notes` names them.
    """

    def __init__(self, leaves: Sequence[Leaf]) -> None:
        self.notes: list[str] = []
        self._masks, self._dropping = Masks(), False
        for leaf in leaves:
            layer = leaf.layer
            if not _of_keras(layer) or not any(map(_draws, layer._flatten_layers())):
                continue
            if type(layer) is keras.layers.Dropout and layer.noise_shape is None:
                layer.call = partial(self._drop, layer.rate)
            else:
                layer.call = partial(_in_evaluation, layer.call)
                self.notes.append(
                    f"{leaf.path} ({type(layer).__name__}) draws nothing: "
                    "its random numbers cannot be handed over"
                )

    @contextmanager
    def noting(self) -> Iterator[list[Dropped]]:
        """Note, in the yielded list, what a pass in evaluation mode would drop in training."""
        with self._masks.noting() as found:
            yield found

    @contextmanager
    def handed(self, masks: Sequence[Any] | None) -> Iterator[None]:
        """Use these masks in the next pass in training mode; drop nothing if there are none."""
        self._dropping = masks is not None
        with self._masks.handed(masks or ()):
            yield

    def _drop(self, rate: float, inputs: Any, training: bool = False) -> Any:
        mask = self._masks.take(rate, inputs.shape[1:], bool(training) and self._dropping)
        return inputs if mask is None else inputs * mask


def _of_keras(layer: Any) -> bool:
    return isinstance(layer, keras.Layer) and type(layer).__module__.startswith("keras.")


def _draws(layer: keras.Layer) -> bool:
    """Return whether a layer draws random numbers in training mode."""
    generators = [v for v in vars(layer).values() if isinstance(v, keras.random.SeedGenerator)]
    strengths = [vars(layer)[name] for name in _STRENGTHS if name in vars(layer)]
    positive = any(x > 0 for x in strengths if isinstance(x, int | float))
    return positive or bool(generators and not strengths)


def _in_evaluation(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    return call(*args, **{**kwargs, "training": False})
