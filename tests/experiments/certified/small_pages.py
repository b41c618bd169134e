"""The pages with programs, phases and other layers, cut down: few rows, narrow networks."""

from dataclasses import replace

from experiments.registry import find_experiment
from frameworks import float32
from frameworks.program import with_spec

ROWS = 45  # the last batch is not full
EPOCHS = 4
FAST = {"learning_rate": float32(0.02), "batch_size": 10, "hidden": (9,)}
BRIEF = {"batch_size": 10, "epochs": EPOCHS}
NARROW = {
    "autoencoder": [{"hidden": (6,)} | BRIEF],
    "gan": [{"halve_every": 7} | BRIEF],
    "rbm": [BRIEF],
    "sorting_transformer": [{"hidden": (4, 5), "batch_size": 10, "epochs": 2}],
    "transfer": 3 * [{"hidden": (2, 3, 8)} | BRIEF],
    "regularisation": [FAST | {"epochs": 12} | more for more in ({}, {"patience": 2}, {}, {})],
    "dbn": [
        {"outputs": 8} | BRIEF,
        {"inputs": 8, "outputs": 7} | BRIEF,
        *2 * [{"hidden": (8, 7)} | BRIEF],
    ],
}


def cut(data):
    """Return some rows of a data set; targets that are the inputs stay so."""
    first = {}
    for part in ("train", "test"):
        X, y = getattr(data, f"X_{part}"), getattr(data, f"y_{part}")
        first[f"X_{part}"] = X[:ROWS]
        first[f"y_{part}"] = first[f"X_{part}"] if y is X else y[:ROWS]
    return replace(data, **first)


def narrow(name):
    """Return an experiment that takes a moment, of the same steps and phases as the page's own."""
    whole, numbers = find_experiment(name), NARROW[name]
    spec = replace(whole.spec, **numbers[-1])
    phases = [
        replace(phase, spec=replace(phase.spec, **own))
        for phase, own in zip(whole.phases, numbers, strict=bool(whole.phases))
    ]
    return replace(
        whole,
        spec=spec,
        load=lambda policy, folder: cut(whole.load("stand-in", None)),
        builders=[with_spec(build, spec) for build in whole.builders],
        phases=phases,
        band={},
        certified_epochs={},
    )
