"""What else is known about a parting: what still agrees next to it."""

from frameworks.diverge.differences import Difference
from frameworks.diverge.evidence import Evidence
from frameworks.diverge.levels import Item

__all__ = ["describe"]


def describe(level: str, found: list[tuple[Item, Difference]], evidence: Evidence) -> list[str]:
    """Return sentences that narrow a parting down."""
    if level in ("gradient", "step"):
        return _which(found)
    if level == "forward":
        return _before(found, evidence)
    if level in ("trajectory", "result"):
        return _step(level, evidence)
    return []


def _which(found: list[tuple[Item, Difference]]) -> list[str]:
    """Name the weights that part, if others agree."""
    weights = [(item, each) for item, each in found if "weights." in item.where]
    parted = [item.position for item, each in weights if each.parted]
    if len(parted) in (0, 1, len(weights)):
        return []
    names = ", ".join(f"weights.{i}" for i in parted)
    return [f"{len(parted)} of {len(weights)} part: {names}; the others agree"]


def _before(found: list[tuple[Item, Difference]], evidence: Evidence) -> list[str]:
    """Say that what went into the layer agrees."""
    earlier = []
    for _, each in found:
        if each is evidence.found:
            break
        earlier.append(each)
    if not earlier:
        return []
    worst = max(each.error for each in earlier)
    return [f"all before it agrees, to {worst:.1e}"]


def _step(level: str, evidence: Evidence) -> list[str]:
    """Tell the gradient from the step, and the steps from the loop."""
    if evidence.floor is not None:
        return _step_of_float32(evidence)
    if evidence.gradients is not None:
        of = evidence.gradients
        if of.parted:
            return [f"from equal weights, the {of.where} parts there already: {of.error:.1e}"]
        return [
            f"from equal weights all gradients agree, to {of.error:.1e}: the optimizer's step parts"
        ]
    if evidence.epochs is not None and not evidence.history:
        return ["on the same batches, step by step, both agree: the loop takes other batches"]
    return []


def _step_of_float32(evidence: Evidence) -> list[str]:
    """Name what is outside the noise floor beside the finding: the epoch, or the first step."""
    of, epoch, gradients = evidence.step, evidence.epoch, evidence.gradients
    if evidence.epochs is None and epoch is None:  # no step was looked for
        return []
    if of is None or gradients is None:
        return ["on the same batches, step by step, both stay within the noise floor"]
    found = []
    if epoch is not None:
        found.append(f"{epoch.where}, epoch {epoch.epoch}, is outside the noise floor: "
                     f"{epoch.error:.1e}, limit {epoch.limit:.1e}")  # fmt: skip
    else:
        found.append(f"first outside at step {of.step}: {of.where}, by {of.error:.1e}")
    verb = "parts there already" if gradients.parted else "is no farther apart than rounding"
    return [*found, f"the {gradients.where} {verb}: {gradients.error:.1e}"]
