"""What the report leaves out, and that it says so in its place."""

from dataclasses import replace

import pytest

from datasets import DataError
from experiments.registry import find_experiment

from .made_up import by_all, data_of, html
from .reading import Page


def test_records_without_outputs_leave_their_figures_out_and_say_so(tmp_path):
    cells = by_all("circle", "churn")
    for _, arrays in cells:
        for name in ("outputs", "probabilities", "grid_axes", "grid_probabilities"):
            arrays.pop(name, None)
    page = Page(html(tmp_path, cells))
    note = "The records of scratch, keras, pytorch hold no outputs: figures of them"
    assert page.text.count(note) == 2
    assert not any("ROC" in words or "plane by" in words for words in page.alternatives())
    assert "Confusion matrix: scratch, keras, pytorch" in page.text


@pytest.mark.parametrize(
    ("load", "reason"),
    [
        (lambda *_: (_ for _ in ()).throw(DataError("not found\nmore")), "not found."),
        (lambda *_: data_of("xor"), "the data now have a different SHA-256, ed092129c64f."),
    ],
)
def test_data_that_is_gone_is_said_in_its_place(tmp_path, monkeypatch, load, reason):
    cells = by_all("churn")
    page = replace(find_experiment("churn"), load=load)
    monkeypatch.setattr("experiments.churn.EXPERIMENT", page)
    page = Page(html(tmp_path, cells))
    assert f"Pictures and rows of the data are left out: {reason}" in page.text
    assert "agree to 15 digits in all 4 epochs" in page.text


def test_an_experiment_that_is_no_more_keeps_its_numbers(tmp_path):
    cells = by_all("xor")
    for record, _ in cells:
        record["experiment"] = "gone"
    page = Page(html(tmp_path, cells))
    assert "The page of this experiment is not known" in page.text
    assert "Three implementations agree to 15 digits in all 4 epochs" in page.text
