"""Controls: scratch with one known inexactness of a framework, which may be why a pair differs.

A control explains that a side differs from another only if plain scratch, too, is farther from that
side than the floor allows, scratch with the framework's function is not, and the other side agrees
with plain scratch. Where plain scratch agrees with the side, the side is right, and the cause is to
be sought in the other.
"""

from collections.abc import Sequence

from frameworks.agreement.distances import Outcome, measure, too_far
from frameworks.agreement.limits import Limits
from frameworks.backends import BACKENDS

__all__ = ["controlled", "explains"]


def controlled(pair: Sequence[str]) -> int | None:
    """Return which of two implementations has a control; None if neither or both have.

    >>> controlled(("scratch", "keras")), controlled(("scratch", "pytorch"))
    (1, None)
    """
    first, second = (bool(BACKENDS[name].control) for name in pair)
    return None if first == second else int(second)


def explains(
    control: Outcome, plain: Outcome, side: Outcome, other: Outcome, limits: Limits
) -> bool:
    """Return whether a control explains that `side` differs from `other`."""

    def agree(a: Outcome, b: Outcome) -> bool:
        return not too_far(measure(a, b), limits)

    return agree(control, side) and not agree(plain, side) and agree(plain, other)
