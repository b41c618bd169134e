"""In several threads, estimators fit and predict what they do in one."""

import random
import time
from functools import partial
from threading import Thread

import numpy as np
import pytest
import torch

import frameworks
from frameworks import ScratchRegressor
from frameworks.global_numbers import global_numbers
from frameworks.program import Parts
from frameworks.spec import Spec
from scratch import LSTM, SGD, Dense, Embedding, Identity, MeanSquaredError, Sequential

from .regularized import DENSE, WIDTH, data, dense_keras, dense_pytorch, dense_scratch

ROWS = np.array([[1.0, 2, 0, 0], [1, 2, 3, 4]])
SPEC = Spec(inputs=4, outputs=1)


class Meanwhile(Identity):
    """Where another thread begins to predict, in the middle of a pass."""

    others: list[Thread] = []

    def forward(self, X, training=False):
        if self.others:
            other = self.others.pop()
            other.start()
            other.join(0.1)  # that long the other one may run, if nothing holds it back
        return X


def build(spec=SPEC):
    tokens = Embedding(5, 2, padding=0)
    layers = (tokens, Meanwhile(), LSTM(2, 3, mask=tokens.mask), Dense(3, spec.outputs))
    network = Sequential(*layers).initialize(np.random.default_rng(0))
    own = [w.copy() for w in network.weights]
    return Parts(network, MeanSquaredError(), SGD(0.125), lambda *_: own)


def test_a_mask_is_that_of_the_rows_of_its_own_thread():
    network = ScratchRegressor(build, epochs=1).fit(ROWS, ROWS[:, 0])
    alone = network.predict(ROWS)
    other = Thread(target=network.predict, args=[ROWS[::-1]])
    Meanwhile.others.append(other)
    together = network.predict(ROWS)
    other.join()
    np.testing.assert_array_equal(together, alone)
    assert not np.array_equal(alone, network.predict(ROWS[::-1]))


def weights_of_numpy(seed):
    np.random.seed(seed)  # noqa: NPY002 - as builders do
    time.sleep(0.02)  # in which the others would seed and draw
    return np.random.normal(size=(5, 3))  # noqa: NPY002 - likewise


def weights_of_python(seed):
    random.seed(seed)
    time.sleep(0.02)
    return np.array([random.random() for _ in range(15)]).reshape(5, 3)


def weights_of_torch(seed):
    torch.manual_seed(seed)
    time.sleep(0.02)
    return torch.randn((5, 3), dtype=torch.float64).numpy()


def drawing(build, draw, seed, at_once, spec=DENSE):
    """Return a builder's network, with first weights that are drawn at once or when asked for."""
    parts = build(spec, rate=None)
    _, *others = parts.initial_weights(spec, np.random.default_rng(0))
    kernel = np.resize(draw(seed), (5, WIDTH)) if at_once else None

    def initial_weights(*_):
        return [np.resize(draw(seed), (5, WIDTH)) if kernel is None else kernel, *others]

    return parts._replace(initial_weights=initial_weights)


TRAINED = [
    ("ScratchClassifier", dense_scratch, weights_of_numpy),
    ("ScratchClassifier", dense_scratch, weights_of_python),
    ("PyTorchClassifier", dense_pytorch, weights_of_numpy),
    ("PyTorchClassifier", dense_pytorch, weights_of_torch),
    ("KerasClassifier", dense_keras, weights_of_numpy),
    ("KerasClassifier", dense_keras, weights_of_python),
]


@pytest.mark.parametrize("at_once", [True, False], ids=["by the builder", "as first weights"])
def test_what_builders_draw_of_the_process_is_that_of_each_alone(at_once):
    parameters = {"epochs": 2, "batch_size": 5, "dtype": "float64", "random_state": 0}
    found = {}

    def fit(number):
        name, build, draw = TRAINED[number]
        one = partial(drawing, build, draw, number, at_once)
        model = getattr(frameworks, name)(one, **parameters).fit(*data("dense"))
        found.setdefault(number, []).append(model.get_weights()[0].tolist())

    before = global_numbers(), torch.get_rng_state().tolist()
    for number in range(len(TRAINED)):
        fit(number)
    assert (global_numbers(), torch.get_rng_state().tolist()) == before
    threads = [Thread(target=fit, args=[number]) for number in range(len(TRAINED))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(together == alone for alone, together in found.values())
