"""Every planted fault is caught by the suite's verdict, and named by `diverge` at its level."""

import pytest

from frameworks.agreement.distances import FLOAT64, compare
from experiments.harness.workers.cell import Cell
from frameworks.diverge import walk
from frameworks.diverge.floor import TRAININGS, floor_of
from experiments.harness.workers.training import train_cell
from experiments.registry import page

from .catalogue import CATALOGUE
from .fault import side

# In float32 these compute what the clean side does: a rounding to float32 is all that they add.
ROUNDINGS = {
    "layer in float32",
    "gradient in float32",
    "betas that float32 does not hold",
    "rate that float32 does not hold",
    "weights kept in float32",
    "weights rounded to float32",
    "pixels rounded to float32",
    "evaluated in float32",
}
# Nudging breaks ties at random, so that the floor of whole trainings is as large as these.
TIES = {"last maximum for the first"}
# One for each level, two whose cause is told within the floor, and one that nothing can show.
A_FEW = (
    "labels shifted by a row",
    "activation forgotten",
    "sum for a mean",
    "tanh' without the square",
    "ε after the correction",
    "partial batch dropped",
    "a shuffle that repeats",
    "another loss in the evaluation",
    "weights kept in float32",
)
# Rounding takes time to add up: the trainings of `make floor`.
TOYS = dict.fromkeys(("perceptron", "xor", "circle"), {"epochs": 500})
LONGER = TOYS | {"churn": {"epochs": 2, "limit": None}}


def record(side):
    """Train one side as `lockstep run` does, and return what agreement is judged on."""
    epochs = side.epochs or side.page.SPEC.epochs
    cell = Cell(side.page.__name__, side.dtype, side.seed, side.implementation, epochs,
                side.limit, "stand-in", None, 1)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.harness.workers.training.page", lambda name: side.page)
        trained, arrays = train_cell(cell, side.data, seconds_import=0.0)
    head = cell.to_json() | {"data": side.data.sha256, "spec": repr(side.page.SPEC)}
    return head | trained, arrays


def verdict(a, b):
    limits = FLOAT64
    if a.dtype == "float32":
        limits = floor_of(a, TRAININGS, None, silent).noise.limits
    return compare(record(a), record(b), limits)["verdict"]


def expected(fault, dtype):
    """Return the verdict and the level that a fault has to get."""
    if dtype == "float32" and fault.name in TIES:
        return "agree", fault.level
    if dtype == "float32" and fault.name in ROUNDINGS:
        return "agree", None
    return "differ", fault.level


def silent(what, done, total):
    pass


# Keras sees a softmax before a loss on logits, and says so; the suite would not need it.
@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")
@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: f"{fault.area}: {fault.name}")
def test_fault_is_caught_and_named(fault, dtype, published):
    with fault.planted(dtype) as (clean, faulty):
        found = walk(clean, faulty, None, False, silent)
        given = verdict(clean, faulty)
    level = found.findings[0].level if found.findings else None
    cause = (found.findings[0].cause or "") if found.findings else ""
    published["faults"].append((fault, given, level, cause))
    assert (given, level) == expected(fault, dtype), found.findings
    assert dtype == "float32" or fault.cause in cause, found.findings


@pytest.mark.parametrize("name", A_FEW)
def test_fault_is_named_in_float32(name):
    (fault,) = (each for each in CATALOGUE if each.name == name)
    with fault.planted("float32") as sides:
        found = walk(*sides, None, False, silent)
    level = found.findings[0].level if found.findings else None
    assert level == expected(fault, "float32")[1], found.findings
    assert level is None or fault.cause in (found.findings[0].cause or "")


@pytest.mark.timeout(3_600)  # as long as the number of seeds asks for
@pytest.mark.parametrize("experiment", ["perceptron", "xor", "circle", "churn"])
@pytest.mark.parametrize("between", ["scratch,pytorch"])
def test_clean_seeds_raise_no_alarm(experiment, between, dtype, clean_seeds, published):
    alarms, options = {}, {"dtype": dtype} | (LONGER[experiment] if dtype == "float32" else {})
    for seed in clean_seeds:
        options["seed"] = seed
        one, other = (side(page(experiment), name, options) for name in between.split(","))
        found = walk(one, other, None, False, silent)
        if found.findings:
            alarms[seed] = found.findings
    published["clean"].append((experiment, between, len(alarms), len(clean_seeds)))
    assert alarms == {}


def test_catalogue_holds_at_least_sixty_faults_by_different_names():
    names = [(fault.area, fault.name) for fault in CATALOGUE]
    assert len(set(names)) == len(names) >= 60
