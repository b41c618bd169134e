"""What a section shows before it is unfolded, under which names, and whom it accuses."""

import re
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from experiments.harness.records.models import Certified, SpecNumbers
from experiments.harness.records.results import build_results
from experiments.harness.report.document import render
from experiments.harness.report.hyperparameters import hyperparameters
from experiments.harness.report.verdict import odd_one_out
from experiments.registry import find_experiment

from .made_up import by_all, save
from .reading import Page


@pytest.fixture(scope="module")
def sections(report) -> list[tuple[str, str]]:
    """Each experiment's section: what is always shown, and what is folded."""
    text = report.read_text()
    found = re.findall(r'<section class="experiment".*?</section>', text, re.DOTALL)
    return [tuple(each.split("<details", 1)) for each in found if "<details" in each]


def test_verdict_and_two_pictures_are_shown_and_all_else_is_folded(sections):
    assert len(sections) == 6
    for shown, folded in sections:
        assert "implementations agree to 15 digits" in shown
        assert shown.count("<figure") == 2
        assert "<table" not in shown
        assert "The source, line by line" in folded
        assert "Hyperparameters" in folded


def test_the_first_picture_is_what_was_learned_and_the_second_how_alike_it_is(sections):
    words = [re.findall(r'role="img" aria-label="([^"]*)"', shown) for shown, _ in sections]
    learned, apart = zip(*words, strict=True)
    assert all("Relative difference of the loss" in each for each in apart)
    by_name = {each.partition(",")[0]: each for each in learned}
    assert "Training loss over" in by_name["xor"]
    assert "Probability in the plane by scratch" in by_name["circle"]
    assert "predicted disease progression" in by_name["diabetes"]


def test_no_picture_is_drawn_twice(report):
    drawn = re.findall(r'role="img" aria-label="([^"]*)" viewBox[^>]*--w', report.read_text())
    assert len(drawn) == len(set(drawn)) > 20


def test_hyperparameters_have_the_names_of_the_field(report):
    text = Page(report.read_text()).text
    assert "batch size 4 (full batch)" in text
    assert text.count("rows shuffled every epoch") == 2  # churn and mnist; full batches are not
    assert "β₁ 0.9" in text
    assert " par. " not in text


def shown(name: str, **numbers) -> dict[str, str]:
    """Return an experiment's hyperparameters as the report shows them."""
    page = find_experiment(name)
    spec = SpecNumbers(**{**asdict(page.spec), "hidden": [256], **numbers})
    head = SimpleNamespace(spec=spec, setting=numbers)
    trained = SimpleNamespace(head=head, experiment=page, done=[], sweep=[])
    return dict(hyperparameters(trained))


def test_what_is_switched_off_is_left_out_unless_it_was_set():
    off = shown("regularisation")
    assert {"dropout of inputs", "random shifts up to", "early stopping after"}.isdisjoint(off)
    on = shown("regularisation", patience=5, drop_inputs=0.0)
    assert on["early stopping after"] == "5 epochs without improvement"
    assert on["dropout of inputs"] == "0"


def test_the_box_names_who_is_wrong(tmp_path):
    store = save(tmp_path, by_all("xor"))
    results = build_results(store)
    cells = [
        cell.model_copy(update={"certified": Certified(worst_lre=2.47, worst_epoch=3)})
        if cell.implementation == "keras"
        else cell
        for cell in results.cells
    ]
    page = Page(render(results.model_copy(update={"cells": cells}), store, None))
    assert page.text.count("keras: 2.47 certified digits") == 2  # in the summary, and below


def entry(a: str, b: str, verdict: str) -> SimpleNamespace:
    return SimpleNamespace(pair=(a, b), verdict=verdict)


def test_the_odd_one_out_is_in_every_pair_that_differs():
    apart = [entry("scratch", "keras", "differ"), entry("keras", "pytorch", "differ")]
    assert odd_one_out([*apart, entry("scratch", "pytorch", "agree")]) == "keras"


@pytest.mark.parametrize("third", ["differ", "agree"])
def test_nobody_is_accused_where_it_might_be_either(third):
    pairs = [entry("scratch", "keras", "differ"), entry("keras", "pytorch", third)]
    assert odd_one_out(pairs) == ""
    assert odd_one_out([*pairs, entry("scratch", "pytorch", third)]) == ""


def test_date_command_and_version_stand_at_the_top_each_command_once(tmp_path):
    store = save(tmp_path, by_all("xor"))
    for _ in range(2):
        store.create((), "lockstep run xor --epochs 4")
    (asked,) = store.plan().asked
    page = Page(render(build_results(store), store, None))
    top = page.text.partition("trainings finished")[0]
    line = f"UTC, lockstep {asked.version}: lockstep run xor --epochs 4"
    assert top.count(line) == 1
    assert asked.date[:10] in top
