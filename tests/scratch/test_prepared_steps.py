"""A prepared step is the optimizer's own, bit for bit."""

import numpy as np
import pytest

from scratch import SGD, Adagrad, Adam, Batch, Dense, MeanSquaredError, Sequential, Tanh, train
from scratch.optimizers.prepared import prepare_step

OPTIMIZERS = {
    "SGD": lambda: SGD(0.3),
    "SGD with momentum": lambda: SGD(0.3, momentum=0.7),
    "Adam": lambda: Adam(0.3, beta_1=0.7, beta_2=0.95, epsilon=0.01),
    "Adam with epsilon hat": lambda: Adam(0.3, epsilon=0.01, epsilon_hat=True),
    "Adagrad": lambda: Adagrad(0.3),
}
by_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


@by_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prepared_steps_are_those_of_the_optimizer(make, dtype):
    plain, prepared = make(), make()
    draw = np.random.default_rng(0).normal
    theta = draw(size=17).astype(dtype)
    same, g = theta.copy(), np.empty_like(theta)
    step = prepare_step(prepared, same, g)
    for k in range(20):
        g[:] = draw(size=17)
        plain.eta = prepared.eta = 0.3 / (k + 1)
        plain.step(theta, g)
        kept = g.copy()
        step()
        assert g.tobytes() == kept.tobytes()
    assert same.tobytes() == theta.tobytes()
    for name, a in plain.state.items():
        assert prepared.state[name].tobytes() == a.tobytes()


def test_a_subclass_takes_its_own_step():
    class Still(SGD):
        def step(self, theta, g):
            pass

    theta = np.ones(3)
    prepare_step(Still(0.5), theta, np.ones(3))()
    assert theta.tolist() == [1, 1, 1]


@by_optimizer
def test_a_state_put_back_between_epochs_counts(make):
    rng = np.random.default_rng(0)
    data = Batch(rng.normal(size=(6, 2)), rng.normal(size=(6, 1)))

    def train_five(forget):
        network = Sequential(Dense(2, 3), Tanh(), Dense(3, 1)).initialize(np.random.default_rng(1))
        optimizer = make()
        for k, _ in enumerate(train(network, MeanSquaredError(), optimizer, data, [None] * 5, 6)):
            if forget and k == 3:
                optimizer.state = {}
        return network.theta

    same = np.array_equal(train_five(forget=False), train_five(forget=True))
    assert same == (make is OPTIMIZERS["SGD"])  # which keeps nothing


def test_a_training_of_no_epoch_leaves_the_optimizer_as_new():
    network, adam = Sequential(Dense(2, 1)), Adam()
    data = Batch(np.ones((4, 2)), np.ones((4, 1)))
    assert list(train(network, MeanSquaredError(), adam, data, [], 4)) == []
    assert adam.state == {}
