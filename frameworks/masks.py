"""The hand-over of dropout masks to a framework's own dropout layers, and what they make of one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from frameworks.draws import Dropped

__all__ = ["Masks", "alpha_dropped", "require_rate"]

_DROPPED = -1.7580993408473766  # what alpha dropout puts in place: SELU's limit at -infinity


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

    def take(
        self, rate: float, shape: Sequence[int], training: bool, normal: bool = False
    ) -> Any | None:
        """Return the mask for a call of a dropout layer; None if it drops nothing.

        `shape`: of one row of its activations. With `normal` it is z ~ N(0, 1) for a layer of
        Gaussian noise.
        """
        if self._calls is not None:
            self._calls.append(Dropped(rate, tuple(shape), normal))
        elif training:
            if not self._left:
                raise RuntimeError("a dropout layer runs in training without a mask")
            number = len(self._rates) - len(self._left)
            if 0 <= number < len(self._rates):
                require_rate(rate, self._rates[number])
            return self._left.pop(0)
        return None


def alpha_dropped(x: Any, kept: Any, rate: float) -> Any:
    """Return the alpha dropout of x, in any library's arrays: mean and variance stay.

    `kept`: 1 where a number is kept, and 0 where it is dropped, in the dtype of x. The formula is
    that of Klambauer et al., 2017, Self-Normalizing Neural Networks, section 3.

    >>> alpha_dropped(2.0, 1.0, rate=0.0)
    2.0
    """
    if rate == 1:
        return x * 0.0
    scale = ((1 - rate) * (1 + rate * _DROPPED**2)) ** -0.5
    return scale * (x * kept + _DROPPED * (1 - kept)) - scale * _DROPPED * rate


def require_rate(rate: float, drawn_for: float) -> None:
    """Raise RuntimeError if a layer has another rate than its masks."""
    if rate != drawn_for:
        raise RuntimeError(
            f"the rate of a dropout layer has become {rate:g}, but its masks are drawn for "
            f"{drawn_for:g}: keep it during a training"
        )
