"""Evaluating changes nothing that a later `backward`, of a network or of a loss, reads."""

import numpy as np
import pytest

from scratch import (
    LSTM,
    Batch,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Layer,
    MeanSquaredError,
    SequenceLoss,
    Sequential,
    SimpleRNN,
    Step,
    Tanh,
    WeightedMean,
    evaluate,
)

from .graph_layers import LAYERS

CASES = {
    f"{kind.__name__} {name}".strip(): case
    for kind, cases in LAYERS.items()
    for name, case in cases.items()
    if kind is not Step  # which has no derivative
}


class Block(Layer):
    """A layer of one's own, which is made of others."""

    def __init__(self):
        self.inner = [Dense(3, 3), Tanh(), Dropout(0.5, np.random.default_rng(0))]
        super().__init__(self.inner[0].params)

    def attach(self, params, grads):
        super().attach(params, grads)
        self.inner[0].attach(params, grads)

    def forward(self, X, training=False):
        for layer in self.inner:
            X = layer.forward(X, training)
        return X

    def backward(self, da):
        for layer in reversed(self.inner):
            da = layer.backward(da)
        return da


def ready(network):
    rng = np.random.default_rng(0)
    for p in network.params:
        p[...] = rng.normal(size=p.shape)
    return network


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_prediction_between_forward_and_backward_changes_no_gradient(case):
    def gradients(between):
        network, rng = ready(Sequential(case.make())), np.random.default_rng(1)
        a = network.forward(case.draw(rng, case.shape), training=case.training)
        if between:
            network.predict(case.draw(np.random.default_rng(2), case.shape))
        dX = network.backward(rng.normal(size=a.shape))
        return [array.tobytes() for array in (dX, network.grad, *network.state.values())]

    assert gradients(between=True) == gradients(between=False)


def test_prediction_changes_nothing_in_the_layers_of_a_layer():
    def gradient(between):
        network, X = ready(Sequential(Block(), Dense(3, 1))), np.ones((4, 3))
        a = network.forward(X, training=True)
        if between:
            network.predict(2 * X)
        network.backward(np.ones_like(a))
        return network.grad.tolist()

    assert gradient(between=True) == gradient(between=False)


def test_layer_of_layers_that_stands_in_two_places_reads_each_for_itself():
    def gradient(*layers):
        network = ready(Sequential(*layers))
        network.backward(network.forward(np.ones((4, 3))))
        return network.grad.tolist()

    block, (dense, tanh, _) = Block(), Block().inner
    assert gradient(block, block) == gradient(dense, tanh, dense, Tanh())


def sequences():
    """Return a network of sequences and its mask."""
    embedding, reading = Embedding(5, 3, padding=0), {"return_sequences": True}
    lstm = LSTM(3, 2, mask=embedding.mask, **reading)
    both = Bidirectional(SimpleRNN(2, 2, **reading), SimpleRNN(2, 2, reverse=True, **reading))
    return ready(Sequential(embedding, lstm, both)), embedding.mask


SHORT, LONG = np.array([[1, 2, 0], [3, 0, 0]]), np.array([[1, 2, 3], [4, 4, 4]])


@pytest.mark.parametrize("act", ["predict", "evaluate"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("when", ["before the loss", "after the loss"])
def test_loss_of_real_steps_is_that_of_the_rows_of_its_own_pass(act, weighted, when):
    def taken(between):
        network, mask = sequences()
        loss = SequenceLoss(MeanSquaredError(), mask=mask)
        loss = WeightedMean(loss) if weighted else loss
        y, w = np.ones((2, 3, 4)), np.array([1.0, 3.0]) if weighted else None

        def look(now):
            if between and now == when:
                if act == "predict":
                    network.predict(LONG)
                else:
                    evaluate(network, loss, Batch(LONG, 5 * y, w), count=False)

        a = network.forward(SHORT, training=True)
        look("before the loss")
        value = loss.forward(a, y, w)
        look("after the loss")
        network.backward(loss.backward())
        return value, network.grad.tolist()

    assert taken(between=True) == taken(between=False)


def test_loss_of_real_steps_is_evaluated_on_as_many_rows_as_there_are():
    network, mask = sequences()
    loss, y = SequenceLoss(MeanSquaredError(), mask=mask), np.ones((1, 3, 4))
    few, many = (Batch(np.tile(SHORT, (k, 1)), np.tile(y, (2 * k, 1, 1))) for k in (1, 300))
    expected = evaluate(network, loss, few, count=False).loss
    # 1e-12: 600 rows are added in another order than two
    assert evaluate(network, loss, many, count=False).loss == pytest.approx(expected, rel=1e-12)
