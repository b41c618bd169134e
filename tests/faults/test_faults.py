"""Every planted fault is caught by the suite's verdict, and named by `diverge` at its level."""

import pytest

from experiments.harness.agreement import FLOAT64, compare
from experiments.harness.cell import Cell
from experiments.harness.diverge import walk
from experiments.harness.training import train_cell
from experiments.registry import page

from .catalogue import CATALOGUE
from .fault import side


def record(side):
    """Train one side as `lockstep run` does, and return what agreement is judged on."""
    epochs = side.epochs or side.page.SPEC.epochs
    cell = Cell(side.page.__name__, "float64", side.seed, side.implementation, epochs,
                side.limit, "stand-in", None, 1)  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.harness.training.page", lambda name: side.page)
        trained, arrays = train_cell(cell, side.data, seconds_import=0.0)
    head = cell.to_json() | {"data": side.data.sha256, "spec": repr(side.page.SPEC)}
    return head | trained, arrays


def verdict(a, b):
    return compare(record(a), record(b), FLOAT64)


def silent(what, done, total):
    pass


# Keras sees a softmax before a loss on logits, and says so; the suite would not need it.
@pytest.mark.filterwarnings("ignore:.*received `from_logits=True`:UserWarning")
@pytest.mark.parametrize("fault", CATALOGUE, ids=lambda fault: f"{fault.area}: {fault.name}")
def test_fault_is_caught_and_named(fault, published):
    with fault.planted() as (clean, faulty):
        found = walk(clean, faulty, None, False, silent)
        entry = verdict(clean, faulty)
    level = found.findings[0].level if found.findings else None
    cause = (found.findings[0].cause or "") if found.findings else ""
    published["faults"].append((fault, entry["verdict"], level, cause))
    assert entry["verdict"] == "differ"
    assert level == fault.level, found.findings
    assert fault.cause in cause, found.findings


@pytest.mark.timeout(3_600)  # as long as the number of seeds asks for
@pytest.mark.parametrize("experiment", ["perceptron", "xor", "circle", "churn"])
@pytest.mark.parametrize("between", ["scratch,pytorch"])
def test_clean_seeds_raise_no_alarm(experiment, between, clean_seeds, published):
    alarms = {}
    for seed in clean_seeds:
        one, other = (side(page(experiment), name, {"seed": seed}) for name in between.split(","))
        found = walk(one, other, None, False, silent)
        if found.findings:
            alarms[seed] = found.findings
    published["clean"].append((experiment, between, len(alarms), len(clean_seeds)))
    assert alarms == {}


def test_catalogue_holds_at_least_sixty_faults_by_different_names():
    names = [(fault.area, fault.name) for fault in CATALOGUE]
    assert len(set(names)) == len(names) >= 60
