"""What whole trainings in float32 were held against, as a table."""

from rich.table import Table

from experiments.harness.cli.tables import make_table
from frameworks.diverge.findings import Walk
from frameworks.diverge.limits import FACTOR

__all__ = ["floor_table", "how_judged"]


def floor_table(walk: Walk) -> Table:
    """Return the four distances beside the floor's; those that were not reached are left out."""
    assert walk.floor is not None
    noise, apart = walk.floor.noise, walk.distance
    table = make_table("whole training", "difference", "noise floor")
    rows = {
        "loss of any epoch": (noise.loss, apart and apart.loss),
        "weights at the end": (noise.weight, apart and apart.weight),
        "test loss": (noise.test_loss, apart and apart.test_loss),
    }
    for words, (floor, found) in rows.items():
        table.add_row(words, "" if found is None else f"{found:.1e}", f"{floor:.1e}")
    mismatches = "" if apart is None else str(len(apart.mismatches))
    table.add_row("different predictions", mismatches, str(noise.predictions))
    return table


def how_judged(walk: Walk) -> list[str]:
    """Return what the limits of float32 are, in a sentence for each kind."""
    name = walk.a.implementation
    sentences = [
        f"Limits up to step: {FACTOR} times {name}'s own rounding, measured against float64."
    ]
    if walk.floor is not None:
        sentences.append(
            f"Noise floor: the largest distance between any two of {walk.floor.noise.trainings} "
            "trainings of scratch, with every result nudged in its last place."
        )
    elif any(level.verdict == "measured" for level in walk.levels):
        sentences.append(_why_measured(walk))
    return sentences


def _why_measured(walk: Walk) -> str:
    if not hasattr(walk.a.page, "build_scratch"):
        return "No noise floor: the page has no build_scratch, so the rest is measured only."
    return "No noise floor was asked for: the rest is measured only."
