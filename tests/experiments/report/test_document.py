"""What the report says about a run: sections, verdicts, figures, and what it leaves out."""

import re

import numpy as np
import pytest

from experiments.harness.records.models import Certified, FloorEntry, Results
from experiments.harness.records.results import build_results
from experiments.harness.records.store import to_json
from experiments.harness.report import write_report
from experiments.harness.report.document import render

from .made_up import FULL, KINDS, by_all, cell, changed, failed, html, save
from .reading import Page


@pytest.fixture(scope="module")
def page(report) -> Page:
    return Page(report.read_text())


def headings(page: Page) -> list[str]:
    return [e["id"] for e in page.all("section") if "id" in e]


def test_every_experiment_has_a_section_that_the_contents_lead_to(page):
    ids = [*(f"{name.replace('_', '-')}-float64" for name in KINDS), "environment"]
    assert headings(page) == ids
    links = {a["href"] for a in page.all("a")}
    assert {f"#{i}" for i in ids} <= links


def test_the_verdict_stands_in_words_and_the_question_above_it(page):
    assert "Which customers will leave the bank?" in page.text
    sentence = "Three implementations agree to 15 digits in all 4 epochs; no prediction differs."
    assert sentence in page.text
    assert "18 of 18 trainings finished" in page.text
    assert "18 of 18 pairs of implementations agree" in page.text


def test_every_picture_has_words(page):
    pictures = [*page.all("svg"), *page.all("img")]
    assert len(pictures) > 40
    for picture in pictures:
        hidden = picture.get("aria-hidden") == "true"
        assert hidden or picture.get("aria-label") or picture.get("alt")


@pytest.mark.parametrize(
    "words",
    [
        "Training loss over 4 epochs: scratch from 1 to 0.25",
        "Relative difference of the loss from scratch's: keras at most ",
        "Probability in the plane by pytorch",
        "Largest difference of two probabilities",
        "ROC curves; area under the curve: scratch",
        "Calibration curves of scratch, keras, pytorch",
        "Network: input 784, then Dense + ReLU 128, then Dense 10; 101,770 parameters",
        "Test rows by scratch, keras, pytorch: predicted disease progression, residual",
        "a 7",
    ],
)
def test_the_pictures_are_there(page, words):
    assert any(words in found for found in page.alternatives())


def test_a_small_experiment_shows_every_row_and_answer(page):
    assert "All test rows, with each network's outputs" in page.text


def test_limit_and_rounding_are_drawn_into_the_differences(page):
    assert page.text.count("limit 1e−12") == page.text.count("rounding 2.2e−16") == 6


def test_the_source_stands_side_by_side(page):
    for builder in ("build_scratch", "build_keras", "build_pytorch"):
        assert f"def {builder}" in page.text
    assert sum(td.get("class") == "differs" for td in page.all("td")) == 3  # Adam, three times


def test_nothing_is_loaded_and_no_other_script_may_run(page):
    policy = next(m["content"] for m in page.all("meta") if "http-equiv" in m)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert re.search(r"script-src 'sha256-[\w+/]{43}='$", policy)
    sources = [a["href"] for a in page.all("a")] + [i["src"] for i in page.all("img")]
    assert {source.split("base64")[0] for source in sources if source[0] != "#"} == {
        "data:image/png;"
    }


def test_ids_are_unique_and_every_reference_has_its_target(page):
    ids = [e["id"] for _, e in page.elements if e.get("id")]
    assert len(ids) == len(set(ids))
    for tag, attributes in page.elements:
        for value in attributes.values():
            for target in re.findall(r"^#([\w-]+)$|url\(#([\w-]+)\)", value or ""):
                assert "".join(target) in ids, tag


def test_the_same_run_gives_the_same_bytes(tmp_path):
    cells = by_all("circle")
    assert html(tmp_path / "a", cells) == html(tmp_path / "b", cells)


def test_a_failed_cell_appears_with_its_reason(tmp_path):
    cells = [cell("xor", "scratch"), failed("xor", "keras", "the worker was killed by SIGKILL")]
    page = Page(html(tmp_path, cells))
    assert "xor, keras, seed 0: failed: the worker was killed by SIGKILL" in page.text
    assert "1 of 2 trainings finished" in page.text
    assert "Only scratch was trained: there is nothing to compare it with." in page.text


def test_nothing_but_failures_is_a_report_too(tmp_path):
    page = Page(html(tmp_path, [failed("mnist", "keras", "no room")]))
    assert "No training finished." in page.text
    assert "failed: no room" in page.text
    assert "The network is not drawn: no training was finished." in page.text  # it may fill memory


def test_implementations_that_part_are_named_with_the_reason(tmp_path):
    cells = by_all("xor")
    cells[2][0]["history"]["loss"][1] += 1e-3
    page = Page(html(tmp_path, cells))
    assert "they differ; no prediction differs." in page.text
    assert "keras and pytorch, seed 0: epoch 2: the loss differs by 2.0e-03" in page.text


def test_digits_read_differently_are_shown_with_both_answers(tmp_path):
    cells = by_all("mnist")
    cells[1][1]["predictions"] = cells[1][1]["predictions"].copy()
    cells[1][1]["predictions"][5] = (cells[1][1]["predictions"][5] + 1) % 10
    page = Page(html(tmp_path, cells))
    assert "Classified differently: 1" in page.text
    assert "Misclassified by scratch, pytorch" in page.text
    assert any(re.fullmatch(r"a \d, classified as \d, \d, \d", w) for w in page.alternatives())


def test_float32_is_measured_and_not_judged(tmp_path):
    page = Page(html(tmp_path, by_all("xor", dtype="float32")))
    assert "Three implementations in float32, measured but not judged" in page.text
    assert "3 pairs measured, not judged" in page.text
    assert "rounding 1.2e−07" in page.text
    assert "limit 1e−12" not in page.text


def test_several_seeds_are_drawn_as_a_spread(tmp_path):
    cells = [cell("churn", name, seed) for name in FULL for seed in range(3)]
    page = Page(html(tmp_path, cells))
    assert "with each of 3 seeds" in page.text
    assert "Test accuracy with 3 seeds, one dot each" in page.text
    assert "A figure that shows a single training shows that with seed 0." in page.text


@pytest.mark.parametrize("count", [3, 31])
def test_seeds_that_were_stopped_after_other_numbers_of_epochs_are_drawn(tmp_path, count):
    cells = [cell("xor", "scratch", seed, epochs=4 + seed % 3) for seed in range(count)]
    page = Page(html(tmp_path, cells))
    assert f"{count} seeds" in page.text
    assert page.text.count("Training loss, the mean over the rows") == 1


def test_certified_digits_and_noise_floor_are_shown_where_known(tmp_path):
    store = save(tmp_path, by_all("xor"))
    epochs = [1e-16, 2e-16, 3e-16, None]
    floor = FloorEntry(loss=3e-16, epochs=epochs, weight=0.0, test_loss=0.0, predictions=0)
    results = changed(build_results(store), "cells", certified=Certified(worst_lre=13.4))
    write_report(store, changed(results, "agreement", noise_floor=floor), None)
    page = Page((tmp_path / "report.html").read_text())
    assert "certified digits" in page.text
    assert "13.4" in page.text
    assert page.text.count("noise floor") == 4  # column, line, twice in the verdicts' explanation


def test_native_trainings_have_a_section_of_their_own(tmp_path):
    cells = by_all("xor") + [cell("xor", name, seed) for name in FULL for seed in (1, 2)]
    for record, _ in cells[3:]:
        record["mode"] = "native"
    store = save(tmp_path, cells)
    results = build_results(store)
    numbers = {"difference": 0.002, "interval": (-0.001, 0.005), "p_value": 0.01}
    numbers |= {"verdict": "equivalent", "inputs": ""}  # all of these have the same weights
    pair = results.native[0].pairs[0].model_copy(update=numbers)
    page = Page(render(changed(results, "native", pairs=[pair]), store, None))
    assert headings(page) == ["xor-float64", "xor-float64-native", "environment"]
    assert "trained with their own random numbers and defaults, with 2 seeds" in page.text
    assert "✓ equivalent +0.0020 -0.0010 to +0.0050 0.01" in page.text
    drawn = [words for words in page.alternatives() if words.startswith("xor, float64, native")]
    assert not [words for words in drawn if "difference" in words]  # the losses are not comparable


ALIKE = "from the same initial weights on the same batches"
ALONE = "as its framework trains by itself, with its own random numbers and defaults"


@pytest.mark.parametrize(
    ("modes", "how"),
    [
        (["lockstep"], ALIKE),
        (["native"], ALONE),
        (["lockstep", "native"], f"{ALIKE} or, where it is native, {ALONE}"),
    ],
)
def test_the_opening_says_how_it_was_trained(tmp_path, modes, how):
    cells = []
    for seed, mode in enumerate(modes):
        made = [cell("xor", name, seed) for name in FULL]
        cells += [(record | {"mode": mode}, arrays) for record, arrays in made]
    page = Page(html(tmp_path, cells))
    assert f"written once for every implementation and trained {how}. This page" in page.text


def test_one_epoch_makes_no_curve(tmp_path):
    page = Page(html(tmp_path, by_all("xor", epochs=1)))
    assert "With a single epoch there is no curve" in page.text
    assert "agree to 15 digits in the only epoch" in page.text


def test_losses_that_are_no_numbers_are_reported(tmp_path):
    cells = by_all("xor")
    for record, _ in cells[1:]:
        record["history"]["loss"][2:] = [float("nan")] * 2
        record["test"]["loss"] = float("nan")
    page = Page(html(tmp_path, cells))
    assert "they differ" in page.text
    assert "nan" in page.text


def test_ten_thousand_epochs_are_thinned_and_the_page_says_so(tmp_path):
    text = html(tmp_path, by_all("xor", epochs=10_000))
    assert "Of every 67 epochs the lowest and the highest are drawn." in Page(text).text
    assert len(text) < 250_000  # three curves of 10,000 points would be 500 kB more


def test_all_seven_experiments_stay_under_three_megabytes(tmp_path):
    names = ("perceptron", "xor", "circle", "churn", "mnist_perceptron", "mnist", "mnist_cnn")
    cells = by_all(*names, epochs=50)
    for record, arrays in cells:
        if len(record["test"]["confusion"]) == 10:  # all wrong, and all three differently
            shift = 1 + FULL.index(record["implementation"])
            arrays["predictions"] = (arrays["predictions"] + shift) % 10
    assert len(html(tmp_path, cells)) < 3_000_000  # to be sent by mail


def test_the_page_is_built_from_the_records_alone(tmp_path):
    store = save(tmp_path, by_all("xor"))
    before = build_results(store)
    write_report(store, before, None)
    first = (tmp_path / "report.html").read_bytes()
    (tmp_path / "report.html").unlink()
    write_report(store, Results.model_validate_json(to_json(before)), None)
    assert (tmp_path / "report.html").read_bytes() == first


def test_a_curve_that_never_moves_can_be_drawn(tmp_path):
    cells = by_all("xor")
    for record, _ in cells:
        record["history"] = {"loss": [0.0] * 4, "accuracy": [1.0] * 4}
    page = Page(html(tmp_path, cells))
    assert "to every bit" in page.text
    assert np.all(["nan" not in words for words in page.alternatives()])
