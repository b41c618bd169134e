"""Schedules: rates by hand, and step by step beside the frameworks' own."""

import keras
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from scratch import (
    SGD,
    Adagrad,
    ConstantRate,
    CosineRate,
    ExponentialRate,
    InverseTimeRate,
    PiecewiseConstantRate,
    Scheduled,
    StepRate,
)

from .closeness import assert_close

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14
STEPS = 25
starts, factors = st.floats(2**-10, 1, width=32), st.floats(0.25, 0.96875, width=32)
sizes = st.integers(1, 12)
schedulers = torch.optim.lr_scheduler


def rates_of_torch(start, make):
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=start)
    scheduler = make(optimizer)
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return rates


def rates_of_keras(schedule):
    return [float(schedule(keras.ops.convert_to_tensor(k))) for k in range(STEPS)]


def rates(schedule):
    return [schedule(k) for k in range(STEPS)]


@settings(max_examples=25)
@given(start=starts, factor=factors, size=sizes)
def test_rates_equal_those_of_torch(start, factor, size):
    end = start * factor
    for ours, make in (
        (ConstantRate(start), lambda o: schedulers.ConstantLR(o, factor=1)),
        (StepRate(start, factor, size), lambda o: schedulers.StepLR(o, size, factor)),
        (ExponentialRate(start, factor), lambda o: schedulers.ExponentialLR(o, factor)),
    ):
        assert_close(rates(ours), rates_of_torch(start, make), LIMIT)
    cosine = rates_of_torch(start, lambda o: schedulers.CosineAnnealingLR(o, size, end))
    ours = rates(CosineRate(start, size, end))
    n = min(size + 1, STEPS)  # there it turns, ours stays
    assert_close(ours[:n], cosine[:n], LIMIT)
    assert set(ours[size:]) <= {end}


@settings(max_examples=6)  # each asks TensorFlow for 125 rates
@given(start=starts, factor=factors, size=sizes)
def test_rates_equal_those_of_keras(start, factor, size):
    wide = np.float64(start)  # a Python float would make the whole schedule float32
    theirs = keras.optimizers.schedules
    for ours, their in (
        (ExponentialRate(start, factor, size), theirs.ExponentialDecay(wide, size, factor)),
        (StepRate(start, factor, size), theirs.ExponentialDecay(wide, size, factor, True)),
        (InverseTimeRate(start, factor, size), theirs.InverseTimeDecay(wide, size, factor)),
        (CosineRate(start, size, factor * start), theirs.CosineDecay(wide, size, factor)),
        (
            PiecewiseConstantRate([size, size + 3], [start, factor, start / 2]),
            theirs.PiecewiseConstantDecay(
                [size, size + 3], [wide, np.float64(factor), np.float64(start / 2)]
            ),
        ),
    ):
        assert_close(rates(ours), rates_of_keras(their), LIMIT)


def test_inverse_time_rate_is_the_lr_decay_of_torch_adagrad():
    rng, theta = np.random.default_rng(0), np.ones(4)
    their_theta = torch.tensor(theta, requires_grad=True)
    theirs = torch.optim.Adagrad([their_theta], lr=0.5, lr_decay=0.25)
    ours = Scheduled(InverseTimeRate(0.5, 0.25), Adagrad.pytorch())
    for g in rng.normal(size=(20, 4)):
        ours.step(theta, g)
        their_theta.grad = torch.tensor(g)
        theirs.step()
    assert_close(theta, their_theta.detach(), LIMIT)


def test_scheduled_momentum_of_each_framework_equals_its_own():
    rng, theta = np.random.default_rng(0), np.ones(4)
    ours = [
        Scheduled(StepRate(0.5, 0.5, 3), SGD.keras(momentum=0.5)),
        Scheduled(StepRate(0.5, 0.5, 1), SGD.pytorch(momentum=0.5), every=3),
    ]
    thetas = [theta.copy(), theta.copy()]
    variable, tensor = keras.Variable(theta, dtype="float64"), torch.tensor(theta)
    schedule = keras.optimizers.schedules.ExponentialDecay(np.float64(0.5), 3, 0.5, True)
    of_keras = keras.optimizers.SGD(schedule, momentum=0.5)
    of_torch = torch.optim.SGD([tensor.requires_grad_()], lr=0.5, momentum=0.5)
    scheduler = schedulers.StepLR(of_torch, 1, 0.5)
    for epoch in rng.normal(size=(4, 3, 4)):
        for g in epoch:
            for optimizer, own in zip(ours, thetas, strict=True):
                optimizer.step(own, g)
            of_keras.apply([keras.ops.convert_to_tensor(g)], [variable])
            tensor.grad = torch.tensor(g)
            of_torch.step()
        scheduler.step()
    assert_close(thetas[0], variable.numpy(), LIMIT)
    assert_close(thetas[1], tensor.detach(), LIMIT)
    assert np.abs(thetas[0] - thetas[1]).max() > 0.01  # one schedule, two dialects of momentum


def test_scheduled_steps_by_hand():
    # η = 1, 1, 0.5, 0.5, 0.25 for g = 1
    theta, path = np.zeros(1), []
    optimizer = Scheduled(StepRate(1.0, 0.5, 1), SGD(9.0), every=2)
    for _ in range(5):
        optimizer.step(theta, np.ones(1))
        path.append(-theta.item())
    assert path == [1, 2, 2.5, 3, 3.25]


def test_scheduled_begins_anew_with_an_empty_state():
    theta, optimizer = np.zeros(1), Scheduled(StepRate(1.0, 0.5, 1), SGD(9.0))
    optimizer.step(theta, np.ones(1))
    optimizer.state = {}
    optimizer.step(theta, np.ones(1))
    assert theta.tolist() == [-2]


def test_scheduled_goes_on_from_its_state():
    one, other = (Scheduled(StepRate(1.0, 0.5, 2), SGD(1.0, momentum=0.5)) for _ in range(2))
    assert one.state == {}
    theta = np.zeros(2)
    for _ in range(3):
        one.step(theta, np.ones(2))
    other.state, other_theta = {k: v.copy() for k, v in one.state.items()}, theta.copy()
    for _ in range(3):
        one.step(theta, np.ones(2))
        other.step(other_theta, np.ones(2))
    assert theta.tobytes() == other_theta.tobytes()


def test_cosine_rate_ends_at_zero_where_no_end_is_given():
    assert [CosineRate(1.0, 4)(k) for k in (0, 4, 9)] == [1, 0, 0]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: StepRate(1.0, 0.5, 0), "size must be above 0, got 0"),
        (lambda: ExponentialRate(1.0, 0.5, 0), "size must be above 0, got 0"),
        (lambda: InverseTimeRate(1.0, 0.5, -1), "size must be above 0, got -1"),
        (lambda: CosineRate(1.0, 0), "size must be above 0, got 0"),
        (
            lambda: PiecewiseConstantRate([1], [1.0]),
            "values must be 2, one more than the boundaries, got 1",
        ),
        (
            lambda: PiecewiseConstantRate([2, 2], [3, 2, 1]),
            r"boundaries must increase, got \[2, 2\]",
        ),
        (
            lambda: PiecewiseConstantRate([1, 3, 2], [4, 3, 2, 1]),
            r"boundaries must increase, got \[1, 3, 2\]",
        ),
        (lambda: Scheduled(ConstantRate(1), SGD(1), every=0), "every must be at least 1, got 0"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()
