"""Which pairs are compared, by which limits: the fixed ones, or the noise floor."""

from dataclasses import replace

import numpy as np
import pytest

from experiments.harness.records.agreement import Finished, compare_all
from experiments.harness.records.models import PhaseFigures
from frameworks.agreement.variants import KERAS_SIGMOID, nudges

from ..stored_runs import ROWS, as_record, training

EPOCHS = 50
FLOAT32 = {"dtype": "float32"}
EPSILON = 2.0**-23  # one unit in the last place of float32, the least that a floor allows


def finished(implementation="scratch", losses=(), weight=1.0, wrong=0, **values):
    """Make a finished training: losses of 1, or those given first, and all answers right."""
    predictions = np.zeros(ROWS, int)
    predictions[:wrong] = 1
    history = [*losses, *[1.0] * (EPOCHS - len(losses))]
    record, arrays = training(
        predictions,
        np.array([1.0, weight]),
        **{"implementation": implementation, "epochs": EPOCHS, "acceptance": None} | values,
    )
    record["history"] = {"loss": history, "accuracy": [1.0] * EPOCHS}
    return Finished.of(as_record(record), arrays)


def nudged(*losses, weight=1.0, wrong=0, dtype="float32", **values):
    """Make one nudged training for each of these first losses; the last one has it all."""
    made = [
        finished(losses=[loss], mode=mode, dtype=dtype, **values)
        for loss, mode in zip(losses, nudges(len(losses)), strict=True)
    ]
    last = {"mode": nudges(len(losses))[-1], "dtype": dtype, "weight": weight, "wrong": wrong}
    return [*made[:-1], finished(losses=[losses[-1]], **last, **values)]


def pair(dtype="float32", **values):
    """Make two trainings, of which the second has these values."""
    return finished(dtype=dtype), finished("keras", dtype=dtype, **values)


def test_every_two_finished_implementations_of_one_training_are_compared():
    names = ["scratch", "keras", "pytorch"]
    groups = [{"seed": 0}, {"seed": 1}, {"dtype": "float32"}, {"experiment": "mnist"}]
    entries = compare_all(finished(name, **values) for values in groups for name in names)
    pairs = [("scratch", "keras"), ("scratch", "pytorch"), ("keras", "pytorch")]
    assert [entry.pair for entry in entries] == pairs * len(groups)
    assert [entry.seed for entry in entries] == [0] * 3 + [1] * 3 + [0] * 6


def test_an_entry_has_the_fields_of_the_schema():
    (entry,) = compare_all(pair("float64"))
    assert entry.model_dump() == {
        "experiment": "churn",
        "dtype": "float64",
        "seed": 0,
        "setting": {},
        "pair": ("scratch", "keras"),
        "max_rel_loss": 0.0,
        "max_rel_weight": 0.0,
        "rel_test_loss": 0.0,
        "max_rel_output": None,  # none were kept
        "prediction_mismatches": 0,
        "n_predictions": ROWS,
        "inputs_differ": False,
        "verdict": "agree",
        "tolerance": 1e-12,
        "reason": "",
        "noise_floor": None,
    }


INPUTS = {  # from what is named last to what is named first
    "the random draws differ": {"digests": {"draws": "ff"}},
    "the batch orders differ": {"digests": {"batch_order": "ff"}},
    "the initial weights differ": {"digests": {"initial_weights": "ff"}},
    "the rows that load() returned differ": {"digests": {"rows": "ff"}},
    "the numbers of training rows differ": {"n_train": 99},
    "the specs differ": {"spec": {"batch_size": 20}},
    "the data differ": {"data": {"sha256": "ff" * 32}},
}


def test_other_inputs_are_named_before_anything_that_follows_from_them():
    values = {"losses": [0.5]}
    for reason, other in INPUTS.items():
        for name, value in other.items():
            known = values.get(name, {})
            values[name] = known | value if isinstance(value, dict) else value
        (entry,) = compare_all(pair("float64", **values))
        assert (entry.verdict, entry.reason, entry.inputs_differ) == ("differ", reason, True)


def stopped(training, epochs):
    """Let a training of one phase stop after so many epochs."""
    record = training.record
    figures = PhaseFigures(name="all", epochs=epochs, n_train=100, test=record.test)
    digests = record.digests.model_copy(update={"batch_order": str(epochs)})
    record = record.model_copy(update={"phases": [figures], "digests": digests})
    losses = training.outcome.losses[:epochs]
    return replace(training, record=record, outcome=replace(training.outcome, losses=losses))


def test_one_that_stopped_earlier_has_no_other_orders():
    a, b = pair("float64")
    (entry,) = compare_all([stopped(a, 50), stopped(b, 47)])
    assert (entry.verdict, entry.inputs_differ) == ("differ", False)
    assert entry.reason == "scratch stopped after 50 epochs in phase 'all', keras after 47"


@pytest.mark.parametrize(("others", "verdict"), [((50, 49), None), ((50, 50), "differ")])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_where_rounding_decides_when_to_stop_nothing_is_judged(dtype, others, verdict):
    a, b = pair(dtype)
    beside = [stopped(*each) for each in zip(nudged(1.0, 1.0, dtype=dtype), others, strict=True)]
    (entry,) = compare_all([stopped(a, 50), stopped(b, 47)], beside)
    assert entry.verdict == verdict
    assert ("nudged trainings of scratch" in entry.reason) == (verdict is None)


def test_the_test_loss_of_an_earlier_phase_is_compared():
    a, b = (
        replace(each, outcome=replace(each.outcome, phases={"first": loss}))
        for each, loss in zip(pair("float64"), (1.0, 1.0625), strict=True)
    )
    (entry,) = compare_all([a, b])
    assert entry.verdict == "differ"
    assert entry.reason.startswith("the test loss of phase 'first' differs by 5.9e-02, limit 1.0e")


def test_trainings_with_other_limits_have_other_inputs_whatever_they_say_of_their_rows():
    (entry,) = compare_all(pair("float64", limit=2))
    assert (entry.verdict, entry.inputs_differ) == ("differ", True)
    assert entry.reason == "the numbers of training rows differ"


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        ({"source_sha256": "d1"}, "the source code differs: one was trained before it was changed"),
        ({"environment": {"threads": 2}}, "the numbers of threads differ: 1, and 2"),
    ],
)
def test_trainings_by_other_code_or_threads_are_no_pair_that_agrees(other, reason):
    (entry,) = compare_all(pair("float64", **other))
    assert (entry.verdict, entry.inputs_differ, entry.reason) == ("differ", True, reason)
    (entry,) = compare_all(pair("float64", **other, losses=[0.5]))
    assert entry.reason == reason


def test_without_a_floor_float32_is_judged_by_its_inputs_only():
    (entry,) = compare_all(pair(losses=[0.75]))
    assert (entry.verdict, entry.tolerance, entry.reason) == (None, None, "")
    assert (entry.max_rel_loss, entry.noise_floor) == (0.25, None)
    (entry,) = compare_all(pair(losses=[0.75], digests={"initial_weights": "ff"}))
    assert entry.verdict == "differ"


def test_at_the_floor_a_pair_agrees_and_just_above_it_differs():
    (entry,) = compare_all(pair(losses=[1.0, 0.75]), nudged(1.0, 0.75))
    assert (entry.verdict, entry.reason, entry.tolerance) == ("agree", "", 0.25)
    (entry,) = compare_all(pair(losses=[1.0, np.nextafter(0.75, 0)]), nudged(1.0, 0.75))
    assert entry.verdict == "differ"
    assert entry.reason == "epoch 2: the loss differs by 2.5e-01, limit 2.5e-01"


def test_weights_and_predictions_have_floors_of_their_own():
    for weight, wrong, verdict in [(0.875, 1, "agree"), (0.9, 1, "differ"), (0.875, 0, "differ")]:
        both = pair(weight=0.875, wrong=1)
        (entry,) = compare_all(both, nudged(1.0, 1.0, weight=weight, wrong=wrong))
        assert entry.verdict == verdict


def test_an_entry_holds_its_floor():
    (entry,) = compare_all(pair(), nudged(1.0, 0.75, wrong=1))
    floor = entry.noise_floor
    assert (floor.loss, floor.epochs) == (0.25, [0.25] + [0.0] * (EPOCHS - 1))
    assert (floor.weight, floor.test_loss) == (8 * EPSILON, 8 * EPSILON)
    assert (floor.predictions, floor.trainings) == (1, 2)
    assert entry.n_predictions == ROWS


def test_a_floor_is_of_its_own_experiment_dtype_and_seed():
    for other in ({"seed": 1}, {"experiment": "mnist"}, {"dtype": "float64"}):
        assert compare_all(pair(), nudged(1.0, 0.75, **other))[0].verdict is None


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("other", "reason"),
    [
        *(({name: value}, why) for why, each in INPUTS.items() for name, value in each.items()),
        ({"source_sha256": "d1"}, "the source code differs"),
        ({"environment": {"threads": 2}}, "the numbers of threads differ: 1, and 2"),
    ],
)
def test_nudged_trainings_of_another_training_judge_no_pair(dtype, other, reason):
    """As those of a page before it was changed, or of another run, copied into the folder."""
    verdict = "differ" if dtype == "float64" else None
    (entry,) = compare_all(pair(dtype, losses=[0.75]), nudged(1.0, 0.5, dtype=dtype, **other))
    assert (entry.verdict, entry.noise_floor) == (verdict, None)
    said = "not judged by 2 nudged trainings that the folder holds, of another training: "
    assert said + reason in entry.reason
    assert entry.reason.startswith("epoch 1: the loss differs" if verdict else said)
    (entry,) = compare_all(pair("float64"), nudged(1.0, 0.5, dtype="float64", **other))
    assert (entry.verdict, entry.reason) == ("agree", "")


def test_a_pair_is_judged_by_those_that_are_its_own():
    """Another pair of the folder may be of the page as it was before."""
    before = {"source_sha256": "d1", "losses": [0.75]}
    four = [*pair(losses=[0.75]), finished("pytorch", **FLOAT32, **before)]
    four += [finished("python", **FLOAT32, **before | {"losses": [0.875]})]
    entries = compare_all(four, nudged(1.0, 0.9375, source_sha256="d1"))
    found = {entry.pair: entry for entry in entries if not entry.inputs_differ}
    assert found["scratch", "keras"].verdict is None
    assert found["pytorch", "python"].verdict == "differ"
    assert found["pytorch", "python"].noise_floor.loss == 0.0625


def test_a_control_of_another_training_names_no_cause():
    control = finished(losses=[0.75], mode=KERAS_SIGMOID, source_sha256="d1", **FLOAT32)
    (entry,) = compare_all(pair(losses=[0.75]), [*nudged(1.0, 0.9375), control])
    assert entry.verdict == "differ"
    assert "sigmoid" not in entry.reason


def test_one_nudged_training_makes_no_floor():
    assert compare_all(pair(), nudged(1.0))[0].verdict is None


def test_a_control_that_agrees_with_keras_names_the_cause():
    control = finished(losses=[0.75], mode=KERAS_SIGMOID, **FLOAT32)
    for at_keras in (0.75, 0.5):  # within the floor of the control, then beyond it
        both = pair(losses=[at_keras])
        beside = [*nudged(1.0, 0.9375), control]
        entries = compare_all([*both, finished("pytorch", **FLOAT32)], beside)
        assert [each.verdict for each in entries] == ["differ", "agree", "differ"]
        for entry in (entries[0], entries[2]):
            assert entry.reason.endswith("agrees with keras") == (at_keras == 0.75)


def test_a_control_is_no_cause_where_plain_scratch_agrees_with_keras():
    control = finished(losses=[0.9375], mode=KERAS_SIGMOID, **FLOAT32)
    both = finished(**FLOAT32), finished("keras", **FLOAT32)
    wrong = finished("pytorch", losses=[0.5], **FLOAT32)
    entries = compare_all([*both, wrong], [*nudged(1.0, 0.9375), control])
    assert [each.verdict for each in entries] == ["agree", "differ", "differ"]
    assert not any("sigmoid" in each.reason for each in entries)


def test_a_floor_that_is_not_finite_judges_nothing():
    (entry,) = compare_all(pair(losses=[0.75]), nudged(1.0, None))
    assert (entry.verdict, entry.tolerance, entry.noise_floor.loss) == (None, None, None)
    assert entry.reason.startswith("the noise floor is not finite")


def test_a_control_makes_no_floor():
    control = finished(losses=[0.5], mode=KERAS_SIGMOID, **FLOAT32)
    assert compare_all(pair(), [*nudged(1.0, 0.75), control])[0].tolerance == 0.25


@pytest.mark.parametrize(
    ("least", "verdict", "reason"),
    [
        (0.5, "agree", "the training amplifies rounding: its losses differ by up to 2.5e-01"),
        (0.875, "differ", "epoch 1: the loss differs by 2.5e-01, limit 1.2e-01 (the noise floor)"),
    ],
)
def test_beyond_its_fixed_limits_float64_is_judged_by_its_floor(least, verdict, reason):
    (entry,) = compare_all(pair("float64", losses=[0.75]), nudged(1.0, least, dtype="float64"))
    assert entry.verdict == verdict
    assert entry.reason.startswith(reason)
    assert entry.noise_floor.loss == entry.tolerance == 1 - least


def test_within_its_fixed_limits_float64_needs_no_floor():
    (entry,) = compare_all(pair("float64"), nudged(1.0, 0.5, dtype="float64"))
    assert (entry.verdict, entry.tolerance, entry.noise_floor) == ("agree", 1e-12, None)


def test_without_answers_no_prediction_is_counted():
    both = [replace(each, outcome=replace(each.outcome, answers=None)) for each in pair("float64")]
    (entry,) = compare_all(both)
    assert (entry.prediction_mismatches, entry.n_predictions) == (None, 0)
