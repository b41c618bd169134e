"""Optimizers: steps worked out by hand, and arguments that are refused."""

import math

import numpy as np
import pytest

from scratch import (
    LAMB,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    AMSGrad,
    CoupledWeightDecay,
    DecoupledWeightDecay,
    Lion,
    NAdam,
    RMSprop,
)


def positions(optimizer, gradients, rates=()):
    """Return θ after each step, from θ = 0; with rates, each at a learning rate of its own."""
    theta, path = np.zeros(1), []
    for i, g in enumerate(gradients):
        if rates:
            optimizer.eta = rates[i]
        optimizer.step(theta, np.array([float(g)]))
        path.append(theta[0])
    return path


def test_sgd_steps_by_hand():
    # θ -= g/2
    assert positions(SGD(0.5), [1, 2, 4]) == [-0.5, -1.5, -3.5]


def test_sgd_with_momentum_steps_by_hand():
    # v = v/2 + g: 1, 2.5, 5.25; θ -= v/2
    assert positions(SGD(0.5, momentum=0.5), [1, 2, 4]) == [-0.5, -1.75, -4.375]


def test_sgd_with_nesterov_momentum_steps_by_hand():
    # v as above; θ -= (g + v/2)/2: g + v/2 = 1.5, 3.25, 6.625
    sgd = SGD(0.5, momentum=0.5, nesterov=True)
    assert positions(sgd, [1, 2, 4]) == [-0.75, -2.375, -5.6875]


def test_adam_steps_by_hand():
    # β₁ = 1/2, β₂ = 3/4, ε = 2, η = 6, g = 2, -2
    # t = 1: m = 1, v = 1; m̂ = 1/(1/2) = 2, v̂ = 1/(1/4) = 4; θ = -6 · 2/(2 + 2) = -3
    # t = 2: m = -1/2, v = 7/4; m̂ = -1/2/(3/4) = -2/3, v̂ = 7/4/(7/16) = 4; θ = -3 + 6 · 2/3/4 = -2
    adam = Adam(6, beta_1=0.5, beta_2=0.75, epsilon=2)
    assert positions(adam, [2, -2]) == pytest.approx([-3, -2], rel=1e-15)  # √(7/16) is rounded


def test_adam_with_epsilon_hat_steps_by_hand():
    # the same m and v; factor √(1-β₂ᵗ)/(1-β₁ᵗ) = (1/2)/(1/2) = 1, then (√7/4)/(3/4) = √7/3
    # θ = -6 · 1 · 1/(1 + 2) = -2, then + 6 · √7/3 · 1/2 / (√7/2 + 2) = √7/(√7/2 + 2)
    adam = Adam(6, beta_1=0.5, beta_2=0.75, epsilon=2, epsilon_hat=True)
    second = -2 + math.sqrt(7) / (math.sqrt(7) / 2 + 2)
    assert positions(adam, [2, -2]) == pytest.approx([-2, second], rel=1e-15)  # roots are rounded


def test_first_step_of_adam_is_the_learning_rate_whatever_the_gradient():
    for g in (1e-3, 5.0, -1e6):
        step = -math.copysign(0.5, g)
        assert positions(Adam(0.5, epsilon=0), [g]) == pytest.approx([step], rel=1e-15)  # one root


def test_sgd_with_dampening_steps_by_hand():
    # v = 1, then v/2 + g/2: 1.5, 2.75; θ -= v/2
    sgd = SGD(0.5, momentum=0.5, dampening=0.5)
    assert positions(sgd, [1, 2, 4]) == [-0.5, -1.25, -2.625]


def test_two_dialects_of_momentum_part_when_the_learning_rate_changes():
    # η outside v: v = 1, 2.5, 5.25, θ -= v/2, v/2, v/4
    # η inside v: v = 0.5, 0.25 + 1, 0.625 + 4/4, θ -= v
    for dialect, last in ((SGD.pytorch, -3.0625), (SGD.keras, -3.375)):
        sgd = dialect(0.5, momentum=0.5)
        assert positions(sgd, [1, 2, 4], [0.5, 0.5, 0.25]) == [-0.5, -1.75, last]


def test_adagrad_steps_by_hand():
    # s = 9, 25; θ -= 6 g/(√s + 1): 18/4, 24/6
    assert positions(Adagrad(6, epsilon=1), [3, 4]) == [-4.5, -8.5]
    # s = 5 + 4, 9 + 16
    assert positions(Adagrad(6, start=5, epsilon=1), [2, 4]) == [-3, -7]
    # ε in the root: √(9 + 16) = 5, √(9 + 144 + 16) = 13; θ -= 65 g/5, 65 g/13
    adagrad = Adagrad(65, epsilon=16, epsilon_in_root=True)
    assert positions(adagrad, [3, 12]) == [-39, -99]


def test_rmsprop_steps_by_hand():
    # v = 16/4 = 4, 3 + 4/4 = 4; θ -= 6 g/(√v + 2): 24/4, 12/4
    assert positions(RMSprop(6, rho=0.75, epsilon=2), [4, 2]) == [-6, -9]
    # ε in the root: √(4 + 5) = 3; θ -= 6 g/3
    rmsprop = RMSprop(6, rho=0.75, epsilon=5, epsilon_in_root=True)
    assert positions(rmsprop, [4, 2]) == [-8, -12]
    # centered: v = 4/2, ḡ = 2/2, √(v - ḡ²) = 1; θ -= 6 · 2/(1 + 1)
    assert positions(RMSprop(6, rho=0.5, epsilon=1, centered=True), [2]) == [-6]


def test_rmsprop_with_momentum_steps_by_hand():
    # PyTorch: g/(√v + 2) = 1, 1/2 as above; b = 1, 1/2 + 1/2; θ -= 6 b, 3 b
    rmsprop = RMSprop.pytorch(6, rho=0.75, momentum=0.5, epsilon=2)
    assert positions(rmsprop, [4, 2], [6, 3]) == [-6, -9]
    # Keras: g/√(v + 5) = 4/3, 2/3; b = 6 · 4/3, 8/2 + 3 · 2/3; θ -= b
    rmsprop = RMSprop.keras(6, rho=0.75, momentum=0.5, epsilon=5)
    assert positions(rmsprop, [4, 2], [6, 3]) == [-8, -14]


def test_adamw_steps_by_hand():
    # Adam's steps are -3 and +1, as above; before the second, θ = -3 (1 - 6/12)
    adamw = AdamW(6, weight_decay=1 / 12, beta_1=0.5, beta_2=0.75, epsilon=2)
    assert positions(adamw, [2, -2]) == pytest.approx([-3, -0.5], rel=1e-15)  # √(7/16) is rounded


def test_amsgrad_steps_by_hand():
    # β₁ = 0, β₂ = 3/4: v = 1, then 3/4 (0 + 1) = 3/4, but v̂ stays 1; m = g
    # ε̂ = 0: θ = -√(1/4) · 2/1 · 2 = -2; then √(7/16) · 1/1 · 2 further
    amsgrad = AMSGrad.keras(2, beta_1=0, beta_2=0.75, epsilon=0)
    assert positions(amsgrad, [2, 0, 1]) == pytest.approx(
        [-2, -2, -2 - 2 * math.sqrt(37 / 64)], rel=1e-15
    )  # the third: c₂ = 1 - 27/64, v = 9/16 + 1/4 < v̂ = 1; roots are rounded


def test_nadam_steps_by_hand():
    # ψ = 0: μ = β₁/2 = 1/4 at every step, Π = 1/4, 1/16, 1/64; β₂ = 3/4
    # t = 1: m = 1, v = 1, v̂ = 4; m̂ = 1/4 · 1/(15/16) + 3/4 · 2/(3/4) = 34/15; θ = -15 · m̂/2
    # t = 2: m = 3/2, v = 7/4, v̂ = 4; m̂ = 1/4 · 3/2/(63/64) + 3/4 · 2/(15/16) = 124/63 + 1/84
    nadam = NAdam(15, beta_1=0.5, beta_2=0.75, epsilon=0, momentum_decay=0)
    second = 0.25 * 1.5 / (63 / 64) + 0.75 * 2 / (15 / 16)
    assert positions(nadam, [2, 2]) == pytest.approx([-17, -17 - 7.5 * second], rel=1e-14)  # roots


def test_adamax_steps_by_hand():
    # β₁ = 1/2, β₂ = 3/4: m = 1, then 1/2; u = 2, then max(3/2, 0); 1-β₁ᵗ = 1/2, 3/4
    assert positions(Adamax(6, beta_1=0.5, beta_2=0.75, epsilon=0), [2, 0]) == [-6, -26 / 3]
    # ε = 2 in the norm: u = 4, then max(3, 2); outside: u + 2 = 4, then 3/2 + 2
    in_norm = Adamax.pytorch(6, beta_1=0.5, beta_2=0.75, epsilon=2)
    assert positions(in_norm, [2, 0]) == pytest.approx([-3, -3 - 4 / 3], rel=1e-15)  # thirds
    outside = Adamax.keras(6, beta_1=0.5, beta_2=0.75, epsilon=2)
    assert positions(outside, [2, 0]) == pytest.approx([-3, -3 - 8 / 7], rel=1e-15)  # sevenths


def test_adadelta_steps_by_hand():
    # ρ = 1/2, ε = 1: v = 8, Δ = √1/√9 · 4 = 4/3; u = 8/9, v = 4 + 11/2 · 4 = 4 + 22
    # the second gradient 2√11 gives √(26 + 1) = √27, and Δ = √(17/9)/√27 · 2√11
    second = math.sqrt(17 / 9) / math.sqrt(27) * 2 * math.sqrt(11)
    expected = pytest.approx([-4 / 3, -4 / 3 - second], rel=1e-14)  # roots are rounded
    assert positions(Adadelta(rho=0.5, epsilon=1), [4, 2 * math.sqrt(11)]) == expected


def test_lion_steps_by_hand():
    # β₁ = 1/2, β₂ = 3/4: c = 2; m = 1; c = 1/2 - 1/4 > 0, m = 3/4 - 1/8 = 5/8; c = 5/16 - 1/2 < 0
    assert positions(Lion(0.5, beta_1=0.5, beta_2=0.75), [4, -0.5, -1]) == [-0.5, -1, -0.5]


def test_lamb_steps_by_hand():
    # at the first step r = sign(g); arrays (3, 4) and (0), λ = 0: ratios 5/√2, and 1 at a norm of 0
    theta, lamb = np.array([3.0, 4.0, 0.0]), LAMB(1, sizes=[2, 1], weight_decay=0, epsilon=0)
    lamb.step(theta, np.array([2.0, -2.0, 8.0]))
    side = 5 / math.sqrt(2)
    assert theta == pytest.approx([3 - side, 4 + side, -1], rel=1e-14)  # roots are rounded
    kept = theta.copy()
    LAMB.keras(1, epsilon=1e-7).step(theta, np.zeros(3))  # r = 0: no ratio divides by its norm
    assert theta.tolist() == kept.tolist()
    # one array, λ = 1: u = (1 + 3, 0 + 4), ‖u‖ = √32; θ -= 5/√32 (4, 4)/10
    theta, lamb = np.array([3.0, 4.0]), LAMB(0.1, weight_decay=1, epsilon=1e-9)
    lamb.step(theta, np.array([2.0, 0.0]))
    assert theta == pytest.approx(np.array([3, 4]) - 2 / math.sqrt(32), rel=1e-9)  # ε


def test_weight_decay_steps_by_hand():
    # coupled: g = 1, then 1 - 0.5/4; θ -= g/2. Decoupled: θ = -0.5, then -0.5 + 0.5/8 - 0.5
    assert positions(CoupledWeightDecay(0.25, SGD(0.5)), [1, 1]) == [-0.5, -0.9375]
    assert positions(DecoupledWeightDecay(0.25, SGD(0.5)), [1, 1]) == [-0.5, -0.9375]
    # with momentum 1/2 the coupled decay enters v = 1, 0.5 + 0.875, the decoupled does not
    coupled, decoupled = (
        positions(decay(0.25, SGD(0.5, momentum=0.5)), [1, 1, 1])
        for decay in (CoupledWeightDecay, DecoupledWeightDecay)
    )
    # third: v = 0.6875 + 1 - 1.1875/4 = 1.390625; θ -= v/2; decoupled: v = 1.75, θ = 7/8 θ - v/2
    assert coupled == [-0.5, -1.1875, -1.8828125]
    assert decoupled == [-0.5, -1.1875, -1.9140625]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0.0), r"learning_rate must be above 0, got 0\.0"),
        (lambda: SGD(float("nan")), "learning_rate must be above 0, got nan"),
        (lambda: SGD(0.1, momentum=1.0), r"momentum must be at least 0 and below 1, got 1\.0"),
        (lambda: SGD(0.1, momentum=-0.5), r"momentum must be at least 0 and below 1, got -0\.5"),
        (lambda: SGD(0.1, nesterov=True), r"nesterov needs a momentum above 0, got 0\.0"),
        (lambda: SGD(1, dampening=1), "dampening must be at least 0 and below 1, got 1"),
        (
            lambda: SGD(1, momentum=0.5, dampening=0.5, nesterov=True),
            r"nesterov needs a dampening of 0, got 0\.5",
        ),
        (lambda: Adagrad(0), "learning_rate must be above 0, got 0"),
        (lambda: Adagrad(start=-1), "start must be at least 0, got -1"),
        (lambda: Adagrad(epsilon=-1), "epsilon must be at least 0, got -1"),
        (lambda: RMSprop(0), "learning_rate must be above 0, got 0"),
        (lambda: RMSprop(rho=1), "rho must be at least 0 and below 1, got 1"),
        (lambda: RMSprop(momentum=-1), "momentum must be at least 0 and below 1, got -1"),
        (lambda: RMSprop(epsilon=-1), "epsilon must be at least 0, got -1"),
        (lambda: NAdam(momentum_decay=-1), "momentum_decay must be at least 0, got -1"),
        (lambda: Adamax(beta_2=1), "beta_2 must be at least 0 and below 1, got 1"),
        (lambda: Adadelta(rho=1), "rho must be at least 0 and below 1, got 1"),
        (lambda: Lion(0), "learning_rate must be above 0, got 0"),
        (lambda: LAMB(weight_decay=-1), "weight_decay must be at least 0, got -1"),
        (lambda: Adam(-1.0), r"learning_rate must be above 0, got -1\.0"),
        (lambda: Adam(beta_1=1.0), r"beta_1 must be at least 0 and below 1, got 1\.0"),
        (lambda: Adam(beta_2=1.5), r"beta_2 must be at least 0 and below 1, got 1\.5"),
        (lambda: Adam(epsilon=-1e-8), "epsilon must be at least 0, got -1e-08"),
        (lambda: Adam(epsilon=float("nan")), "epsilon must be at least 0, got nan"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(
    ("optimizer", "names"),
    [
        (RMSprop(), {"v"}),
        (RMSprop(centered=True), {"v", "mean"}),
        (RMSprop(momentum=0.5), {"v", "b"}),
    ],
    ids=["plain", "centered", "momentum"],
)
def test_rmsprop_keeps_only_what_it_reads(optimizer, names):
    optimizer.step(np.ones(2), np.ones(2))
    assert optimizer.state.keys() == names
