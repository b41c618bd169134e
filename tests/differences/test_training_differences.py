"""Differences of the training loop."""

import inspect

import keras
import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor
from torch.utils.data import DataLoader


class Recorder(keras.layers.Layer):
    """Passes on, and keeps what it has seen."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        self.seen.append(np.asarray(x).ravel().tolist())
        return x


def model_of(*layers, **own):
    model = keras.Sequential([keras.Input((1,)), *layers])
    model.compile(keras.optimizers.SGD(0.125), "mse", run_eagerly=True, **own)
    return model


def test_batch_size():
    assert inspect.signature(DataLoader.__init__).parameters["batch_size"].default == 1
    recorder = Recorder()
    model = model_of(recorder)
    recorder.seen.clear()
    model.predict(np.ones((40, 1)), verbose=0)
    assert [len(batch) for batch in recorder.seen] == [32, 8]
    assert MLPClassifier().batch_size == "auto"  # min(200, n)


def test_last_batch():
    """It is kept, as small as it is."""
    loader = DataLoader(torch.zeros(5, 1), batch_size=2)
    assert [len(batch) for batch in loader] == [2, 2, 1]
    recorder = Recorder()
    model = model_of(recorder)
    recorder.seen.clear()
    model.predict(np.ones((5, 1)), batch_size=2, verbose=0)
    assert [len(batch) for batch in recorder.seen] == [2, 2, 1]


def orders(seed):
    """The order of the rows in three epochs of a `fit` that shuffles."""
    if seed is not None:
        keras.utils.set_random_seed(seed)
    recorder = Recorder()
    model = model_of(recorder, keras.layers.Dense(1))
    recorder.seen.clear()
    rows = np.arange(32.0)[:, None]
    model.fit(rows, rows, batch_size=32, epochs=3, shuffle=True, verbose=0)
    return recorder.seen


def test_shuffling_with_a_seed():
    """With a seed, `fit` repeats one order in every epoch. A DataLoader draws one for each."""
    first, second, third = orders(seed=7)
    assert first == second == third != sorted(first)
    generator = torch.Generator().manual_seed(7)
    loader = DataLoader(torch.arange(32), 32, shuffle=True, generator=generator)
    (first,), (second,) = list(loader), list(loader)
    assert first.tolist() != second.tolist()


def test_validation_split():
    """The last rows, cut before anything is shuffled."""
    recorder = Recorder()
    model = model_of(recorder, keras.layers.Dense(1))
    recorder.seen.clear()
    rows = np.arange(8.0)[:, None]
    model.fit(rows, rows, batch_size=8, validation_split=0.25, verbose=0)
    assert sorted(recorder.seen[0]) == [0, 1, 2, 3, 4, 5]
    assert recorder.seen[-1] == [6, 7]


def test_loss_of_an_epoch():
    """In Keras the mean of the batches' losses, each before its step."""
    model = model_of(keras.layers.Dense(1, use_bias=False))
    model.set_weights([np.ones((1, 1))])
    X, y = np.ones((2, 1)), np.zeros((2, 1))
    history = model.fit(X, y, batch_size=1, shuffle=False, verbose=0).history["loss"]
    # w = 1: loss 1, gradient 2, w = 3/4: loss 9/16
    assert history == [(1 + 9 / 16) / 2]
    assert float(model.evaluate(X, y, verbose=0)) == (9 / 16) ** 2


def unmoved(**own):
    """A linear model of scikit-learn whose steps are too small to be seen."""
    own = {"learning_rate_init": 1e-12, "alpha": 0, "random_state": 0} | own
    return MLPRegressor(hidden_layer_sizes=(1,), activation="identity", **own)


def test_sample_weights():
    """Keras divides by the rows, scikit-learn by the sum of the weights."""
    model = model_of(keras.layers.Dense(1, use_bias=False))
    model.set_weights([np.ones((1, 1))])
    X, y, w = np.ones((2, 1)), np.array([[0.0], [4.0]]), np.array([1.0, 3.0])
    assert float(model.test_on_batch(X, y, sample_weight=w)) == (1 * 1 + 3 * 9) / 2
    network = unmoved(max_iter=1)
    with pytest.warns(ConvergenceWarning):
        network.fit(X, y.ravel(), sample_weight=w)
    out = network.predict(X[:1]).item()
    expected = (1 * out**2 + 3 * (out - 4) ** 2) / (1 + 3) / 2  # half the squared error
    assert network.loss_ == pytest.approx(expected, rel=1e-9)  # of the step of 1e-12


def test_squared_error_of_sklearn():
    """Half of what Keras and PyTorch call the mean squared error."""
    X, y, network = np.ones((2, 1)), np.array([0.0, 4.0]), unmoved(max_iter=1)
    with pytest.warns(ConvergenceWarning):
        network.fit(X, y)
    expected = ((network.predict(X) - y) ** 2).mean() / 2
    assert network.loss_ == pytest.approx(expected, rel=1e-9)  # of the step of 1e-12


def test_early_stopping():
    """Keras stops when `patience` epochs were no better, scikit-learn when one more was not."""
    stop = keras.callbacks.EarlyStopping("loss", patience=2)
    model, epochs = model_of(keras.layers.Dense(1)), 0
    stop.set_model(model)
    stop.on_train_begin()
    while not model.stop_training:
        stop.on_epoch_end(epochs, {"loss": 1.0})
        epochs += 1
    assert epochs == 1 + 2  # the first, and two that are no better
    network = unmoved(n_iter_no_change=2).fit(np.ones((4, 1)), np.zeros(4))
    assert network.n_iter_ == 1 + 3
