"""What the report says against a training, and what there is to know of a verdict."""

import pytest

from experiments.harness.records.models import Certified
from experiments.harness.records.results import build_results, objections
from experiments.harness.report.document import render

from .made_up import by_all, cell, changed, failed, html, save
from .reading import Page


def certified(folder, **values) -> Page:
    """Return the report of trainings with these scores."""
    store = save(folder, by_all("xor"))
    results = changed(build_results(store), "cells", certified=Certified(**values))
    return Page(render(results, store, None))


def test_fewer_than_twelve_certified_digits_are_an_objection(tmp_path):
    page = certified(tmp_path, worst_lre=11.99, worst_epoch=3)
    line = "xor, keras, seed 0: epoch 3: 11.99 certified digits, expected 12"
    assert page.text.count(line) == 2  # in the summary, and under the verdict


def test_digits_are_never_rounded_up(tmp_path):
    page = certified(tmp_path, worst_lre=11.996, worst_epoch=3)
    assert "11.99 " in page.text.partition("certified digits")[2]
    assert "12.00" not in page.text.partition("Results")[2]


def test_the_test_losss_digits_count_too(tmp_path):
    page = certified(tmp_path, worst_lre=14.0, worst_epoch=3, test_lre=10.5)
    assert "test loss: 10.50 certified digits, expected 12" in page.text


def test_the_fewest_digits_of_several_seeds_are_shown(tmp_path):
    store = save(tmp_path, [cell("xor", "scratch", seed) for seed in range(2)])
    results = build_results(store)
    scores = [Certified(worst_lre=lre, worst_epoch=1) for lre in (14.5, 13.5)]
    cells = [
        record.model_copy(update={"certified": score})
        for record, score in zip(results.cells, scores, strict=True)
    ]
    page = Page(render(results.model_copy(update={"cells": cells}), store, None))
    assert "13.50" in page.text
    assert "14.50" not in page.text


def test_enough_digits_are_no_objection(tmp_path):
    page = certified(tmp_path, worst_lre=12.0, worst_epoch=3)
    assert "expected 12" not in page.text
    assert "12.00" in page.text


def test_a_certificate_that_no_longer_applies_is_said_and_no_digits_are_shown(tmp_path):
    page = certified(tmp_path, outdated="learning_rate was 1.0, and is 2.0")
    sentence = (
        "the page has changed since it was certified (learning_rate was 1.0, and is 2.0): "
        "no digits are counted"
    )
    assert page.text.count(sentence) == 1
    assert "certified digits" not in page.text
    assert not [e for e in page.all("ul") if e.get("class") == "objections"]


def test_a_pair_that_agrees_by_the_noise_floor_alone_says_so(tmp_path):
    store = save(tmp_path, by_all("xor"))
    reason = "the training amplifies rounding: its losses differ by up to 1.0e-07"
    results = changed(build_results(store), "agreement", reason=reason)
    page = Page(render(results, store, None))
    assert f"scratch - keras, seed 0: {reason}" in page.text
    assert "Three implementations agree" in page.text


def test_a_figure_out_of_its_band_is_an_objection_and_red(tmp_path):
    cells = by_all("churn")
    cells[1][0]["acceptance"] = [0.83, 0.87]
    text = html(tmp_path, cells)
    assert "churn, keras, seed 0: test accuracy 1.0000, expected 0.83 to 0.87" in Page(text).text
    assert text.count('<td class="n bad">') == 1


@pytest.mark.parametrize("fault", ["failed", "parted"])
def test_the_report_objects_to_what_the_command_objects_to(tmp_path, fault):
    cells = by_all("xor", "circle")
    if fault == "failed":
        cells[1] = failed("xor", "keras", "no room")
    else:
        cells[1][0]["history"]["loss"][1] += 1e-3
    store = save(tmp_path, cells)
    results = build_results(store)
    page = Page(render(results, store, None))
    assert objections(results)
    for line in objections(results):
        assert page.text.count(line) == 2
