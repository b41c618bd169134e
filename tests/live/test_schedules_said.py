"""What is said of two schedules: the precision of their rates, or where these first differ."""

import math

import keras
import numpy as np
import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LambdaLR, SequentialLR, StepLR

from lockstep import Training, diverge

pytestmark = pytest.mark.slow

RNG = np.random.default_rng(0)
X, y = RNG.normal(size=(64, 6)), RNG.integers(5, size=64)


def pytorch(schedule, lr=0.125, taken=0):
    model = nn.Linear(6, 5)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    scheduler = schedule(optimizer)
    for _ in range(taken):
        optimizer.step()
        scheduler.step()
    return Training(model, loss=nn.CrossEntropyLoss(), optimizer=optimizer, scheduler=scheduler)


def cosine(optimizer, steps=6):
    return LambdaLR(optimizer, lambda k: 0.5 * (1 + math.cos(math.pi * min(k, steps) / steps)))


def warmed_up(optimizer, end=12):
    return LambdaLR(
        optimizer, lambda k: k / 4 if k < 4 else 0.5 * (1 + math.cos(math.pi * (k - 4) / (end - 4)))
    )


def keras_side(rate=None):
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5)])
    rate = rate or keras.optimizers.schedules.CosineDecay(0.125, 6)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(rate), loss)
    return Training(model)


def test_a_function_that_is_the_schedule_but_for_rounding_is_not_the_cause():
    found = diverge(keras_side(), pytorch(cosine), X, y, steps=8)
    assert found.cause == (
        "keras computes its learning rates in float32, pytorch its learning rates in float64"
    )


def test_how_a_schedule_goes_on_after_the_steps_taken_is_no_difference():
    rate = keras.optimizers.schedules.CosineDecay(0.0, 8, warmup_target=0.125, warmup_steps=4)
    sides = keras_side(rate), pytorch(warmed_up)
    for pair in (sides, sides[::-1]):
        found = diverge(*pair, X, y, steps=8, batch_size=8)
        assert found.cause == (
            "keras computes its learning rates in float32, pytorch its learning rates in float64"
        )
    found = diverge(keras_side(rate), pytorch(lambda o: warmed_up(o, 10)), X, y, steps=8)
    assert found.cause is not None
    assert found.cause.startswith("keras follows a cosine schedule")


def test_a_function_that_is_another_schedule_is_the_cause():
    found = diverge(keras_side(), pytorch(lambda o: cosine(o, 7)), X, y, steps=8)
    assert found.cause is not None
    assert found.cause.startswith("keras follows a cosine schedule")


def in_parts(milestone):
    return lambda o: SequentialLR(o, [StepLR(o, 9), ExponentialLR(o, 0.5)], [milestone])


@pytest.mark.parametrize(
    ("a", "b", "step"),
    [
        (
            pytorch(lambda o: ExponentialLR(o, 0.5)),
            pytorch(lambda o: ExponentialLR(o, 0.5), taken=3),
            1,
        ),
        (
            pytorch(lambda o: LambdaLR(o, lambda k: 0.5**k)),
            pytorch(lambda o: LambdaLR(o, lambda k: 0.25**k)),
            2,
        ),
        (pytorch(in_parts(2)), pytorch(in_parts(3)), 4),
    ],
    ids=["resumed", "functions", "parts"],
)
def test_of_schedules_that_are_stated_alike_the_rates_are_said(a, b, step):
    cause = diverge(a, b, X, y, steps=8).cause
    assert cause is not None
    assert cause.count(f"in step {step}") == 2
    assert cause.count("ExponentialLR") in (0, 2)


@pytest.mark.parametrize("order", [1, -1])
def test_of_classes_that_may_give_the_same_rates_the_rates_are_said(order):
    def report(factor):
        one = pytorch(lambda o: LambdaLR(o, lambda k: factor ** min(k, 9)))
        return diverge(*[one, pytorch(in_parts(0))][::order], X, y, steps=8)

    assert report(0.5).same
    cause = report(0.25).cause
    assert cause is not None
    assert "with a rate of 0.0625 in step 2" in cause
    assert "with a rate of 0.03125 in step 2" in cause
