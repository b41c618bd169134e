"""The program of docs/recordings.md runs, and its training is that of scratch."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from frameworks.recordings import Recording, read_trace
from lockstep import Training, diverge
from scratch import SGD, CategoricalCrossEntropy, Dense, Sequential, Tanh

PAGE = Path(__file__).parents[3] / "docs/recordings.md"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("example") / "numpy.trace"


@pytest.fixture(scope="module")
def recorded(path):
    """Run the page's program; return what it recorded, and its data."""
    (program,) = [
        block
        for block in re.findall(
            r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE
        )
        if "Recording(" in block
    ]
    names = {}
    exec(compile(program.replace('"numpy.trace"', repr(str(path))), str(PAGE), "exec"), names)
    return read_trace(path), names["X"], names["labels"]


@pytest.fixture(scope="module")
def trained(recorded):
    """Train scratch on the recording's batches; return its losses, weights and first outputs."""
    trace, X, labels = recorded
    network, loss = Sequential(Dense(4, 5), Tanh(), Dense(5, 3)), CategoricalCrossEntropy()
    weights = [weight.values.copy() for weight in trace.weights]
    network.set_weights(weights)
    optimizers = [SGD(learning_rate=0.125) for _ in weights]
    losses, gradients = [], []
    outputs = network.forward(X[trace.batches[0]])
    for rows in trace.batches:
        value, grads = network.loss_and_grad(loss, X[rows], labels[rows])
        losses.append(value)
        gradients.append([g.copy() for g in grads])
        for each, theta, g in zip(optimizers, network.params, grads, strict=True):
            each.step(theta, g)
    return losses, gradients, [w.copy() for w in network.params], outputs


def close(found, expected):
    # Sums in another order: 1e-12 is the limit of one batch, and 30 steps gave 4e-16.
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_the_losses_are_those_of_scratch(recorded, trained):
    close([step.loss for step in recorded[0].steps], trained[0])


def test_the_gradients_and_weights_are_those_of_scratch(recorded, trained):
    trace, (_, gradients, final, _) = recorded[0], trained
    for step, grads in zip(trace.steps, gradients, strict=True):
        for found, expected in zip(step.gradients, grads, strict=True):
            close(found, expected)
    for found, expected in zip(trace.final_weights, final, strict=True):
        close(found, expected)
    for ours, after in zip(trace.steps[-1].weights, trace.final_weights, strict=True):
        assert ours.tobytes() == after.tobytes()


def test_layers_and_outputs_are_those_of_scratch(recorded, trained):
    trace = recorded[0]
    close(trace.outputs[0], trained[3])
    assert [layer.facts.kind for layer in trace.layers] == ["dense", "tanh", "dense"]
    assert trace.layers[-1].weights == (2, 3)
    close(trace.layers[-1].output, trained[3])


@pytest.mark.parametrize(("rate", "level"), [(0.125, ""), (0.25, "step")])
def test_diverge_compares_it_with_a_live_network(path, recorded, rate, level):
    _, X, labels = recorded
    network = Sequential(Dense(4, 5), Tanh(), Dense(5, 3)).initialize(np.random.default_rng(1))
    live = Training(network, loss=CategoricalCrossEntropy(), optimizer=SGD(learning_rate=rate))
    report = diverge(path, live, X, labels)
    assert report.level == level, str(report)
    assert [each.name for each in report.settings] == ([] if rate == 0.125 else ["learning rate"])
    assert "0.25" in str(report) or rate == 0.125


def test_initial_weights_are_kept_while_the_program_trains_in_place(recorded):
    trace = recorded[0]
    assert not np.array_equal(trace.weights[0].values, trace.steps[0].weights[0])


def test_what_is_missing_is_named():
    recording = Recording("numpy", np.zeros((4, 2)))
    with pytest.raises(
        ValueError, match=r"not complete; call: weights\(...\); loss\(...\); optimi"
    ):
        recording.save("/nowhere/a")
    recording.weights({"w": np.zeros(2)})
    with pytest.raises(ValueError, match=r"one of the names given before, \['w'\], got 'v'"):
        recording.layer("", "dense", np.zeros(2), np.zeros(2), weights=["v"])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"gradients": [np.zeros(3)]}, "gradients of step 1: expected shapes"),
        ({"weights": [np.zeros(3)]}, "weights after step 1: expected shapes"),
        ({"after": [np.zeros(3)]}, "states after step 1: expected shapes"),
        ({"end": [np.zeros(3)]}, "weights at the end: expected shapes"),
        ({"states": [np.zeros(3)]}, "states at the end: expected shapes"),
    ],
)
def test_arrays_of_another_shape_are_named(wrong, message):
    given = {"gradients": [np.zeros(2)], "weights": None, "end": [np.zeros(2)], "states": ()}
    given |= {"after": None} | wrong
    recording = Recording("numpy", np.zeros((4, 2)))
    recording.weights({"w": np.zeros(2)})
    recording.loss("mean squared error")
    recording.optimizer("sgd", learning_rate=0.5)
    own = {name: given[name] for name in ("gradients", "weights")}
    recording.step(1.0, [0, 1], **own, states=given["after"])
    recording.outputs(np.zeros(2), np.zeros(2))
    recording.end(given["end"], given["states"])
    with pytest.raises(ValueError, match=message):
        recording.trace()


@pytest.mark.parametrize("rows", [[0, 4], [-1], [], [0.5], 2, [[0, 1]]])
def test_rows_that_are_not_among_those_of_X_are_refused(rows):
    with pytest.raises(ValueError, match=r"^rows: expected (positions from 0 to 3|the positions)"):
        Recording("numpy", np.zeros((4, 2))).step(1.0, rows)


def test_two_inputs_weights_of_rows_and_states_are_recorded(tmp_path):
    X = [np.arange(4.0), np.arange(8.0).reshape(4, 2)]
    recording = Recording("own", X, np.arange(4), sample_weight=np.ones(4), dtype="float32")
    recording.weights({"w": np.zeros(2, "f4")})
    recording.weights({"frozen": np.ones(1, "f4")}, trainable=False)
    recording.states({"mean": np.zeros(1, "f4"), "count": np.array(3)})
    recording.loss("mean squared error")
    recording.optimizer("sgd", learning_rate=0.5)
    recording.schedule("constant")
    z = np.ones(2, "f4")
    recording.layer("n", "norm", z, 2 * z, weights=["w"], states=["mean"], training=(z, 3 * z))
    zeros = [np.zeros(2, "f4"), np.zeros(1, "f4")]
    recording.step(1.0, [2, 3], gradients=zeros, states=[np.ones(1, "f4"), 4])
    recording.outputs(z, 2 * z)
    recording.end(zeros, [np.ones(1, "f4"), np.array(True)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recording.save(tmp_path / "a")
    trace = read_trace(tmp_path / "a")
    assert [a.tolist() for a in trace.inputs] == [[2, 3], [[4, 5], [6, 7]]]
    assert {*trace.digests} == {"inputs", "targets", "sample weights", "orders"}
    assert [(w.trainable, w.group) for w in trace.weights] == [(True, 0), (False, -1)]
    assert trace.schedule.kind == "constant"
    (layer,) = trace.layers
    assert (layer.states, layer.output[0], layer.training_output[0]) == ((0,), 2, 3)
    assert [a.sum() for a in trace.final_states] == [1, 1]
    assert (trace.states[1].values, trace.steps[0].states[1]) == (3, 4)
