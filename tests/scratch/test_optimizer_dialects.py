"""200 steps beside the frameworks' own optimizers, with stock arguments drawn at random.

Every step is compared. The learning rate changes halfway, where the dialects of momentum part.
"""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.neural_network._stochastic_optimizers import AdamOptimizer, SGDOptimizer

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

from .closeness import assert_close

pytestmark = pytest.mark.slow

LIMIT = 1e-12  # the suite's limit for float64; measured: below 1e-14


def single(low, high):
    """Numbers that float32 holds exactly: Keras rounds some to it, even in float64."""
    return st.floats(low, high, width=32)


rates, decays, epsilons = single(2**-10, 0.5), single(2**-10, 0.25), single(2**-30, 0.5)
rhos, momenta = single(0.5, 0.9990234375), st.just(0.0) | single(0.25, 0.96875)
# v − ḡ² may lose most of its digits: with a small ε beside it, no two programs agree to 1e-12
large_epsilons = single(2**-7, 0.5)


def sgd_settings(draw):
    momentum = draw(momenta)
    return {"momentum": momentum, "nesterov": momentum > 0 and draw(st.booleans())}


def torch_sgd(draw, eta):
    own = sgd_settings(draw)
    own["dampening"] = 0.0 if own["nesterov"] else draw(single(0, 0.75))
    wd = draw(decays)
    return (
        CoupledWeightDecay(wd, SGD.pytorch(eta, **own)),
        lambda p: torch.optim.SGD(p, lr=eta, weight_decay=wd, **own),
    )


def torch_adagrad(draw, eta):
    start, epsilon, wd = draw(single(0, 1)), draw(epsilons), draw(decays)
    return (
        CoupledWeightDecay(wd, Adagrad.pytorch(eta, start=start, epsilon=epsilon)),
        lambda p: torch.optim.Adagrad(
            p, lr=eta, weight_decay=wd, initial_accumulator_value=start, eps=epsilon
        ),
    )


def rmsprop_settings(draw, centered):
    epsilon = draw(large_epsilons if centered else epsilons)
    return draw(rhos), {"momentum": draw(momenta), "centered": centered}, epsilon


def torch_rmsprop(draw, eta, centered=False):
    (rho, own, epsilon), wd = rmsprop_settings(draw, centered), draw(decays)
    return (
        CoupledWeightDecay(wd, RMSprop.pytorch(eta, rho=rho, epsilon=epsilon, **own)),
        lambda p: torch.optim.RMSprop(p, lr=eta, alpha=rho, eps=epsilon, weight_decay=wd, **own),
    )


def torch_adam(draw, eta):
    betas, epsilon, wd = (draw(rhos), draw(rhos)), draw(epsilons), draw(decays)
    return (
        CoupledWeightDecay(
            wd, Adam.pytorch(eta, beta_1=betas[0], beta_2=betas[1], epsilon=epsilon)
        ),
        lambda p: torch.optim.Adam(p, lr=eta, betas=betas, eps=epsilon, weight_decay=wd),
    )


def torch_adamw(draw, eta):
    betas, epsilon, wd = (draw(rhos), draw(rhos)), draw(epsilons), draw(decays)
    own = {"beta_1": betas[0], "beta_2": betas[1], "epsilon": epsilon, "weight_decay": wd}
    return (
        AdamW.pytorch(eta, **own),
        lambda p: torch.optim.AdamW(p, lr=eta, betas=betas, eps=epsilon, weight_decay=wd),
    )


def keras_sgd(draw, eta):
    own, wd = sgd_settings(draw), draw(decays)
    ours = DecoupledWeightDecay(wd, SGD.keras(eta, **own))
    return ours, keras.optimizers.SGD(eta, weight_decay=wd, **own)


def keras_adagrad(draw, eta):
    start, epsilon, wd = draw(single(0, 1)), draw(epsilons), draw(decays)
    return (
        DecoupledWeightDecay(wd, Adagrad.keras(eta, start=start, epsilon=epsilon)),
        keras.optimizers.Adagrad(
            eta, weight_decay=wd, initial_accumulator_value=start, epsilon=epsilon
        ),
    )


def keras_rmsprop(draw, eta, centered=False):
    (rho, own, epsilon), wd = rmsprop_settings(draw, centered), draw(decays)
    own.update(rho=rho, epsilon=epsilon)
    ours = DecoupledWeightDecay(wd, RMSprop.keras(eta, **own))
    return ours, keras.optimizers.RMSprop(eta, weight_decay=wd, **own)


def keras_adam(draw, eta):
    own = {"beta_1": draw(rhos), "beta_2": draw(rhos), "epsilon": draw(epsilons)}
    wd = draw(decays)
    ours = DecoupledWeightDecay(wd, Adam.keras(eta, **own))
    return ours, keras.optimizers.Adam(eta, weight_decay=wd, **own)


def keras_adamw(draw, eta):
    own = {"beta_1": draw(rhos), "beta_2": draw(rhos), "epsilon": draw(epsilons)}
    own["weight_decay"] = draw(decays)
    return AdamW.keras(eta, **own), keras.optimizers.AdamW(eta, **own)


def adam_numbers(draw):
    """Betas and ε, under the names of scratch and Keras, and as PyTorch's arguments."""
    own = {"beta_1": draw(rhos), "beta_2": draw(rhos), "epsilon": draw(epsilons)}
    return own, {"betas": (own["beta_1"], own["beta_2"]), "eps": own["epsilon"]}


def torch_amsgrad(draw, eta):
    own, theirs = adam_numbers(draw)
    return AMSGrad.pytorch(eta, **own), lambda p: torch.optim.Adam(p, eta, amsgrad=True, **theirs)


def torch_adamax(draw, eta):
    own, theirs = adam_numbers(draw)
    return Adamax.pytorch(eta, **own), lambda p: torch.optim.Adamax(p, eta, **theirs)


def torch_nadam(draw, eta):
    own, theirs = adam_numbers(draw)
    psi, wd = draw(single(0, 1)), draw(decays)
    return (
        CoupledWeightDecay(wd, NAdam.pytorch(eta, momentum_decay=psi, **own)),
        lambda p: torch.optim.NAdam(p, eta, momentum_decay=psi, weight_decay=wd, **theirs),
    )


def torch_adadelta(draw, eta):
    rho, epsilon = draw(rhos), draw(epsilons)
    return (
        Adadelta.pytorch(eta, rho=rho, epsilon=epsilon),
        lambda p: torch.optim.Adadelta(p, eta, rho=rho, eps=epsilon),
    )


def keras_amsgrad(draw, eta):
    own, _ = adam_numbers(draw)
    return AMSGrad.keras(eta, **own), keras.optimizers.Adam(eta, amsgrad=True, **own)


def keras_adamax(draw, eta):
    own, _ = adam_numbers(draw)
    return Adamax.keras(eta, **own), keras.optimizers.Adamax(eta, **own)


def keras_nadam(draw, eta):
    own, _ = adam_numbers(draw)
    return NAdam.keras(eta, **own), keras.optimizers.Nadam(eta, **own)


def keras_adadelta(draw, eta):
    own = {"rho": draw(rhos), "epsilon": draw(epsilons)}
    return Adadelta.keras(eta, **own), keras.optimizers.Adadelta(eta, **own)


def keras_lion(draw, eta):
    own, wd = {"beta_1": draw(rhos), "beta_2": draw(rhos)}, draw(decays)
    ours = DecoupledWeightDecay(wd, Lion.keras(eta, **own))
    return ours, keras.optimizers.Lion(eta, weight_decay=wd, **own)


def keras_lamb(draw, eta):
    (own, _), wd = adam_numbers(draw), draw(decays)
    ours = DecoupledWeightDecay(wd, LAMB.keras(eta, sizes=SIZES, **own))
    return ours, keras.optimizers.Lamb(eta, weight_decay=wd, **own)


torch_centered = partial(torch_rmsprop, centered=True)
keras_centered = partial(keras_rmsprop, centered=True)


SIZES = [4, 3]  # of two arrays of parameters


def start_and_gradients(seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=sum(SIZES)), rng.normal(size=(2, 100, sum(SIZES)))


def cut(flat):
    return np.split(flat, np.cumsum(SIZES)[:-1])


@pytest.fixture
def float64_by_default():
    """PyTorch's NAdam keeps the product of its momenta in the default type."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


@pytest.mark.parametrize(
    "draw_pair",
    [
        *(torch_sgd, torch_adagrad, torch_rmsprop, torch_centered, torch_adam, torch_adamw),
        *(torch_amsgrad, torch_adamax, torch_nadam, torch_adadelta),
    ],
)
@pytest.mark.usefixtures("float64_by_default")
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), first=rates, second=rates, seed=st.integers(0, 2**32 - 1))
def test_200_steps_equal_those_of_torch(draw_pair, data, first, second, seed):
    ours, make_theirs = draw_pair(data.draw, first)
    theta, gradients = start_and_gradients(seed)
    their_theta = torch.tensor(theta, requires_grad=True)
    theirs = make_theirs([their_theta])
    for eta, half in zip((first, second), gradients, strict=True):
        ours.eta = theirs.param_groups[0]["lr"] = eta
        for g in half:
            ours.step(theta, g)
            their_theta.grad = torch.tensor(g)
            theirs.step()
            assert_close(theta, their_theta.detach(), LIMIT)


@pytest.mark.parametrize(
    "draw_pair",
    [
        *(keras_sgd, keras_adagrad, keras_rmsprop, keras_centered, keras_adam, keras_adamw),
        *(keras_amsgrad, keras_adamax, keras_nadam, keras_adadelta, keras_lion, keras_lamb),
    ],
)
@settings(max_examples=5)  # each is compiled anew
@given(data=st.data(), first=rates, second=rates, seed=st.integers(0, 2**32 - 1))
def test_200_steps_equal_those_of_keras(draw_pair, data, first, second, seed):
    ours, theirs = draw_pair(data.draw, first)
    theta, gradients = start_and_gradients(seed)
    their_theta = [keras.Variable(part, dtype="float64") for part in cut(theta)]
    theirs.build(their_theta)

    @tf.function
    def take_step(*g):
        theirs.apply(g, their_theta)
        return tf.concat([v.value for v in their_theta], 0)

    for eta, half in zip((first, second), gradients, strict=True):
        ours.eta = theirs.learning_rate = eta
        for g in half:
            ours.step(theta, g)
            their_g = [tf.constant(part) for part in cut(g)]
            assert_close(theta, take_step(*their_g).numpy(), LIMIT)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (
            SGD.sklearn(0.5, momentum=0.75, nesterov=False),
            lambda p: SGDOptimizer(p, 0.5, momentum=0.75, nesterov=False),
        ),
        (SGD.sklearn(0.5, momentum=0.75), lambda p: SGDOptimizer(p, 0.5, momentum=0.75)),
        (
            Adam.sklearn(0.5, beta_1=0.75, beta_2=0.875, epsilon=0.125),
            lambda p: AdamOptimizer(p, 0.5, beta_1=0.75, beta_2=0.875, epsilon=0.125),
        ),
    ],
    ids=["SGD", "Nesterov", "Adam"],
)
def test_200_steps_equal_those_of_scikit_learn(ours, theirs):
    theta, gradients = start_and_gradients(0)
    their_theta = theta.copy()
    theirs = theirs([their_theta])
    for eta, half in zip((0.5, 0.0625), gradients, strict=True):
        ours.eta = theirs.learning_rate_init = theirs.learning_rate = eta
        for g in half:
            ours.step(theta, g)
            theirs.update_params([their_theta], [g])
    assert_close(theta, their_theta, LIMIT)
