"""Score a training: how many digits of the certified losses it gets right."""

import json
from dataclasses import asdict
from math import floor

from experiments.certified.formulas import formulas_of
from experiments.certified.lre import digits
from experiments.certified.stored import Certificate, PhaseRecipe, find
from experiments.harness.experiment import Experiment
from experiments.harness.phases import Phase
from experiments.harness.records.models import Certified, Record, SpecNumbers
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.errors import RequestError

__all__ = ["score"]


def score(cell: Record) -> Certified | None:
    """Return the digits of a training's losses, epoch by epoch, and of its test loss.

    None if there is no certificate for this training: its dtype, mode, rows, seed or data differ. A
    training with fewer epochs than are certified is scored on those, and if it has several phases,
    on those of the first: the others start elsewhere. Its test loss is not certified, and its score
    is None, as it is where only the first epochs are certified. If the page is no longer the one
    that was certified, the result says only what has changed.
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
    whole, test_loss = cell.epochs == certificate.epochs, certificate.test_loss
    same = None if whole or not cell.phases else cell.phases[0].epochs
    scored = zip(cell.history.loss[:same], certificate.loss, strict=False)
    lre = [_score(q, c) for q, c in scored]
    return Certified(
        worst_lre=min(lre),
        worst_epoch=1 + lre.index(min(lre)),
        lre=lre,
        test_lre=_score(cell.test.loss, test_loss) if whole and test_loss else None,
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
        and cell.epochs <= certificate.epochs
        and cell.seed == certificate.seed
        and cell.data.sha256 == certificate.data.sha256
    )


def _what_changed(certificate: Certificate, cell: Record) -> str:
    """Return what has changed since the certification, or an empty string."""
    page = find_experiment(cell.experiment)
    try:
        formulas, phases = formulas_of(page), [_recipe(page, phase) for phase in page.phases]
    except RequestError as error:
        return str(error)
    changed = certificate.spec_changed(cell.spec) or certificate.model.changed(formulas)
    return changed or certificate.phases_changed(phases) or _drawn_otherwise(certificate, cell)


def _recipe(page: Experiment, phase: Phase) -> PhaseRecipe:
    """Return what is known of a phase before its training."""
    spec = SpecNumbers.model_validate_json(json.dumps(asdict(phase.spec)))
    model = formulas_of(page, phase.spec)
    return PhaseRecipe(name=phase.name, spec=spec, model=model, batch_order=[])


def _drawn_otherwise(certificate: Certificate, cell: Record) -> str:
    assert cell.digests is not None
    if cell.digests.initial_weights != certificate.digests.initial_weights:
        return "other initial weights are drawn"
    trained = [phase.epochs for phase in cell.phases] or [cell.epochs]
    if (cell.digests.batch_order or "") != certificate.batch_order(trained):
        return "other batches are drawn"
    return ""
