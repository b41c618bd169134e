"""Two sides of an experiment, to be walked."""

from experiments.harness.experiment import Experiment
from experiments.harness.sides import split_of
from experiments.registry import find_experiment
from frameworks.diverge import Side

from ...experiments.planting import load


def sides(stock: str | Experiment, between: str, other: Experiment | None = None, **options):
    """Make side a of an experiment, and side b of it or of another one on the same rows."""
    a = find_experiment(stock) if isinstance(stock, str) else stock
    split, names = split_of(a, load(a)), between.split(",")
    pairs = zip((a, other or a), names, strict=True)
    return [Side(each.blueprint, name, split, **options) for each, name in pairs]


def rate_changes(factor: float, step: int):
    """Return what multiplies the learning rate of PyTorch parts before a step."""

    def change(parts):
        def count(optimizer, args, kwargs):
            taken.append(1)
            if len(taken) == step:
                optimizer.param_groups[0]["lr"] *= factor

        taken = []
        parts.optimizer.register_step_pre_hook(count)

    return change
