"""Score a training: how many digits of the certified losses it gets right."""

from math import floor

from experiments.certified.formulas import formulas_of
from experiments.certified.lre import digits
from experiments.certified.stored import Certificate, find
from experiments.harness.records.models import Certified, Record
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.errors import RequestError

__all__ = ["score"]


def score(cell: Record) -> Certified | None:
    """Return the digits of a training's losses, epoch by epoch, and of its test loss.

    None if there is no certificate for this training: its dtype, mode, rows, seed or data differ. A
    training with fewer epochs than are certified is scored on those; its test loss is not
    certified, and its score is None. If the page is no longer the one that was certified, the
    result says only what has changed.
    """
    if not cell.ok or cell.experiment not in EXPERIMENTS:
        return None
    certificate = find(cell.experiment, cell.data.source)
    if certificate is None or not _is_for(certificate, cell):
        return None
    if changed := _what_changed(certificate, cell):
        return Certified(outdated=changed)
    assert cell.history is not None
    assert cell.test is not None
    scored = zip(cell.history.loss, certificate.loss, strict=False)
    lre = [_score(q, c) for q, c in scored]
    whole = cell.epochs == len(certificate.loss)
    return Certified(
        worst_lre=min(lre),
        worst_epoch=1 + lre.index(min(lre)),
        lre=lre,
        test_lre=_score(cell.test.loss, certificate.test_loss) if whole else None,
        epochs=len(lre),
    )


def _score(q: float | None, c: str) -> float:
    return floor(100 * digits(q, c)) / 100  # two decimals, and never rounded up


def _is_for(certificate: Certificate, cell: Record) -> bool:
    """Return whether the certificate is for this training's dtype, mode, rows, seed and data."""
    return (
        cell.dtype == "float64"
        and cell.mode == "lockstep"
        and cell.limit is None
        and cell.epochs <= len(certificate.loss)
        and cell.seed == certificate.seed
        and cell.data.sha256 == certificate.data.sha256
    )


def _what_changed(certificate: Certificate, cell: Record) -> str:
    """Return what has changed since the certification, or an empty string."""
    try:
        formulas = formulas_of(find_experiment(cell.experiment))
    except RequestError as error:
        return str(error)
    changed = certificate.spec_changed(cell.spec) or certificate.model.changed(formulas)
    return changed or _drawn_otherwise(certificate, cell)


def _drawn_otherwise(certificate: Certificate, cell: Record) -> str:
    assert cell.digests is not None
    orders = certificate.digests.batch_order
    if cell.digests.initial_weights != certificate.digests.initial_weights:
        return "other initial weights are drawn"
    if (cell.digests.batch_order or "") != (orders[cell.epochs - 1] if orders else ""):
        return "other batches are drawn"
    return ""
