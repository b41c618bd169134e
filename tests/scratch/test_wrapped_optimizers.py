"""Decay, clipping and frozen parameters: by hand, and beside the frameworks' own optimizers."""

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch import (
    SGD,
    Adagrad,
    Adam,
    AdamW,
    ClipEachNorm,
    ClipNorm,
    ClipValue,
    CoupledWeightDecay,
    DecoupledWeightDecay,
    Dense,
    RMSprop,
    Scheduled,
    Sequential,
    TrainOnly,
    layer_mask,
    weight_mask,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
SHAPES = [(3, 2), (2,), (2, 4), (4,)]  # two dense layers
SIZES = [6, 2, 8, 4]
WEIGHTS = np.repeat([True, False, True, False], SIZES)
MU = 0.5
limits = st.floats(2**-6, 4, width=32)


def cut(flat):
    parts = np.split(flat, np.cumsum(SIZES)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def draw_steps(seed, steps=12):
    rng = np.random.default_rng(seed)
    return rng.normal(size=20), rng.normal(size=(steps, 20)) * rng.uniform(0, 2, size=(steps, 1))


def steps_of_torch(theta, gradients, make, clip=lambda params: None):
    """Return θ after the steps, each after the gradients were clipped."""
    params = [torch.tensor(p, requires_grad=True) for p in cut(theta)]
    optimizer = make(params)
    for g in gradients:
        for p, part in zip(params, cut(g), strict=True):
            p.grad = torch.tensor(part) if p.requires_grad else None
        clip(params)
        optimizer.step()
    return np.concatenate([p.detach().ravel() for p in params])


def steps_of_keras(theta, gradients, optimizer):
    names = ["kernel", "bias", "kernel", "bias"]
    params = [
        keras.Variable(p, dtype="float64", name=name)
        for p, name in zip(cut(theta), names, strict=True)
    ]
    for g in gradients:
        optimizer.apply([keras.ops.convert_to_tensor(part) for part in cut(g)], params)
    return np.concatenate([p.numpy().ravel() for p in params])


def steps_of_ours(theta, gradients, optimizer):
    theta = theta.copy()
    for g in gradients:
        kept = g.copy()
        optimizer.step(theta, g)
        assert g.tobytes() == kept.tobytes()
    return theta


@settings(max_examples=40)
@given(limit=limits, seed=st.integers(0, 2**32 - 1))
def test_clipping_equals_that_of_torch(limit, seed):
    theta, gradients = draw_steps(seed)

    def make(params):
        return torch.optim.SGD(params, lr=0.5, momentum=MU, weight_decay=0.25)

    def sgd():
        return CoupledWeightDecay(0.25, SGD.pytorch(0.5, momentum=MU))

    clip = torch.nn.utils
    for ours, theirs in (
        (ClipNorm.pytorch(limit, sgd()), lambda p: clip.clip_grad_norm_(p, limit)),
        (ClipValue(limit, sgd()), lambda p: clip.clip_grad_value_(p, limit)),
    ):
        expected = steps_of_torch(theta, gradients, make, theirs)
        assert_close(steps_of_ours(theta, gradients, ours), expected, LIMIT)


@settings(max_examples=5)  # Keras takes its steps one by one
@given(limit=limits, seed=st.integers(0, 2**32 - 1))
def test_clipping_equals_that_of_keras(limit, seed):
    theta, gradients = draw_steps(seed)
    sgd = {"learning_rate": 0.5, "momentum": MU, "weight_decay": 0.25}
    for name, make in (
        ("global_clipnorm", ClipNorm.keras),
        ("clipnorm", lambda limit, optimizer: ClipEachNorm(limit, optimizer, sizes=SIZES)),
        ("clipvalue", ClipValue),
    ):
        ours = make(limit, DecoupledWeightDecay(0.25, SGD.keras(0.5, momentum=MU)))
        theirs = keras.optimizers.SGD(**sgd, **{name: limit})
        expected = steps_of_keras(theta, gradients, theirs)
        assert_close(steps_of_ours(theta, gradients, ours), expected, LIMIT)


def test_mask_leaves_the_biases_out_of_the_decay_as_in_torch():
    theta, gradients = draw_steps(0)

    def groups(params):
        return [
            {"params": params[::2], "weight_decay": 0.25},
            {"params": params[1::2], "weight_decay": 0.0},
        ]

    for ours, make in (
        (
            CoupledWeightDecay(0.25, Adam.pytorch(0.5), mask=WEIGHTS),
            lambda p: torch.optim.Adam(groups(p), lr=0.5),
        ),
        (
            AdamW.pytorch(0.5, weight_decay=0.25, mask=WEIGHTS),
            lambda p: torch.optim.AdamW(groups(p), lr=0.5),
        ),
    ):
        expected = steps_of_torch(theta, gradients, make)
        assert_close(steps_of_ours(theta, gradients, ours), expected, LIMIT)


def test_mask_leaves_the_biases_out_of_the_decay_as_in_keras():
    theta, gradients = draw_steps(0)
    betas = {"beta_1": 0.5, "beta_2": 0.75}
    theirs = keras.optimizers.AdamW(0.5, weight_decay=0.25, **betas)
    theirs.exclude_from_weight_decay(var_names=["bias"])
    ours = AdamW.keras(0.5, weight_decay=0.25, **betas, mask=WEIGHTS)
    # ε = 1e-7 is a Python float on both sides, and is not rounded
    expected = steps_of_keras(theta, gradients, theirs)
    assert_close(steps_of_ours(theta, gradients, ours), expected, LIMIT)


def test_coupled_and_decoupled_decay_are_one_for_plain_descent_and_two_with_momentum():
    theta, gradients = draw_steps(0)
    for momentum, equal in ((0.0, True), (0.5, False)):
        coupled, decoupled = (
            steps_of_ours(theta, gradients, decay(0.25, SGD(0.5, momentum=momentum)))
            for decay in (CoupledWeightDecay, DecoupledWeightDecay)
        )
        assert np.allclose(coupled, decoupled, rtol=1e-12) is equal  # the suite's limit


@pytest.mark.parametrize(("g", "moved"), [(1.0, 0.8), (0.75, 0.75)])
def test_epsilon_counts_as_part_of_the_norm(g, moved):
    theta = np.zeros(1)
    ClipNorm(1.0, SGD(1.0), epsilon=0.25).step(theta, np.array([g]))
    assert theta.tolist() == [-moved]


def test_gradient_of_norm_zero_is_not_divided_by():
    for clip in (ClipNorm, ClipNorm.pytorch, ClipNorm.keras):
        theta = np.ones(20)
        clip(1.0, SGD(1.0)).step(theta, np.zeros(20))
        assert theta.tolist() == [1] * 20


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradient_that_is_not_finite_makes_every_parameter_nan_as_in_keras(bad):
    theta, g = np.ones(20), np.ones(20)
    g[3] = bad
    ClipNorm.keras(1.0, SGD(1.0)).step(theta, g)
    theirs = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    assert np.isnan(steps_of_keras(np.ones(20), [g], theirs)).all()
    assert np.isnan(theta).all()


ALL = [
    SGD(0.5, momentum=0.5),
    SGD(0.5, momentum=0.5, nesterov=True, rate_in_velocity=True),
    Adagrad(0.5),
    RMSprop(0.5, momentum=0.5, centered=True),
    Adam(0.5),
    AdamW(0.5, weight_decay=0.25),
    CoupledWeightDecay(0.25, SGD(0.5, momentum=0.5)),
]


@pytest.mark.parametrize("optimizer", ALL, ids=lambda optimizer: type(optimizer).__name__)
def test_frozen_parameters_do_not_move_and_the_others_move_as_alone(optimizer):
    theta, gradients = draw_steps(0)
    mask = np.arange(20) % 3 > 0
    alone = theta[mask]
    optimizer.state = {}
    for g in gradients:
        optimizer.step(alone, g[mask])
    optimizer.state = {}
    after = steps_of_ours(theta, gradients, TrainOnly(mask, optimizer))
    assert after[~mask].tobytes() == theta[~mask].tobytes()
    assert after[mask].tobytes() == alone.tobytes()
    assert (after[mask] != theta[mask]).all()


def test_frozen_parameters_are_those_without_gradient_in_torch():
    theta, gradients = draw_steps(0)

    def make(params):
        for p in params[:2]:
            p.requires_grad_(False)
        return torch.optim.SGD(params, lr=0.5, momentum=MU, weight_decay=0.25)

    sgd = CoupledWeightDecay(0.25, SGD.pytorch(0.5, momentum=MU))
    ours = TrainOnly(np.repeat([False, False, True, True], SIZES), ClipNorm.pytorch(1.0, sgd))
    expected = steps_of_torch(
        theta, gradients, make, lambda params: torch.nn.utils.clip_grad_norm_(params, 1.0)
    )
    assert_close(steps_of_ours(theta, gradients, ours), expected, LIMIT)


def test_masks_follow_the_parameters_of_the_network():
    first, head = Dense(3, 2), Dense(2, 4)
    network = Sequential(first, head)
    assert weight_mask(network).tolist() == WEIGHTS.tolist()
    assert layer_mask(network, first).tolist() == [True] * 8 + [False] * 12
    assert layer_mask(network, first, head).all()
    with pytest.raises(ValueError, match=r"^layers: Dense .* is not in the network$"):
        layer_mask(network, Dense(3, 2))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ClipNorm(0.0, SGD(1)), r"limit must be above 0, got 0\.0"),
        (lambda: ClipEachNorm(-1, SGD(1), sizes=[1]), "limit must be above 0, got -1"),
        (lambda: ClipNorm(1, SGD(1), epsilon=-1), "epsilon must be at least 0, got -1"),
        (lambda: ClipValue(np.nan, SGD(1)), "limit must be above 0, got nan"),
        (lambda: CoupledWeightDecay(-1, SGD(1)), "weight_decay must be at least 0, got -1"),
        (lambda: AdamW(weight_decay=-1), "weight_decay must be at least 0, got -1"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


@pytest.mark.parametrize(
    "around",
    [
        lambda inside: ClipNorm(1.0, inside),
        lambda inside: Scheduled(lambda k: 0.5, inside),
        lambda inside: TrainOnly(np.array([True]), inside),
    ],
    ids=["clipping", "a schedule", "another"],
)
def test_what_freezes_must_be_outermost(around):
    inside = TrainOnly(np.array([True, False]), SGD(1.0))
    with pytest.raises(ValueError, match=r"^TrainOnly must be outermost: put it around \w+, not"):
        around(inside)
