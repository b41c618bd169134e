"""Two stored runs compared: what is a change, what is worse, and what is noise."""

import json
from fractions import Fraction
from math import comb

import numpy as np
import pytest

from experiments.harness.compare.change import chance
from experiments.harness.records.store import Store
from frameworks.agreement.limits import FLOAT64

from ..stored_runs import WEIGHTS, correct_but, failed, store_run, training, verdicts

LOSSES = np.array([0.75, 0.5, 0.25])
NOISE = 1 + FLOAT64.loss / 2  # as far as two implementations may be apart
TOO_FAR = 1 + FLOAT64.loss * 2
FLOOR = {"loss": 1e-3, "weight": 1e-2, "test_loss": 1e-3, "predictions": 9}


def float32(**values):
    return training(dtype="float32", **values)


WORSE = {  # before, after, and what the reason says
    "failed": (training(), failed(), "failed: no room"),
    "not a number": (
        training(),
        training(history={"loss": [0.75, float("nan"), None]}),
        "a loss is not finite",
    ),
    "rows lost": (
        training(),
        training(correct_but(*range(6))),
        "fell from 1.0000 to 0.9940: 6 rows lost and 0 gained, p = 3.1e-02, limit 5.0e-02",
    ),
    "rows lost in float32": (float32(), float32(predictions=correct_but(*range(6))), "6 rows lost"),
    "out of the band": (
        training(acceptance=[0.999, 1.0]),
        training(correct_but(0, 1), acceptance=[0.999, 1.0]),
        "test accuracy 0.9980 left its band, 0.999 to 1.0",
    ),
}


@pytest.mark.parametrize("case", WORSE)
def test_what_is_worse_exits_1_with_its_reason(compare, case):
    before, after, reason = WORSE[case]
    code, comparison = compare(before, after)
    assert (code, comparison["verdict"], verdicts(comparison)) == (1, "worse", ["worse"])
    assert reason in comparison["trainings"][0]["reasons"][0]


@pytest.mark.parametrize("case", WORSE)
def test_the_same_the_other_way_round_is_better(compare, case):
    before, after, _ = WORSE[case]
    code, comparison = compare(after, before)
    assert (code, comparison["verdict"], verdicts(comparison)) == (0, "better", ["better"])


@pytest.mark.parametrize("bands", [([0.5, 1.0], [0.1, 0.2]), ([0.1, 0.2], [0.5, 1.0])])
def test_a_figure_that_stays_is_neither_better_nor_worse_for_another_band(compare, bands):
    before, after = (training(acceptance=band) for band in bands)
    code, comparison = compare(before, after)
    assert (code, comparison["verdict"], verdicts(comparison)) == (0, "unchanged", ["unchanged"])
    said = [" to ".join(map(str, band)) for band in bands]
    (change,) = comparison["environment"]
    assert [change["before"], change["after"]] == said
    assert change["name"] == f"band of {before[0]['experiment']}"


def test_a_figure_that_fell_out_of_the_band_is_worse_whatever_the_band_was(compare):
    before = training(acceptance=[0.999, 0.9995])  # the figure, 1, was outside of it, too
    code, comparison = compare(before, training(correct_but(0, 1), acceptance=[0.999, 1.0]))
    assert (code, verdicts(comparison)) == (1, ["worse"])
    assert "0.9980 left its band, 0.999 to 1.0" in comparison["trainings"][0]["reasons"][0]


CHANGED = {
    "a loss": (training(history={"loss": [*LOSSES[:2], LOSSES[2] * TOO_FAR]}), "epoch 3: the loss"),
    "the test loss": (training(test={"loss": 0.5 * TOO_FAR}), "the test loss differs"),
    "a weight": (training(weights=WEIGHTS * (1 + 2 * FLOAT64.weight)), "weights.0 differs"),
    "a prediction": (training(correct_but(7)), "1 prediction differs"),
    "rows lost as chance has it": (training(correct_but(*range(5))), "5 predictions differ"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_what_is_beyond_the_limits_is_changed_and_exits_0(compare, case):
    after, reason = CHANGED[case]
    code, comparison = compare(training(), after)
    assert (code, comparison["verdict"], verdicts(comparison)) == (0, "changed", ["changed"])
    assert reason in comparison["trainings"][0]["reasons"][0]


@pytest.mark.parametrize(
    "after",
    [
        training(),
        training(history={"loss": [*LOSSES * NOISE]}, test={"loss": 0.5 * NOISE}),
        training(weights=WEIGHTS * (1 + FLOAT64.weight / 2)),
        training(seconds={"fit": 9.0}),
    ],
    ids=["the same", "rounded losses", "rounded weights", "another time"],
)
def test_noise_is_unchanged(compare, after):
    code, comparison = compare(training(), after)
    assert (code, comparison["verdict"], verdicts(comparison)) == (0, "unchanged", ["unchanged"])
    assert comparison["trainings"][0]["reasons"] == []


def test_losses_that_overflowed_in_both_runs_are_unchanged(compare):
    diverged = training(history={"loss": [0.75, None, None]})
    assert verdicts(compare(diverged, diverged)[1]) == ["unchanged"]


def test_float32_without_a_noise_floor_is_not_judged(compare):
    code, comparison = compare(float32(), float32(history={"loss": [*LOSSES * (1 + 1e-6)]}))
    assert (code, comparison["verdict"]) == (0, "not judged")
    assert verdicts(compare(float32(), float32())[1]) == ["unchanged"]  # bit for bit


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "unchanged"), (2, "changed")])
def test_float32_is_judged_by_the_noise_floor_that_was_measured(call, tmp_path, factor, verdict):
    for name, values in {
        "before": {},
        "after": {"history": {"loss": [*LOSSES * (1 + factor * FLOOR["loss"])]}},
    }.items():
        both = [float32(**values), float32(implementation="keras", **values)]
        folder = store_run(tmp_path / name, *both)
        results = json.loads((folder / "results.json").read_text())
        results["agreement"][0] |= {"noise_floor": FLOOR, "verdict": "agree"}
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    answer = call("compare", tmp_path / "before.json", tmp_path / "after.json", "--json")
    assert verdicts(json.loads(answer.out)) == [verdict] * 2


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_native_trainings_are_compared_by_their_accuracy_alone(compare, dtype):
    native = {"mode": "native", "dtype": dtype}
    drawn = {"digests": {"initial_weights": "other"}, "history": {"loss": [0.7, 0.6, 0.5]}}
    _, comparison = compare(training(**native), training(**native, **drawn))
    assert verdicts(comparison) == ["not judged"]
    _, comparison = compare(training(**native), training(correct_but(*range(9)), **native, **drawn))
    assert verdicts(comparison) == ["worse"]


def test_a_pair_that_no_longer_agrees_is_worse(compare):
    keras = {"implementation": "keras"}
    drifted = training(history={"loss": [*LOSSES * TOO_FAR]}, **keras)
    code, comparison = compare([training(), training(**keras)], [training(), drifted])
    assert (code, comparison["verdict"]) == (1, "worse")
    assert verdicts(comparison) == ["unchanged", "changed"]
    (pair,) = comparison["pairs"]
    assert (pair["before"], pair["after"], pair["verdict"]) == ("agree", "differ", "worse")
    assert "epoch 1: the loss differs" in pair["reason"]


@pytest.mark.parametrize(("digits", "verdict"), [(11.99, "worse"), (12.0, "unchanged")])
def test_fewer_than_twelve_certified_digits_are_worse(call, tmp_path, digits, verdict):
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    scores = [{"worst_lre": 14.0, "test_lre": None}, {"worst_lre": 15.0, "test_lre": digits}]
    scores = [score | {"worst_epoch": 1} for score in scores]
    for path, score in zip(paths, scores, strict=True):
        record, _ = training(history={"loss": [*LOSSES * (NOISE if path is paths[1] else 1)]})
        results = {"schema": 1, "environment": record["environment"], "agreement": []}
        path.write_text(json.dumps(results | {"cells": [record | {"certified": score}]}))
    answer = call("compare", *paths, "--json")
    assert answer.code == (verdict == "worse")
    (entry,) = json.loads(answer.out)["trainings"]
    assert entry["verdict"] == verdict
    assert entry["certified_digits"] == {"before": 14.0, "after": digits}


@pytest.mark.parametrize(
    ("lost", "gained"), [(0, 0), (1, 0), (6, 0), (5, 5), (10, 12), (26, 10), (320, 251), (9, 990)]
)
def test_chance_is_that_of_mcnemar_to_the_last_digits(lost, gained):
    n, least = lost + gained, min(lost, gained)
    exact = min(Fraction(1), Fraction(2 * sum(comb(n, k) for k in range(least + 1)), 2**n))
    assert chance(lost, gained) == pytest.approx(float(exact), rel=1e-12)  # sums of logarithms
    assert chance(lost, gained) == chance(gained, lost)


def test_flips_say_which_way_they_went(compare):
    before, after = correct_but(0, 1, 2), correct_but(2, 3)
    _, comparison = compare(training(before), training(after))
    flips = comparison["trainings"][0]["flips"]
    assert {name: flips[name] for name in ("n", "lost", "gained", "other")} == {
        **{"n": 3, "lost": 1, "gained": 2, "other": 0}
    }
    assert flips["chance"] == 1.0  # 2 P[B <= 1], B ~ Binomial(3, 1/2), is 1


def test_many_trainings_do_not_make_noise_a_change(compare):
    seeds = [training(seed=seed) for seed in range(2)]
    flipped = [training(correct_but(*range(6)), seed=seed) for seed in range(2)]
    code, comparison = compare(seeds, flipped)
    assert (code, verdicts(comparison)) == (0, ["changed", "changed"])  # 3.1 % each, limit 2.5 %


def test_without_labels_the_most_rows_that_fit_are_assumed(compare):
    before = training(correct_but(*range(20)), labels=None)
    after = training(correct_but(*range(10, 36)), labels=None)
    _, comparison = compare(before, after)
    flips = comparison["trainings"][0]["flips"]
    assert (flips["n"], flips["lost"]) == (26, None)
    exact = compare(training(correct_but(*range(20))), training(correct_but(*range(10, 36))))
    assert flips["chance"] == exact[1]["trainings"][0]["flips"]["chance"]  # two classes: no other


LOADED = training(digests={"rows": "c0"})
NOT_COMPARABLE = {
    "data": (
        {"data": {"source": "real", "sha256": "ee" * 32}},
        "different data: churn, stand-in, 5a",
    ),
    "spec": ({"spec": {"epochs": 5}}, "different specs: epochs 3, then 5"),
    "limit": (
        {"limit": 50, "n_train": 50},
        "different rows: limit None, then 50; n_train 100, then",
    ),
    "weights": ({"digests": {"initial_weights": "a1"}}, "different initial weights were drawn"),
    "batches": ({"digests": {"batch_order": "b1"}}, "different batches were drawn"),
    "loaded": ({"digests": {"rows": "c1"}}, "load() returned different rows"),
}


@pytest.mark.parametrize("case", NOT_COMPARABLE)
def test_what_is_not_equal_is_not_compared(compare, case):
    values, reason = NOT_COMPARABLE[case]
    before = LOADED if case == "loaded" else training()
    code, message = compare(before, training(**values))
    assert code == 2
    assert "nothing that can be compared" in message
    assert reason in message

    circle = training(experiment="circle")
    code, comparison = compare([circle, before], [circle, training(**values)])
    assert (code, len(comparison["trainings"])) == (0, 1)
    (refused,) = comparison["not_comparable"]
    assert refused["training"] == "churn scratch 0"
    assert reason in refused["reason"]


def test_a_number_that_one_spec_alone_has_is_no_difference_by_itself(compare):
    for before, after in [({}, {"beta_1": 0.5}), ({"beta_1": 0.5}, {})]:
        code, comparison = compare(training(spec=before), training(spec=after))
        assert (code, comparison["verdict"]) == (0, "unchanged")
        assert comparison["trainings"][0]["reasons"] == []


def test_a_number_that_one_spec_alone_has_is_named_where_the_training_changed(compare):
    lost = {"before": {"momentum": 0.5}, "after": {"rate": 2.0}}
    _, comparison = compare(
        training(spec=lost["before"]), training(correct_but(7), spec=lost["after"])
    )
    (entry,) = comparison["trainings"]
    assert entry["verdict"] == "changed"
    assert entry["reasons"][1] == "in the spec only before: momentum 0.5; only after: rate 2.0"


def test_runs_without_a_common_training_are_refused(compare):
    code, message = compare(training(), training(seed=1))
    assert code == 2
    assert "have no training in common" in message


def test_trainings_of_one_run_only_are_listed(compare):
    circle, xor = failed(experiment="circle"), training(experiment="xor")
    code, comparison = compare([training(), circle], [training(), xor])
    assert (code, comparison["lost"]) == (0, [])
    assert comparison["only_before"] == ["circle scratch 0"]
    assert comparison["only_after"] == ["xor scratch 0"]


def test_a_finished_training_that_the_later_run_was_asked_for_and_lacks_is_worse(call, tmp_path):
    both = training(), training(seed=1)
    before = store_run(tmp_path / "before", *both)
    after = store_run(tmp_path / "after", both[0])
    listed = call("compare", before, after)
    assert (listed.code, "churn scratch 1: only before" in listed.out) == (0, True)
    Store(after).create([both[1][0]["key"]])
    answer = call("compare", before, after, "--json")
    lacking = "churn scratch 1: worse: it was finished before, and the later run lacks it"
    assert (answer.code, json.loads(answer.out)["against"]) == (1, [lacking])


def test_what_a_run_without_its_plan_lacks_may_have_been_asked_for(call, tmp_path):
    both = training(packages_sha256="1" * 64), training(seed=1, packages_sha256="1" * 64)
    before, after = store_run(tmp_path / "before", *both), store_run(tmp_path / "after", both[0])
    assert call("compare", before, after).code == 0
    (after / "plan.json").unlink()
    assert call("compare", before, after).code == 1


# In float64, too, a training may amplify rounding; the floor that was measured then says so.


@pytest.mark.parametrize(("factor", "verdict"), [(0.5, "unchanged"), (2, "changed")])
def test_a_chaotic_float64_training_is_judged_by_its_noise_floor(call, tmp_path, factor, verdict):
    for name, scale in {"before": 1, "after": 1 + factor * FLOOR["loss"]}.items():
        values = {"history": {"loss": [*LOSSES * scale]}}
        both = [training(**values), training(implementation="keras", **values)]
        folder = store_run(tmp_path / name, *both)
        results = json.loads((folder / "results.json").read_text())
        results["agreement"][0] |= {"noise_floor": FLOOR, "verdict": "agree"}
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    answer = call("compare", tmp_path / "before.json", tmp_path / "after.json", "--json")
    assert verdicts(json.loads(answer.out)) == [verdict] * 2


@pytest.mark.parametrize("sound", ["before", "after"])
def test_a_change_that_makes_a_sound_training_chaotic_is_not_excused_by_its_floor(
    call, tmp_path, sound
):
    """Where one run's implementations agree by the fixed limits, the other's floor is no limit."""
    for name, scale in {"before": 1, "after": 1 + FLOOR["loss"] / 2}.items():
        values = {"history": {"loss": [*LOSSES * scale]}}
        both = [training(**values), training(implementation="keras", **values)]
        folder = store_run(tmp_path / name, *both)
        results = json.loads((folder / "results.json").read_text())
        if name != sound:
            measured = {"noise_floor": FLOOR, "verdict": "agree", "tolerance": FLOOR["loss"]}
            results["agreement"][0] |= measured
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    answer = call("compare", tmp_path / "before.json", tmp_path / "after.json", "--json")
    assert verdicts(json.loads(answer.out)) == ["changed"] * 2


def test_other_weights_that_were_not_kept_are_not_judged(call, tmp_path):
    for name, weights in {"before": WEIGHTS, "after": 2 * WEIGHTS}.items():
        folder = store_run(tmp_path / name, training(weights=weights))
        (tmp_path / f"{name}.json").write_text((folder / "results.json").read_text())
    answer = call("compare", tmp_path / "before.json", tmp_path / "after.json", "--json")
    (entry,) = json.loads(answer.out)["trainings"]
    assert (entry["verdict"], answer.code) == ("not judged", 0)
    assert "by how much was not kept" in entry["reasons"][0]


def test_the_smaller_floor_judges_whichever_run_is_the_earlier(call, tmp_path):
    losses = {"one": LOSSES, "other": LOSSES * (1 + FLOOR["loss"] / 2)}
    for name, narrower in {"one": 1, "other": 1e-4}.items():
        values = {"history": {"loss": [*losses[name]]}}
        folder = store_run(tmp_path / name, float32(**values),
                           float32(implementation="keras", **values))  # fmt: skip
        results = json.loads((folder / "results.json").read_text())
        floor = FLOOR | {"loss": FLOOR["loss"] * narrower}
        results["agreement"][0] |= {"noise_floor": floor, "verdict": "agree"}
        (tmp_path / f"{name}.json").write_text(json.dumps(results))
    for both in (("one", "other"), ("other", "one")):
        answer = call("compare", *(tmp_path / f"{name}.json" for name in both), "--json")
        assert verdicts(json.loads(answer.out)) == ["changed"] * 2
