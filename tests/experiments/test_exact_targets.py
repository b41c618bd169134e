"""The pages without classes: what the training reaches, against figures from outside this code."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_squared_error, r2_score, root_mean_squared_error

from experiments import diabetes, digits_autoencoder
from scratch import Batch, train_step


def train(page, seed):
    """Train a page's full-batch scratch network; return its outputs (m, k) on the test rows."""
    data, spec = page.load(), page.SPEC
    network, loss, optimizer, initial_weights, *_ = page.build_scratch(spec)
    network.set_weights(initial_weights(spec, np.random.default_rng(seed)))
    batch = Batch(data.X_train, data.y_train.reshape(len(data.X_train), -1))
    assert len(batch.X) <= spec.batch_size
    for _ in range(spec.epochs):
        train_step(network, loss, optimizer, batch)
    return network.forward(data.X_test)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_autoencoder_ends_at_the_principal_components(seed):
    data = digits_autoencoder.load()
    error = mean_squared_error(data.y_test, train(digits_autoencoder, seed))
    low, high = digits_autoencoder.EXPERIMENT.band["real"]
    assert low <= error <= high


def test_pca_error_is_that_of_scikit_learn():
    X = digits_autoencoder.load().X_train
    pca = PCA(n_components=8, svd_solver="full").fit(X)
    error = mean_squared_error(X, pca.inverse_transform(pca.transform(X)))
    # Rounding of a 1797 x 64 decomposition; measured: 3e-16.
    assert error == pytest.approx(digits_autoencoder.PCA_ERROR, rel=1e-13)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_diabetes_ends_in_its_band(seed):
    data, (low, high) = diabetes.load(), diabetes.EXPERIMENT.band["real"]
    points = data.targets.restore(train(diabetes, seed)[:, 0])
    assert low <= root_mean_squared_error(data.targets.restore(data.y_test), points) <= high


def test_linear_least_squares_on_the_same_rows_is_what_the_page_says():
    data = diabetes.load()
    outputs = LinearRegression().fit(data.X_train, data.y_train).predict(data.X_test)
    error = mean_squared_error(data.y_test, outputs)
    assert round(r2_score(data.y_test, outputs), 3) == 0.332
    assert (round(error, 3), round(data.targets.scale * error**0.5, 1)) == (0.559, 58.5)
