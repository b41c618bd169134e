"""Every planted fault is caught by the suite's verdict, and named by `diverge` at its level."""

from dataclasses import replace

import pytest

from experiments.harness.records.agreement import compare_all
from experiments.registry import find_experiment
from frameworks.agreement.noise_floor import TRAININGS
from frameworks.agreement.variants import nudges
from frameworks.diverge import walk

from ..experiments.planting import train
from .catalogue import CATALOGUE
from .fault import side, sized
from .publish import JUDGED

pytestmark = pytest.mark.slow

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


def verdict(plant, dtype):
    """Train both sides, and judge them, as `lockstep run` does."""
    fault = plant.fault
    options = sized(fault.experiment, dtype=dtype)
    clean = train(fault.experiment, fault.clean, **options)
    faulty = train(plant.experiment, fault.faulty, **options | plant.options)
    told = faulty.record.model_copy(update={"seed": clean.record.seed})  # what was asked for
    faulty = replace(faulty, record=told)
    (entry,) = compare_all([clean, faulty])
    if dtype == "float32" or (entry.verdict == "differ" and not entry.inputs_differ):
        nudged = [train(fault.experiment, "scratch", mode, **options) for mode in nudges(TRAININGS)]
        (entry,) = compare_all([clean, faulty], nudged)
    return entry.verdict


def expected(fault, dtype):
    """Return the verdict and the level that a fault has to get."""
    if dtype == "float32" and fault.name in ROUNDINGS:
        return "agree", None
    return "differ", fault.level


def named(found):
    """Return the level, the place and the cause of a walk's first finding."""
    if not found.findings:
        return None, "", None
    first = found.findings[0]
    return first.level, first.difference.where, first.cause


# Keras sees a softmax before a loss on logits, and says so; the suite would not need it.
@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")
@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: f"{fault.area}: {fault.name}")
def test_fault_is_caught_and_named(fault, dtype, published):
    with fault.planted() as plant:
        a, b = plant.sides(dtype)
        one, other = named(walk(a, b)), named(walk(b, a))
        given = verdict(plant, dtype)
    level, place, _ = one
    causes = [cause for *_, cause in (one, other)]
    judged = max(map(fault.judge, causes), key=JUDGED.index)
    published["faults"].append((fault, given, level, place, judged, causes[0] or ""))
    assert (given, level) == expected(fault, dtype), (one, other)
    assert other[0] == level
    if dtype == "float64":
        assert fault.place in place, (one, other)
        assert judged == fault.named, (one, other)


@pytest.mark.parametrize("name", A_FEW)
def test_fault_is_named_in_float32(name):
    (fault,) = (each for each in CATALOGUE if each.name == name)
    with fault.planted() as plant:
        found = walk(*plant.sides("float32"))
    level = found.findings[0].level if found.findings else None
    assert level == expected(fault, "float32")[1], found.findings
    assert level is None or fault.judge(found.findings[0].cause) == fault.named


@pytest.mark.timeout(3_600)  # as long as the number of seeds asks for
@pytest.mark.parametrize("experiment", ["perceptron", "xor", "circle", "churn"])
@pytest.mark.parametrize("between", ["scratch,pytorch"])
def test_clean_seeds_raise_no_alarm(experiment, between, dtype, clean_seeds, published):
    alarms, options = {}, {"dtype": dtype} | (LONGER[experiment] if dtype == "float32" else {})
    stock = find_experiment(experiment)
    for seed in clean_seeds:
        options["seed"] = seed
        found = walk(*(side(stock, name, **options) for name in between.split(",")))
        if found.findings:
            alarms[seed] = found.findings
    published["clean"].append((experiment, between, len(alarms), len(clean_seeds)))
    assert alarms == {}


def test_catalogue_holds_three_hundred_and_twenty_faults_by_different_names():
    names = [(fault.area, fault.name) for fault in CATALOGUE]
    assert len(set(names)) == len(names) >= 320
