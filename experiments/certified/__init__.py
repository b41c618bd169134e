"""Certified results: the loss of every epoch, in more digits than any implementation computes.

These are the results of a training in exact arithmetic, from float64 data and initial weights, with
seed 0 (see docs/certified-results.md). To check an implementation of your own, train it as the
experiment's page says, and count the correct digits of its losses:

>>> from experiments import certified
>>> losses = certified.losses("circle")
>>> len(losses), losses[0]
(2000, Decimal('0.2418011766677092906114388'))
>>> round(certified.digits(0.2418011, losses[0]), 1)
6.5
"""

from decimal import Decimal
from typing import Literal

from experiments.certified.lre import digits
from experiments.certified.stored import Certificate, find

__all__ = ["digits", "loss_on_test_rows", "losses"]


def losses(experiment: str, source: Literal["real", "stand-in"] = "real") -> list[Decimal]:
    """Return the certified training loss of every epoch, each batch's loss before its update.

    Of an experiment with phases, those of all phases, one after the other. Where the whole training
    takes too long, they are those of the first epochs.
    Raises LookupError if nothing is certified for this experiment on these data.

    >>> losses("xor")[-1]
    Decimal('0.002804900423771570051617721')
    """
    return [Decimal(loss) for loss in _certificate(experiment, source).loss]


def loss_on_test_rows(experiment: str, source: Literal["real", "stand-in"] = "real") -> Decimal:
    """Return the certified loss on the test rows after the last epoch.

    Raises LookupError if it is not certified for this experiment on these data.

    >>> loss_on_test_rows("xor")
    Decimal('0.002802628794719680234108282')
    """
    if (loss := _certificate(experiment, source).test_loss) is None:
        raise LookupError(
            f"only the first epochs of {experiment!r} are certified on {source!r} data"
        )
    return Decimal(loss)


def _certificate(experiment: str, source: str) -> Certificate:
    if (certificate := find(experiment, source)) is None:
        raise LookupError(f"nothing is certified for {experiment!r} on {source!r} data")
    return certificate
