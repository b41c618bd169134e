"""Two recordings are compared in all that both hold, also in the middle of the training."""

from dataclasses import replace

import numpy as np
import pytest

from frameworks.live.entry import diverge, record
from frameworks.live.model import Training
from frameworks.recordings import read_trace, write_trace
from scratch import SGD, BatchNorm, CategoricalCrossEntropy, Dense, Sequential, Tanh

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(0, 3, size=40)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Return the path of a recording of twelve steps, of which eight are held in full."""
    network = Sequential(Dense(4, 5), BatchNorm.keras(5), Tanh(), Dense(5, 3))
    network.initialize(np.random.default_rng(0))
    training = Training(network, CategoricalCrossEntropy(), SGD(learning_rate=0.125))
    path = tmp_path_factory.mktemp("recordings") / "whole"
    record(training, X, Y, path=path, steps=12, batch_size=8)
    return path


def changed(path, to, step, what, change):
    """Write a recording of which one array of one step is changed."""
    trace = read_trace(path)
    steps = list(trace.steps)
    arrays = list(getattr(steps[step - 1], what))
    arrays[-1] = change(arrays[-1])
    steps[step - 1] = replace(steps[step - 1], **{what: arrays})
    write_trace(replace(trace, steps=steps), to)
    return to


def slightly(a):
    return a + 1e-6 * np.abs(a).max()


@pytest.mark.parametrize(
    ("step", "change"), [(2, slightly), (5, lambda a: a * np.nan), (8, slightly)]
)
@pytest.mark.parametrize(
    ("what", "level"),
    [("weights", "trajectory"), ("gradients", "trajectory"), ("states", "result")],
)
def test_a_difference_in_one_held_step_alone_is_found_there(
    whole, tmp_path, step, what, level, change
):
    report = diverge(whole, changed(whole, tmp_path / "other", step, what, change))
    assert (report.level, report.step) == (level, step), str(report)


@pytest.mark.parametrize("what", ["layers", "gradients"])
@pytest.mark.parametrize("value", [1e300, np.inf, np.nan])
def test_numbers_beyond_all_bounds_differ_without_a_warning(whole, tmp_path, what, value):
    trace = read_trace(whole)
    gradients = [np.where(a == a.max(), value, a) for a in trace.gradients]
    first, *rest = trace.layers
    layers = [
        replace(first, output=np.where(first.output == first.output.max(), value, first.output)),
        *rest,
    ]
    changes = {"layers": layers, "gradients": gradients}
    write_trace(replace(trace, **{what: changes[what]}), tmp_path / "other")
    report = diverge(whole, tmp_path / "other")
    assert report.level == {"layers": "forward", "gradients": "gradient"}[what], str(report)


@pytest.mark.parametrize(("what", "level"), [("gradients", "trajectory"), ("states", "result")])
def test_what_the_first_step_holds_beside_its_weights_is_compared(whole, tmp_path, what, level):
    report = diverge(whole, changed(whole, tmp_path / "other", 1, what, slightly))
    assert (report.level, report.step) == (level, 1), str(report)


def test_other_initial_states_differ_at_the_inputs(whole, tmp_path):
    trace = read_trace(whole)
    states = [replace(each, values=slightly(each.values)) for each in trace.states]
    write_trace(replace(trace, states=states), tmp_path / "other")
    assert diverge(whole, tmp_path / "other").level == "inputs"


def test_recordings_of_other_lengths_are_not_the_same_training(whole, tmp_path):
    trace = read_trace(whole)
    batches, digests = trace.batches[:10], {**trace.digests}
    del digests["orders"]
    write_trace(
        replace(trace, steps=trace.steps[:10], batches=batches, digests=digests), tmp_path / "ten"
    )
    report = diverge(whole, tmp_path / "ten")
    assert (report.level, report.place) == ("inputs", "steps"), str(report)
    assert report.difference.values == ("12", "10")


def test_what_one_recording_does_not_hold_is_said(whole, tmp_path):
    trace = read_trace(whole)
    bare = [replace(s, weights=None, gradients=None, states=None) for s in trace.steps]
    fewer = [*trace.steps[:3], *bare[3:]]
    write_trace(replace(trace, steps=fewer, final_outputs=(), outputs=()), tmp_path / "fewer")
    report = diverge(whole, tmp_path / "fewer")
    assert report.same, str(report)
    said = "\n".join(report.notes)
    assert "gradients and weights of steps 1 to 3 alone are compared" in said
    assert "the outputs are not compared: the second scratch does not hold them" in said
    write_trace(replace(trace, outputs=trace.outputs * 2), tmp_path / "more")
    report = diverge(whole, tmp_path / "more")
    assert "has 1 output, the second scratch 2" in "\n".join(report.notes)


def test_recordings_in_two_precisions_are_said_to_be(whole, tmp_path):
    write_trace(replace(read_trace(whole), dtype="float32"), tmp_path / "narrow")
    notes = diverge(whole, tmp_path / "narrow").notes
    assert any("in float64, the second scratch in float32" in note for note in notes)


def test_weights_under_each_others_names_are_said_to_be(whole, tmp_path):
    trace = read_trace(whole)
    weights = list(trace.weights)
    names = [each.name for each in weights]
    weights[0], weights[-2] = (replace(weights[k], name=names[-2 - k]) for k in (0, -2))
    write_trace(replace(trace, weights=weights), tmp_path / "swapped")
    notes = diverge(whole, tmp_path / "swapped").notes
    assert any(f"{names[0]} is taken to correspond to {names[-2]}" in note for note in notes)


def test_arrays_that_are_exchanged_in_the_middle_are_found(whole, tmp_path):
    trace = read_trace(whole)
    steps = list(trace.steps)
    arrays = list(steps[4].weights)
    arrays[1], arrays[2] = arrays[2], arrays[1]
    steps[4] = replace(steps[4], weights=arrays)
    write_trace(replace(trace, steps=steps), tmp_path / "exchanged")
    report = diverge(whole, tmp_path / "exchanged")
    assert (report.level, report.step) == ("trajectory", 5), str(report)


def test_other_rows_of_recordings_without_digests_differ_at_the_inputs(whole, tmp_path):
    trace = replace(read_trace(whole), digests={})
    write_trace(trace, tmp_path / "one")
    first, *rest = trace.batches
    write_trace(replace(trace, batches=(first, *rest[::-1])), tmp_path / "other")
    report = diverge(tmp_path / "one", tmp_path / "other")
    assert (report.level, report.place) == ("inputs", "orders"), str(report)


def test_a_loss_that_is_not_finite_is_found_where_rounding_is_not_judged(whole, tmp_path):
    trace = replace(read_trace(whole), dtype="float32")
    write_trace(trace, tmp_path / "one")
    steps = list(trace.steps)
    steps[2] = replace(steps[2], loss=steps[2].loss * (1 + 2**-23))
    write_trace(replace(trace, steps=steps), tmp_path / "rounded")
    assert diverge(tmp_path / "one", tmp_path / "rounded").same
    steps[8] = replace(steps[8], loss=np.nan)
    write_trace(replace(trace, steps=steps), tmp_path / "overflown")
    report = diverge(tmp_path / "one", tmp_path / "overflown")
    assert (report.level, report.step) == ("trajectory", 9), str(report)


def test_a_layer_that_only_learns_states_is_compared_in_them(whole, tmp_path):
    """It returns what it is given, as a layer does that keeps a running mean for others."""
    trace = read_trace(whole)
    layers = [replace(each, rearranges=bool(each.states)) for each in trace.layers]
    write_trace(replace(trace, layers=layers), tmp_path / "one")
    states = [slightly(each) for each in trace.final_states]
    write_trace(replace(trace, layers=layers, final_states=states), tmp_path / "other")
    assert diverge(tmp_path / "one", tmp_path / "other").level == "result"
    bare = [replace(each, states=()) for each in layers]
    write_trace(replace(trace, layers=bare, final_states=states), tmp_path / "none")
    notes = diverge(tmp_path / "one", tmp_path / "none").notes
    assert any("only the first scratch has" in note and "mean" in note for note in notes), notes
