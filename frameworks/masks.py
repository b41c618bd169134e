"""Dropout masks on their way into a framework's own dropout layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from frameworks.draws import Dropped

__all__ = ["Masks"]


class Masks:
    """Hands a step's masks to the dropout layers, one at each call, in the order of the calls.

    A layer that is called twice in a step takes two. RuntimeError for a step that has more calls
    than masks, or fewer: a layer would otherwise drop what no other implementation does.
    """

    def __init__(self) -> None:
        self._left: list[Any] = []
        self._calls: list[Dropped] | None = None

    @contextmanager
    def noting(self) -> Iterator[list[Dropped]]:
        """Note the calls in the list that is yielded, instead of handing anything out."""
        self._calls = []
        try:
            yield self._calls
        finally:
            self._calls = None

    @contextmanager
    def handed(self, masks: Sequence[Any]) -> Iterator[None]:
        """Have these masks taken, all of them."""
        self._left = list(masks)
        yield
        if self._left:
            raise RuntimeError(
                f"{len(self._left)} of {len(masks)} dropout masks were not taken: the network runs "
                "other dropout layers in training than in evaluation"
            )

    def take(self, rate: float, shape: Sequence[int], training: bool) -> Any | None:
        """Return the mask of a dropout layer that is called; None where it drops nothing.

        `shape`: that of one row of its activations.
        """
        if self._calls is not None:
            self._calls.append(Dropped(rate, tuple(shape)))
        elif training:
            if not self._left:
                raise RuntimeError("a dropout layer is run in training without a mask for it")
            return self._left.pop(0)
        return None
