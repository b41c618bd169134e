"""In several threads, estimators fit and predict what they do in one."""

import os
import random
import subprocess
import sys
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
    (frameworks.ScratchClassifier, dense_scratch, weights_of_numpy),
    (frameworks.ScratchClassifier, dense_scratch, weights_of_python),
    (frameworks.PyTorchClassifier, dense_pytorch, weights_of_numpy),
    (frameworks.PyTorchClassifier, dense_pytorch, weights_of_torch),
    (frameworks.KerasClassifier, dense_keras, weights_of_numpy),
    (frameworks.KerasClassifier, dense_keras, weights_of_python),
]


@pytest.mark.parametrize("at_once", [True, False], ids=["by the builder", "as first weights"])
def test_what_builders_draw_of_the_process_is_that_of_each_alone(at_once):
    parameters = {"epochs": 2, "batch_size": 5, "dtype": "float64", "random_state": 0}
    found = {}

    def fit(number):
        kind, build, draw = TRAINED[number]
        one = partial(drawing, build, draw, number, at_once)
        model = kind(one, **parameters).fit(*data("dense"))
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


FORKED = """
import os
import signal
import threading
from frameworks import ScratchClassifier
from frameworks.global_numbers import ONE_AT_A_TIME

def hold():
    with ONE_AT_A_TIME:
        held.set()
        forked.wait()

held, forked = threading.Event(), threading.Event()
threading.Thread(target=hold).start()
held.wait()
child = os.fork()
if not child:
    signal.alarm(20)  # which ends it where it waits
    ScratchClassifier(epochs=1).fit([[0.0], [1.0]], [0, 1])
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
forked.set()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
def test_forked_process_waits_for_no_thread_that_it_has_not():
    command = [sys.executable, "-W", "ignore", "-c", FORKED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("7\n", "")
