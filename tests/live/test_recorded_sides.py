"""A side that is a recording: the live one follows it, and is judged by it."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.live.entry import diverge, record
from frameworks.live.model import Training
from frameworks.recordings import Facts, RecordingError, read_trace, write_trace
from lockstep import RequestError
from scratch import SGD, CategoricalCrossEntropy, Dense, Dropout, Sequential, Tanh

rng = np.random.default_rng(0)
X, y = rng.normal(size=(40, 4)), rng.integers(0, 3, size=40)
SHORT = {"steps": 12, "batch_size": 8}


def training(rate=0.125, seed=0, dropout=False, activation=Tanh):
    layers = [Dense(4, 5), activation(), *([Dropout(0.5)] if dropout else []), Dense(5, 3)]
    network = Sequential(*layers).initialize(np.random.default_rng(seed))
    return Training(network, loss=CategoricalCrossEntropy(), optimizer=SGD(learning_rate=rate))


def torch_training(rate=0.125):
    torch = pytest.importorskip("torch", reason="needs PyTorch, which this environment is without")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3))
    optimizer = torch.optim.SGD(module.parameters(), lr=rate)
    return Training(module, loss=nn.CrossEntropyLoss(), optimizer=optimizer)


@pytest.fixture
def path(tmp_path):
    record(training(), X, y, path=tmp_path / "before.trace", **SHORT)
    return tmp_path / "before.trace"


def test_a_live_side_takes_the_recorded_weights_and_steps(path):
    for sides in ((path, training(seed=1)), (training(seed=1), path)):
        report = diverge(*sides, X, y)
        assert report.same, str(report)
        assert (report.steps, report.batch_size) == (12, 8)


def test_another_framework_takes_them_too(path):
    report = diverge(path, torch_training(), X, y)
    assert report.same, str(report)


def test_a_live_side_with_its_own_weights_differs_at_the_inputs(path):
    assert diverge(path, training(seed=1), X, y, weights=None).level == "inputs"
    assert diverge(path, training(), X, y, weights=None).same


def test_another_number_of_steps_than_the_recorded_is_not_taken_and_noted(path):
    for steps, notes in ((10, ["the recording's 12 steps are taken, not 10"]), (12, [])):
        report = diverge(path, training(), X, y, steps=steps)
        assert report.steps == 12
        assert [note for note in report.notes if "steps" in note] == notes


def test_another_learning_rate_than_the_recorded_differs_at_the_step(path):
    report = diverge(path, training(rate=0.25), X, y)
    assert (report.same, report.level) == (False, "step")


def test_two_recordings_are_compared_without_data(path, tmp_path):
    record(training(seed=1), X, y, path=tmp_path / "other", **SHORT)
    record(training(), X, y, path=tmp_path / "again", **SHORT)
    assert diverge(path, tmp_path / "again").same
    report = diverge(str(path), str(tmp_path / "other"))
    assert report.level == "inputs"
    assert any("compare one of them live" in note for note in report.notes)


@pytest.mark.parametrize(("step", "level"), [(0, "loss"), (1, "step"), (8, "trajectory")])
def test_a_loss_that_is_not_finite_is_a_difference_though_the_steps_agree(
    path, tmp_path, step, level
):
    trace = read_trace(path)
    if step:
        steps = [replace(s, loss=np.nan) if k == step else s for k, s in enumerate(trace.steps, 1)]
        write_trace(replace(trace, steps=steps), tmp_path / "nan")
    else:
        write_trace(replace(trace, first_loss=np.inf), tmp_path / "nan")
    assert diverge(path, tmp_path / "nan").level == level


def test_recordings_on_other_batches_differ_at_the_inputs(path, tmp_path):
    record(training(), X, y, path=tmp_path / "other", **SHORT, seed=1)
    report = diverge(path, tmp_path / "other")
    assert report.level == "inputs"


def test_recorded_masks_are_drawn_again(tmp_path):
    record(training(dropout=True), X, y, path=tmp_path / "a", **SHORT, seed=3)
    assert diverge(tmp_path / "a", training(dropout=True), X, y).same
    trace = read_trace(tmp_path / "a")
    write_trace(replace(trace, seed=4), tmp_path / "b")
    assert not diverge(tmp_path / "b", training(dropout=True), X, y).same


def test_the_recorded_dtype_is_followed(tmp_path):
    record(training(), X, y, path=tmp_path / "a", **SHORT, dtype="float32")
    report = diverge(tmp_path / "a", training(), X, y)
    assert (report.same, report.dtype) == (True, "float32")
    assert not diverge(tmp_path / "a", training(rate=0.25), X, y).same


def test_two_recordings_in_float32_are_judged_on_the_first_batch(tmp_path):
    """Rounding sums in another order, which in whole trainings nothing here can measure."""
    record(training(), X, y, path=tmp_path / "a", **SHORT, dtype="float32")
    trace = read_trace(tmp_path / "a")
    nudged = trace.layers[0].output * np.float32(1 + 2**-22)
    layers = [replace(trace.layers[0], output=nudged), *trace.layers[1:]]
    final = [each * np.float32(1 + 2**-22) for each in trace.final_weights]
    write_trace(replace(trace, layers=layers, final_weights=final), tmp_path / "b")
    report = diverge(tmp_path / "a", tmp_path / "b")
    assert report.same, str(report)
    assert "whole trainings were not judged" in " ".join(report.notes)
    layers[0] = replace(trace.layers[0], output=trace.layers[0].output * np.float32(1.001))
    write_trace(replace(trace, layers=layers), tmp_path / "c")
    assert diverge(tmp_path / "a", tmp_path / "c").level == "forward"


def test_other_data_than_the_recorded_are_refused(path):
    for wrong, what in (((X + 1, y), "inputs"), ((X, (y + 1) % 3), "targets")):
        with pytest.raises(RequestError, match=f"made with other {what}; give diverge the X"):
            diverge(path, training(), *wrong)
    with pytest.raises(RequestError, match="made with other sample weights"):
        diverge(path, training(), X, y, sample_weight=np.ones(40))
    with pytest.raises(RequestError, match="rows that are not among the 9 of X"):
        diverge(path, training(), X[:9], y[:9])
    with pytest.raises(RequestError, match="X is needed: only two recordings"):
        diverge(path, training())


@pytest.mark.parametrize("rate", ["fast", (0.5,), None, True])
def test_a_recorded_setting_that_makes_no_sense_proves_nothing(path, rate):
    trace = read_trace(path)
    nonsense = Facts("sgd", {"learning_rate": rate, "momentum": "some"})
    write_trace(replace(trace, optimizer=[nonsense]), path)
    report = diverge(path, training(rate=0.25), X, y)
    assert (report.level, report.cause) == ("step", None)


def test_settings_that_a_recording_does_not_state_are_no_difference_of_numbers(path):
    trace = read_trace(path)
    layers = [replace(layer, facts=Facts(layer.facts.kind)) for layer in trace.layers]
    bare = replace(trace, layers=layers, loss=Facts(trace.loss.kind), optimizer=[Facts("sgd")])
    write_trace(bare, path)
    assert diverge(path, training(), X, y).same
    assert diverge(path, training(rate=0.25), X, y).level == "step"


def test_a_recording_that_cannot_be_read_is_refused(path, tmp_path):
    with pytest.raises(RecordingError, match="nowhere: there is no such file"):
        diverge(path, tmp_path / "nowhere")
    assert issubclass(RecordingError, RequestError)
