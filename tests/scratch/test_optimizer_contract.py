"""What every optimizer keeps to: its state, its arrays, the gradient it is given."""

import pickle
from copy import deepcopy

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
    ClipEachNorm,
    ClipNorm,
    ClipValue,
    CoupledWeightDecay,
    DecoupledWeightDecay,
    Lion,
    NAdam,
    RMSprop,
    Scheduled,
    StepRate,
    TrainOnly,
)


def every_optimizer(size):
    """One of each, for `size` parameters."""
    mask = np.arange(size) % 2 == 0
    return [
        SGD(0.1),
        SGD(0.1, momentum=0.5, dampening=0.5),
        SGD(0.1, momentum=0.5, nesterov=True),
        SGD(0.1, momentum=0.5, nesterov=True, rate_in_velocity=True),
        Adagrad.pytorch(),
        Adagrad.keras(),
        RMSprop.pytorch(momentum=0.5),
        RMSprop.keras(momentum=0.5, centered=True),
        Adam(0.1),
        AdamW(0.1, mask=mask),
        AMSGrad(0.1),
        NAdam.pytorch(0.1),
        NAdam.keras(0.1),
        Adamax.pytorch(0.1),
        Adamax.keras(0.1),
        Adadelta(0.1),
        Lion(0.1),
        LAMB(0.1, sizes=[1, size - 1]),
        LAMB.keras(0.1),
        CoupledWeightDecay(0.5, SGD(0.1, momentum=0.5), mask=mask),
        DecoupledWeightDecay(0.5, Adagrad(0.1)),
        ClipNorm(0.5, SGD(0.1)),
        ClipEachNorm(0.5, SGD(0.1), sizes=[1, size - 1]),
        ClipValue(0.5, SGD(0.1)),
        TrainOnly(mask, Adam(0.1)),
        Scheduled(StepRate(1.0, 0.5, 1), Adam(0.1)),
    ]


def name(optimizer):
    return type(optimizer).__name__


@pytest.mark.parametrize("copy", [deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
@pytest.mark.parametrize("optimizer", every_optimizer(3), ids=name)
def test_a_copy_goes_on_as_the_original_does(copy, optimizer):
    theta, g = np.ones(3), np.array([1.0, -2.0, 0.5])
    optimizer.step(theta, g)
    copied, copied_theta = copy(optimizer), theta.copy()
    kept = {name: value.copy() for name, value in copied.state.items()}
    optimizer.step(theta, g)
    assert all(np.array_equal(copied.state[name], value) for name, value in kept.items())
    copied.step(copied_theta, g)
    assert copied_theta.tobytes() == theta.tobytes()


@pytest.mark.parametrize("optimizer", every_optimizer(3), ids=name)
def test_fresh_optimizer_with_a_kept_state_goes_on_as_the_original_does(optimizer):
    fresh = deepcopy(optimizer)
    theta, g = np.ones(3), np.array([1.0, -2.0, 0.5])
    assert optimizer.state == {}
    for _ in range(2):
        optimizer.step(theta, g)
    fresh.state, other_theta = deepcopy(optimizer.state), theta.copy()
    for _ in range(2):
        optimizer.step(theta, g)
        fresh.step(other_theta, g)
    assert other_theta.tobytes() == theta.tobytes()


@pytest.mark.parametrize("optimizer", every_optimizer(2), ids=name)
def test_step_leaves_the_gradient_as_it_is(optimizer):
    g = np.array([1.0, -2.0])
    for _ in range(3):
        optimizer.step(np.zeros(2), g)
    assert g.tolist() == [1, -2]


@pytest.mark.parametrize("optimizer", every_optimizer(4), ids=name)
def test_float32_stays_float32(optimizer):
    theta, g = np.ones(4, np.float32), np.array([1, -2, 0.5, 0], np.float32)
    optimizer.step(theta, g)
    optimizer.step(theta, g)
    assert {a.dtype for a in optimizer.state.values() if a.ndim} <= {theta.dtype}
    assert np.isfinite(theta).all()
