"""Score a training: how many digits of the certified losses it has right."""

from math import floor
from typing import Any

from experiments.certified.lre import digits
from experiments.certified.stored import complete, find

__all__ = ["score"]


def score(cell: dict[str, Any]) -> dict[str, Any] | None:
    """Return the digits of a cell's losses, epoch by epoch, and of its test loss.

    None where no certificate is for this training: another dtype, or another spec, seed, initial
    weights, data or batch order. A training with fewer epochs than are certified is scored on
    those; its test loss is not certified, and has None.
    """
    if cell["status"] != "ok":
        return None
    certificate = find(cell["experiment"], cell["data"]["source"])
    if certificate is None or not _is_for(certificate, cell):
        return None
    lre = [*map(_score, cell["history"]["loss"], certificate["loss"])]
    whole = cell["epochs"] == len(certificate["loss"])
    return {
        "worst_lre": min(lre),
        "worst_epoch": 1 + lre.index(min(lre)),
        "lre": lre,
        "test_lre": _score(cell["test"]["loss"], certificate["test_loss"]) if whole else None,
        "epochs": len(lre),
    }


def _score(q: float | None, c: str) -> float:
    return floor(100 * digits(q, c)) / 100  # two decimals, and never rounded up


def _is_for(certificate: dict[str, Any], cell: dict[str, Any]) -> bool:
    """Say whether what was certified is what was trained, to the last batch."""
    epochs, orders = cell["epochs"], certificate["digests"]["batch_order"]
    spec = certificate["spec"] | {"epochs": epochs}
    digests = {
        "initial_weights": certificate["digests"]["initial_weights"],
        "batch_order": orders[epochs - 1] if orders and epochs <= len(orders) else "",
    }
    return (
        cell["dtype"] == "float64"
        and cell["limit"] is None
        and epochs <= len(certificate["loss"])
        and cell["seed"] == certificate["seed"]
        and cell["data"]["sha256"] == certificate["data"]["sha256"]
        and complete(cell["spec"]) == spec
        and {name: cell["digests"].get(name) for name in digests} == digests
    )
