"""The hand-over of dropout masks to a framework's own dropout layers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from frameworks.draws import Dropped

__all__ = ["Masks", "require_rate"]


class Masks:
    """Hands a step's masks to the dropout layers, one per call, in call order.

    A layer that is called twice in a step takes two. Raises RuntimeError if a step makes more calls
    than there are masks, or fewer, or if a layer has another rate than when its calls were
    recorded: the implementations would drop different activations.
    """

    def __init__(self) -> None:
        self._left: list[Any] = []
        self._calls: list[Dropped] | None = None
        self._rates: list[float] = []  # for which masks are drawn, as last recorded

    @contextmanager
    def noting(self) -> Iterator[list[Dropped]]:
        """Record the calls in the yielded list instead of handing out masks."""
        self._calls = []
        try:
            yield self._calls
            self._rates = [call.rate for call in self._calls]
        finally:
            self._calls = None

    @contextmanager
    def handed(self, masks: Sequence[Any], all_of_them: bool = True) -> Iterator[None]:
        """Hand out these masks; RuntimeError if any is left, unless not all need to be used."""
        self._left = list(masks)
        yield
        if self._left and all_of_them:
            raise RuntimeError(
                f"{len(self._left)} of {len(masks)} dropout masks were not used: the network runs "
                "different dropout layers in training and in evaluation"
            )

    def take(self, rate: float, shape: Sequence[int], training: bool) -> Any | None:
        """Return the mask for a call of a dropout layer; None if it drops nothing.

        `shape`: of one row of its activations.
        """
        if self._calls is not None:
            self._calls.append(Dropped(rate, tuple(shape)))
        elif training:
            if not self._left:
                raise RuntimeError("a dropout layer runs in training without a mask")
            number = len(self._rates) - len(self._left)
            if 0 <= number < len(self._rates):
                require_rate(rate, self._rates[number])
            return self._left.pop(0)
        return None


def require_rate(rate: float, drawn_for: float) -> None:
    """Raise RuntimeError if a layer has another rate than its masks."""
    if rate != drawn_for:
        raise RuntimeError(
            f"the rate of a dropout layer has become {rate:g}, but its masks are drawn for "
            f"{drawn_for:g}: keep it during a training"
        )
