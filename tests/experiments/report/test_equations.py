"""The report's equations: each kind has one, and computing it gives what `scratch` computes."""

import re

import numpy as np
import pytest

from experiments.harness.report import layer_equations, loss_equations, update_equations
from experiments.harness.report.equations import in_equations
from experiments.harness.report.forward_equations import forward_pass
from experiments.harness.report.mathml import to_mathml
from experiments.registry import EXPERIMENTS, find_experiment
from scratch import (
    Add,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Concatenate,
    Conv2D,
    Dense,
    Layer,
    Loss,
    MeanSquaredError,
    ReLU,
    Residual,
    SequenceLoss,
    Sequential,
    Sigmoid,
    Tanh,
    layers,
    losses,
    optimizers,
    schedules,
)
from scratch.layers.recurrent import Recurrent
from scratch.optimizers.optimizer import Wrapper

from .reading_equations import follow

OPTIMIZERS = {
    "SGD": optimizers.SGD(0.3),
    "momentum": optimizers.SGD(0.3, momentum=0.9),
    "momentum of Keras": optimizers.SGD.keras(0.3, momentum=0.9),
    "Nesterov": optimizers.SGD(0.3, momentum=0.9, nesterov=True),
    "Adam": optimizers.Adam(0.1, epsilon=0.01),
    "Adam of Keras": optimizers.Adam(0.1, epsilon=0.01, epsilon_hat=True),
    "AMSGrad": optimizers.AMSGrad(0.1, epsilon=0.01),
    "RMSprop": optimizers.RMSprop(0.1, epsilon=0.01),
    "RMSprop, centered, with momentum": optimizers.RMSprop(
        0.1, epsilon=0.01, momentum=0.5, centered=True, epsilon_in_root=True
    ),
    "Adagrad": optimizers.Adagrad(0.1, epsilon=0.01),
    "Adadelta": optimizers.Adadelta(0.5, epsilon=0.01),
    "Adamax": optimizers.Adamax(0.1, epsilon=0.01),
    "Lion": optimizers.Lion(0.1),
    "weight decay": optimizers.CoupledWeightDecay(0.1, optimizers.SGD(0.3)),
    "AdamW": optimizers.AdamW(0.1, weight_decay=0.1, epsilon=0.01),
}
SYMBOLS = {
    **{"eta": "η", "beta_1": "β_1", "beta_2": "β_2", "rho": "ρ", "mu": "μ"},
    **{"weight_decay": "λ", "epsilon": "ε"},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_following_the_lines_of_an_update_takes_the_optimizers_step(name):
    optimizer, rng = OPTIMIZERS[name], np.random.default_rng(0)
    numbers, each = {"ε": 0.0}, optimizer
    while each is not None:
        found = {symbol: getattr(each, a) for a, symbol in SYMBOLS.items() if hasattr(each, a)}
        numbers, each = numbers | found, getattr(each, "optimizer", None)
    lines = [line.latex for line in update_equations.update(optimizer)]
    lines = [half for line in lines for half in line.split(",  ")]
    theta = rng.normal(size=4)
    zeros = dict.fromkeys(("m", "v", "u", "s", "b", "g¯"), np.zeros(4))
    values = {"θ": theta.copy(), "ε^": numbers["ε"]} | zeros | numbers
    for t in range(1, 4):
        g = rng.normal(size=4)
        optimizer.step(theta, g)
        values = follow(lines, values | {"g": g, "t": t})
        np.testing.assert_allclose(values["θ"], theta, rtol=1e-13, atol=1e-14)  # another order


def test_following_the_lines_of_a_forward_pass_gives_the_networks_outputs():
    block = Residual(Dense(4, 4), Tanh(), Dense(4, 4, bias=False))
    network = Sequential(Dense(3, 4), ReLU(), block, Sigmoid(), Dense(4, 2))
    rng = np.random.default_rng(0)
    network.initialize(rng)
    X = rng.normal(size=(5, 3))
    names = ["W_1", "b_1", "W_2", "b_2", "W_3", "W_4", "b_4"]
    values = {"X": X} | dict(zip(names, network.weights, strict=True))
    found = follow([line.latex for line in forward_pass(network, "z")], values)
    np.testing.assert_array_equal(found["z"], network.predict(X))


def kinds(module, base: type) -> list[type]:
    found = [getattr(module, name) for name in module.__all__]
    return [each for each in found if isinstance(each, type) and issubclass(each, base)]


def test_every_layer_loss_and_optimizer_of_scratch_has_an_equation():
    for kind in kinds(layers, Layer):
        assert kind in layer_equations._ENTRIES or kind in (Layer, layers.Masking), kind
    assert set(kinds(losses, Loss)) - set(loss_equations._TERMS) == {
        *(Loss, losses.SequenceLoss, losses.WeightedMean)  # these have the terms of another loss
    }
    known = {*update_equations._STEPS, *update_equations._WRAPPERS}
    steps = [each for each in kinds(optimizers, object) if hasattr(each, "step")]
    assert set(steps) - known == {optimizers.Optimizer, optimizers.Learner}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_phase_of_every_experiment_can_be_written_down(name):
    page = find_experiment(name)
    for phase in page.all_phases:
        parts = page.blueprint.builders["scratch"](spec=phase.spec)
        groups = in_equations(parts, phase.spec)
        names = [group.name for group in groups]
        assert names[0].startswith("forward pass")
        assert names[-2] in ("loss", "step")
        assert names[-1] == "update, g = dL/dθ"


def lines(*of: Layer, output: str = "a") -> list[str]:
    return [line.latex for line in forward_pass(Sequential(*of), output)]


def test_layers_without_weights_are_written_around_the_others():
    assert lines(Conv2D(1, 4, kernel=3), ReLU(), layers.MaxPool2D(2), layers.Flatten()) == [
        r"a = \op{flatten}(\op{maxpool}(\op{ReLU}(X ∗ W_{1} + b_{1})))"
    ]


def test_a_lstm_is_its_gates_its_cell_and_its_state():
    *gates, cell, state, last = lines(layers.LSTM(2, 3), Dense(3, 1))
    assert [gate.partition(" =")[0] for gate in gates] == ["i, f, o", "g"]
    assert cell == "c_t = f ⊙ c_{t-1} + i ⊙ g"
    assert state == r"h_t = o ⊙ \op{tanh}(c_t)"
    assert last == "a = h_T W_{2} + b_{2}"


def test_a_layer_used_twice_keeps_its_number_and_dropout_of_nothing_is_left_out():
    twice = Dense(2, 2)
    assert lines(twice, layers.Dropout(0.0), Tanh(), twice) == [
        r"a_{1} = \op{tanh}(X W_{1} + b_{1})",
        "a = a_{1} W_{1} + b_{1}",
    ]


def test_branches_read_the_same_value():
    assert lines(Tanh(), Concatenate(Dense(2, 1, bias=False), ReLU())) == [
        r"a_{0} = \op{tanh}(X)",
        r"a = [a_{0} W_{1}, \op{ReLU}(a_{0})]",
    ]
    assert lines(Add(Dense(2, 2), Dense(2, 2)))[-1] == "a = X W_{1} + b_{1} + X W_{2} + b_{2}"


@pytest.mark.parametrize("kind", kinds(layers, Recurrent))
def test_a_recurrent_layer_reads_its_own_last_state_and_returns_all(kind):
    shown = lines(kind(2, 3, return_sequences=True))
    assert any("h_{t-1} U_{1}" in line for line in shown)
    assert shown[-1] == "a = h"


@pytest.mark.parametrize(
    ("loss", "outputs", "latex"),
    [
        (MeanSquaredError(), 1, r"L = \frac{1}{n} Σ_{i} (a_{i} - y_{i})^2"),
        (losses.HalfSquaredError(), 2, r"L = \frac{1}{2} Σ_{i} Σ_{k} (a_{ik} - y_{ik})^2"),
        (CategoricalCrossEntropy(), 3, r"L = -\frac{1}{n} Σ_{i} \op{log} \op{softmax}(z_{i})_"),
        (
            SequenceLoss(CategoricalCrossEntropy(), ignore=-1),
            3,
            r"L = -\frac{1}{m} Σ_{i,t} \op{log} \op{softmax}(z_{it})_",
        ),
        (BinaryCrossEntropy(sum_over_rows=True), 5, r"L = -\frac{1}{n} Σ_{i} Σ_{k} [y_{ik} "),
        (CategoricalCrossEntropy(reduction="sum"), 3, r"L = -Σ_{i} \op{log}"),
    ],
)
def test_a_loss_says_over_what_it_is_a_mean(loss, outputs, latex):
    assert loss_equations.loss_equation(loss, outputs).latex.startswith(latex)


@pytest.mark.parametrize("wrong", ["a_", "a}", "{a", r"\foo", "a_1_2", "#", r"\frac{1}"])
def test_what_is_no_equation_is_refused(wrong):
    with pytest.raises(ValueError, match=re.escape(repr(wrong)[1:3])):
        to_mathml(wrong)


def test_words_are_escaped():
    assert "<mtext>a&lt;b</mtext>" in to_mathml(r"\text{a<b}")
    assert "<mo>&lt;</mo>" in to_mathml("a < b")


class Own(Wrapper):
    """A wrapper that a page has written: it has no equation, but a name."""

    def step(self, theta, g):
        self.optimizer.step(theta, 0.5 * g)


@pytest.mark.parametrize("scheduled", [False, True])
def test_a_wrapper_of_the_pages_own_is_said_to_be_one(scheduled):
    optimizer = Own(optimizers.ClipNorm(1.0, optimizers.SGD(0.1)))
    if scheduled:
        optimizer = optimizers.Scheduled(schedules.ConstantRate(0.1), optimizer)
    last = update_equations.update(optimizer)[-1]
    assert (last.latex, last.note) == (r"θ ← \op{Own}(θ, g)", "Own: an optimizer of this page")
