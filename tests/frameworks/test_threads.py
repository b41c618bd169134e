"""One fitted network predicts in several threads what it predicts in one."""

from threading import Thread

import numpy as np

from frameworks import ScratchRegressor
from frameworks.program import Parts
from frameworks.spec import Spec
from scratch import LSTM, SGD, Dense, Embedding, Identity, MeanSquaredError, Sequential

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
