"""Settings of a page's numbers: grids in which every combination is a training of its own."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from experiments import RequestError, load_run
from experiments.harness.plan import plan
from experiments.harness.records.models import read_record
from experiments.harness.records.sweeps import SettingSummary, summaries
from experiments.harness.report.sweep import figures
from experiments.harness.request import Request
from experiments.registry import find_experiment
from frameworks.program import name_of
from frameworks.task import CLASSIFICATION

from .command import Answer, lockstep

pytestmark = pytest.mark.slow

RATES = ("0.1", "0.5", "1")
OPTIONS = ("--with", "scratch,python", "--seeds", "2", "--epochs", "20", "--out", "run")
SWEEP = ("run", "perceptron", "--set", f"learning_rate={','.join(RATES)}", *OPTIONS)


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> tuple[Path, Answer]:
    """Three learning rates, two seeds, two implementations."""
    folder = tmp_path_factory.mktemp("swept")
    answer = lockstep(*SWEEP, cwd=folder)
    assert answer.code == 0, answer.out + answer.err
    return folder / "run", answer


def planned(*settings, **options):
    return plan(Request(settings=settings, implementations=["scratch"], **options))


def test_a_record_says_its_setting_in_its_name_its_spec_and_a_field(swept):
    run, _ = swept
    for rate in RATES:
        record = read_record(
            run / f"cells/perceptron-float64-seed1-python+learning_rate={rate}.json"
        )
        assert record.setting["learning_rate"] == pytest.approx(float(rate), rel=1e-7)  # float32
        assert record.spec.items()["learning_rate"] == record.setting["learning_rate"]
        assert record.label == f"learning_rate={rate}"


def test_the_table_has_a_row_for_each_setting(swept):
    _, answer = swept
    assert "perceptron  3 settings, 20 epochs, batch 4, float64, 2 seeds" in answer.out
    rows = [line for line in answer.out.splitlines() if line.startswith("learning_rate=")]
    assert [row.split()[:2] for row in rows] == [[f"learning_rate={rate}", "2"] for rate in RATES]
    assert all(row.endswith("agree") for row in rows)
    assert "12 of 12 trainings finished; 6 of 6 pairs agree." in answer.out
    assert "learning_rate 0.1 is used as 0.10000000149011612" in " ".join(answer.out.split())
    words = "what the page says, its expected test accuracy and its certificate hold for its own"
    assert f"{words} learning_rate=" in " ".join(answer.out.split())


def test_the_csv_files_have_a_column_for_each_number_that_was_set(swept):
    run, _ = swept
    with (run / "trainings.csv").open() as file:
        trainings = list(csv.DictReader(file))
    assert [row["set_learning_rate"] for row in trainings[::4]] == list(RATES)
    assert len(trainings) == 12
    with (run / "results.csv").open() as file:
        epochs = list(csv.DictReader(file))
    assert len(epochs) == 12 * 20
    last = {(r["implementation"], r["seed"], r["set_learning_rate"]): r["loss"] for r in epochs}
    for row in trainings:
        key = row["implementation"], row["seed"], row["set_learning_rate"]
        assert row["training_loss"] == last[key]


def test_data_frames_have_it_too(swept):
    found = load_run(swept[0])
    assert list(found.cells["set_learning_rate"].unique()) == list(RATES)
    assert set(found.history["set_learning_rate"]) == set(RATES)


def test_settings_train_to_different_losses_and_are_compared_only_with_their_own(swept):
    results = load_run(swept[0]).results
    losses = {cell.label: cell.history.loss[-1] for cell in results.cells if cell.seed == 0}
    assert len(set(losses.values())) == 3
    assert len(results.agreement) == 6
    assert {entry.label for entry in results.agreement} == set(losses)


def test_a_summary_spreads_over_the_seeds(swept):
    results = load_run(swept[0]).results
    cells = [cell for cell in results.cells if cell.label == "learning_rate=0.5"]
    (found,) = [each for each in summaries(results) if each.label == "learning_rate=0.5"]
    values = [cell.headline for cell in cells if cell.implementation == "scratch"]
    assert found.values == tuple(values)
    assert found.mean == sum(values) / 2
    assert (found.lowest, found.highest) == (min(values), max(values))
    assert (found.trainings, found.seeds, found.word, found.against) == (4, 2, "agree", ())


def test_the_report_draws_the_figure_against_the_number_and_has_a_row_for_each_setting(swept):
    report = (swept[0] / "report.html").read_text()
    assert "Test accuracy against learning rate" in report
    assert "<h1>1 experiment, trained" in report
    for rate in RATES:
        assert f'<th scope="row">learning_rate={rate}</th>' in report
    assert report.count("The source, line by line") == 1


def test_a_setting_that_went_against_is_judged_by_itself(swept):
    results = load_run(swept[0]).results
    first = results.agreement[0]
    differ = first.model_copy(update={"verdict": "differ", "reason": "epoch 1"})
    changed = results.model_copy(update={"agreement": [differ, *results.agreement[1:]]})
    words = {each.label: each.word for each in summaries(changed)}
    assert words == {first.label: "differ"} | {
        each.label: "agree" for each in summaries(results) if each.label != first.label
    }


def test_repeating_a_sweep_trains_what_is_missing(call, monkeypatch, swept):
    monkeypatch.chdir(swept[0].parent)
    answer = call(*SWEEP, "--quiet")
    assert answer.out.startswith("12 of 12 trainings finished; 0 trained, 12 kept")


def test_a_setting_is_the_same_in_whatever_order_its_numbers_are_given():
    one = planned("learning_rate=0.25", "hidden=8", experiments=["xor"])
    other = planned("hidden=8", "learning_rate=0.25", experiments=["xor"])
    assert [cell.label for cell in one.heads] == ["hidden=8 learning_rate=0.25"]
    assert [*one.heads] == [*other.heads]


def test_sweeps_are_compared_setting_by_setting(call, swept):
    answer = call("compare", swept[0], swept[0], "--json")
    compared = json.loads(answer.out)
    assert {each["setting"] for each in compared["trainings"]} == {
        f"learning_rate={r}" for r in RATES
    }
    assert len(compared["trainings"]) == 12
    assert compared["verdict"] == "unchanged"


def test_a_pages_own_number_that_is_set_is_the_training_that_sets_nothing(call, tmp_path):
    own = find_experiment("perceptron").spec.learning_rate
    options = ("--with", "scratch,python", "--seeds", "2", "--epochs", "3")
    for name, setting in (("plain", ()), ("set", ("--set", f"learning_rate={own},0.75"))):
        assert call("run", "perceptron", *options, *setting, "--out", tmp_path / name).code == 0
    for first, last in (("plain", "set"), ("set", "plain")):
        answer = call("compare", tmp_path / first, tmp_path / last, "--json")
        compared = json.loads(answer.out)
        assert (answer.code, compared["verdict"]) == (0, "unchanged")
        assert (len(compared["trainings"]), len(compared["pairs"])) == (4, 2)
        assert all("0.75" in name for name in compared["only_before"] + compared["only_after"])
    for path in (tmp_path / "set" / "cells").glob(f"*seed1-python+learning_rate={own:g}.*"):
        path.unlink()
    answer = call("compare", tmp_path / "plain", tmp_path / "set", "--json")
    assert [each["seed"] for each in json.loads(answer.out)["lost"]] == [1]


def test_a_setting_that_is_not_its_specs_was_altered(swept, tmp_path):
    name = "perceptron-float64-seed0-scratch+learning_rate=0.5.json"
    record = json.loads((swept[0] / "cells" / name).read_text())
    record["spec"]["learning_rate"] = 0.25
    (tmp_path / name).write_text(json.dumps(record))
    with pytest.raises(RequestError, match="learning_rate of its setting is not that of its spec"):
        read_record(tmp_path / name)


def test_what_was_changed_is_no_last_result_of_its_page(call, monkeypatch, swept):
    monkeypatch.chdir(swept[0].parent)
    Path("runs").mkdir(exist_ok=True)
    if not Path("runs/swept").exists():
        Path("runs/swept").symlink_to(swept[0])
    listed = json.loads(call("list", "--json").out)["experiments"]
    assert {each["name"]: each["last"] for each in listed}["perceptron"] is None


# What is planned


def test_every_combination_is_trained_with_every_seed():
    heads = planned(
        "learning_rate=0.5,1", "hidden=2,3,4", experiments=["xor"], seeds=range(5)
    ).heads
    assert len(heads) == 2 * 3 * 5
    assert len({cell.key for cell in heads}) == 30
    assert {tuple(head.spec.items()["hidden"]) for head in heads.values()} == {(2,), (3,), (4,)}
    assert len({cell.alike for cell in heads}) == 6  # the seeds of a setting share a pass


def test_a_published_band_holds_for_the_pages_own_numbers_alone():
    heads = planned("learning_rate=0.5,1", experiments=["xor"]).heads
    assert {cell.label: head.acceptance for cell, head in heads.items()} == {
        "learning_rate=0.5": None,
        "learning_rate=1": (1.0, 1.0),
    }


def test_epochs_and_batch_size_are_numbers_too():
    (head,) = planned("epochs=3", "batch_size=2", experiments=["xor"]).heads.values()
    assert (head.epochs, head.spec.batch_size, head.acceptance) == (3, 2, None)
    with pytest.raises(RequestError, match="by --epochs and by --set"):
        planned("epochs=3", experiments=["xor"], epochs=5)


def test_a_spec_that_no_page_can_have_is_refused():
    with pytest.raises(RequestError, match="xor with batch_size=0: .*batch_size must be"):
        planned("batch_size=0", experiments=["xor"])


def test_a_text_that_no_file_can_be_named_by_is_there_by_its_digest():
    from experiments.harness.records.identity import key_of

    which = "xor", "float64", 0, "scratch", "lockstep"
    names = {key_of(*which, f"name={text}") for text in ("../x", "a/b", "x" * 300, "ü")}
    assert len(names) == 4
    assert all(len(name) < 60 and "/" not in name for name in names)


def test_one_seed_is_the_same_as_a_list_of_one(call, tmp_path):
    for options in (("--seed", "7"), ("--seeds", "7,")):
        answer = call(
            "run", "perceptron", *options, "--with", "python", "--epochs", "1", "--out", "r"
        )
        assert answer.code == 0, answer.err
    assert [path.stem for path in Path("r/cells").glob("*.json")] == [
        "perceptron-float64-seed7-python"
    ]


def test_lr_suggests_how_a_learning_rate_is_set(call):
    how = "numbers of a page are set by --set, as --set learning_rate=VALUE"
    assert call("run", "xor", "--lr", "0.1").err.startswith(f"error: No such option: --lr; {how}")
    assert "--set hidden=VALUE" in call("run", "xor", "--hiden", "3").err
    assert "--set" not in call("run", "xor", "--nonsense", "3").err


def test_the_page_itself_stays_as_it_is():
    page = find_experiment("xor")
    changed = page.changed((("hidden", (8,)),))
    assert (changed.spec.hidden, changed.band) == ((8,), {})
    assert (page.spec.hidden, page.band["real"]) == ((4,), (1.0, 1.0))
    assert [*map(name_of, changed.builders)] == [*map(name_of, page.builders)]


def test_a_setting_holds_in_every_phase_and_is_refused_where_one_has_a_number_of_its_own():
    page = find_experiment("transfer")
    changed = page.changed((("learning_rate", 0.5),))
    assert {phase.spec.learning_rate for phase in changed.phases} == {0.5}
    as_it_is = page.changed((("frozen", False),))
    assert [phase.spec.frozen for phase in as_it_is.phases] == [False, True, True]
    page = find_experiment("regularisation")
    with pytest.raises(RequestError, match="phase 'early stopping' has patience 5 of its own"):
        page.changed((("patience", 3),))


def test_a_setting_holds_in_an_only_phase_whatever_it_has_there():
    page = find_experiment("regularisation")
    page = replace(page, phases=(page.phases[1],))
    (phase,) = page.changed((("patience", 3),)).phases
    assert phase.spec.patience == 3


def test_a_folder_of_several_sweeps_is_drawn_with_what_each_has_set():
    def summary(value, **setting):
        return SettingSummary(setting, "", 1, 1, 1, (value,), value, value, None, "alone", ())

    sweep = [summary(0.5), summary(0.6, hidden=4), summary(0.7, hidden=8), summary(0.8, rate=1.0)]
    trained = SimpleNamespace(sweep=sweep, task=CLASSIFICATION, title="mine")
    (drawn,) = figures(trained)
    assert drawn.title == "Test accuracy against hidden"
    assert "0.6000 to 0.7000" in drawn.svg


@pytest.mark.parametrize("seed", [-1, 2**53, 10**30, 0.5])
def test_a_seed_that_no_record_can_hold_is_refused(seed):
    with pytest.raises(RequestError, match="seeds: expected whole numbers below"):
        Request(seeds=(seed,))
