"""Regressors: the contract of fit and predict for numbers, and lockstep with any targets."""

import numpy as np
import pytest

import frameworks
from frameworks import Parts, ScratchClassifier, Spec, WeightFileError
from scratch import glorot_uniform, zeros

NAMES = ["ScratchRegressor", "KerasRegressor", "PyTorchRegressor"]
EXACT = {"hidden": (4,), "epochs": 6, "batch_size": 8, "dtype": "float64", "random_state": 3}
RNG = np.random.default_rng(7)
X = RNG.normal(size=(21, 3))  # the last batch is not full
Y = np.column_stack([X @ [1.0, -2.0, 0.5], np.sin(X[:, 0])])
LIMIT = 1e-12  # the design's limit in float64; some 1e-15 is measured


@pytest.fixture(params=NAMES)
def regressor(request):
    return getattr(frameworks, request.param)


def relative(a, b):
    return np.abs(np.subtract(a, b)).max() / np.abs(b).max()


@pytest.mark.parametrize("y", [Y[:, 0], Y[:, :1], Y], ids=["(n,)", "(n, 1)", "(n, 2)"])
def test_predictions_have_the_shape_of_the_targets(regressor, y):
    fitted = regressor(**EXACT).fit(X, y)
    assert fitted.predict(X).shape == y.shape
    assert fitted.outputs(X).shape == (21, y.shape[1] if y.ndim > 1 else 1)


@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["one target", "two targets"])
def test_implementations_train_the_same_network(y):
    fitted = [getattr(frameworks, name)(**EXACT).fit(X, y) for name in NAMES]
    first, *others = fitted
    for other in others:
        losses = [[epoch["loss"] for epoch in each.history_] for each in (first, other)]
        assert relative(*losses) <= LIMIT
        assert relative(first.predict(X), other.predict(X)) <= LIMIT
        pairs = zip(first.get_weights(), other.get_weights(), strict=True)
        assert max(relative(a, b) for a, b in pairs) <= LIMIT


def test_evaluate_gives_loss_rmse_mse_and_r2(regressor):
    fitted = regressor(**EXACT).fit(X, Y)
    error = fitted.predict(X) - Y
    mse = np.mean(error**2)
    figures = fitted.evaluate(X, Y)
    assert figures.keys() == {"loss", "rmse", "mse", "r2"}
    assert figures["mse"] == pytest.approx(mse, rel=1e-14)  # the order of one sum
    assert figures["rmse"] == pytest.approx(mse**0.5, rel=1e-14)  # as above
    assert figures["loss"] == pytest.approx(mse, rel=1e-14)  # the loss is the same mean
    variance = np.mean((Y - Y.mean(axis=0)) ** 2)
    assert figures["r2"] == pytest.approx(1 - mse / variance, rel=1e-12)  # a difference near 1


def test_targets_beyond_float32_are_refused(regressor):
    with pytest.raises(ValueError, match=r"^y: expected numbers within float32, got 1e\+300$"):
        regressor(epochs=1).fit(X, Y[:, 0] / np.abs(Y[:, 0]).max() * 1e300)


@pytest.mark.parametrize("as_given", [np.asarray, np.ndarray.tolist], ids=["array", "list"])
def test_targets_of_more_dimensions_need_a_builder(regressor, as_given):
    y = as_given(np.zeros((21, 2, 2)))
    with pytest.raises(ValueError, match=r"^y: expected one or two dimensions, got 3; only a buil"):
        regressor(**EXACT).fit(X, y)


def test_history_has_no_accuracy(regressor):
    fitted = regressor(**EXACT).fit(X, Y, validation_data=(X[:5], Y[:5]))
    names = {"loss", "val_loss", "val_rmse", "val_mse", "val_r2", "seconds"}
    assert all(set(record) == names for record in fitted.history_)


def test_partial_fit_goes_on_from_the_targets_of_the_first_call(regressor):
    fitted = regressor(**EXACT)
    for _ in range(2):
        fitted.partial_fit(X, Y)
    assert len(fitted.history_) == 2
    with pytest.raises(ValueError, match=r"^y: expected rows of shape \(2,\), got \(\)$"):
        fitted.partial_fit(X, Y[:, 0])


def test_r2_of_targets_that_do_not_vary_is_no_number():
    fitted = frameworks.ScratchRegressor(**EXACT).fit(X, Y[:, 0])
    assert np.isnan(fitted.evaluate(X, np.ones(21))["r2"])


@pytest.mark.parametrize("y", [Y[:, 0], Y], ids=["(n,)", "(n, 2)"])
def test_weights_travel_between_implementations_in_a_file(tmp_path, y):
    trained = frameworks.ScratchRegressor(**EXACT).fit(X, y)
    trained.save_weights(tmp_path / "weights")
    for name in NAMES:
        loaded = getattr(frameworks, name)(**EXACT).load_weights(tmp_path / "weights")
        assert loaded.predict(X).shape == y.shape
        assert relative(loaded.predict(X), trained.predict(X)) <= LIMIT


def test_a_file_of_a_regressor_is_refused_by_a_classifier_and_the_other_way_round(tmp_path):
    labels = (Y[:, 0] > 0).astype(int)
    path = tmp_path / "weights"
    for saved, other, y in (
        (frameworks.ScratchRegressor, ScratchClassifier, Y[:, 0]),
        (ScratchClassifier, frameworks.ScratchRegressor, labels),
    ):
        saved(**EXACT).fit(X, y).save_weights(path)
        loader = other(**EXACT)
        before = dict(vars(loader))
        with pytest.raises(WeightFileError, match="holds a (regressor|classifier)"):
            loader.load_weights(path)
        assert vars(loader) == before


# An autoencoder of images (4, 4, 1): targets of several dimensions.
IMAGES = RNG.uniform(size=(13, 4, 4, 1))
AUTOENCODER = Spec(inputs=(4, 4, 1), outputs=(4, 4, 1))


def autoencoder_weights(spec, rng):
    first, second = (3, 3, 1, 2), (2 * 2 * 2, 16)
    return [glorot_uniform(rng, first), zeros(2), glorot_uniform(rng, second), zeros(16)]


def autoencoder_scratch(spec=AUTOENCODER):
    import scratch as s

    layers = s.Conv2D(1, 2, kernel=3), s.Tanh(), s.Flatten(), s.Dense(8, 16), s.Reshape(4, 4, 1)
    optimizer = s.SGD(0.25)
    return Parts(s.Sequential(*layers), s.MeanSquaredError(), optimizer, autoencoder_weights)


def autoencoder_keras(spec=AUTOENCODER):
    import keras
    from keras import layers

    network = keras.Sequential(
        [
            layers.Input((4, 4, 1)),
            layers.Conv2D(2, kernel_size=3),
            layers.Activation("tanh"),
            layers.Flatten(),
            layers.Dense(16),
            layers.Reshape((4, 4, 1)),
        ]
    )
    loss, optimizer = keras.losses.MeanSquaredError(), keras.optimizers.SGD(0.25)
    return Parts(network, loss, optimizer, autoencoder_weights)


def autoencoder_pytorch(spec=AUTOENCODER):
    import torch
    from torch import nn

    class Permute(nn.Module):
        def __init__(self, *dims):
            super().__init__()
            self.dims = dims

        def forward(self, x):
            return x.permute(0, *self.dims)

    network = nn.Sequential(
        Permute(3, 1, 2),
        nn.Conv2d(1, 2, kernel_size=3),
        nn.Tanh(),
        Permute(2, 3, 1),
        nn.Flatten(),
        nn.Linear(8, 16),
        nn.Unflatten(1, (4, 4, 1)),
    )
    optimizer = torch.optim.SGD(network.parameters(), lr=0.25)
    return Parts(network, nn.MSELoss(), optimizer, autoencoder_weights)


AUTOENCODERS = dict(
    zip(NAMES, (autoencoder_scratch, autoencoder_keras, autoencoder_pytorch), strict=True)
)
ON_IMAGES = {"epochs": 5, "batch_size": 4, "dtype": "float64", "random_state": 0}


def test_images_are_reconstructed_alike_in_every_implementation(tmp_path):
    fitted = [
        getattr(frameworks, name)(build, **ON_IMAGES).fit(IMAGES, IMAGES)
        for name, build in AUTOENCODERS.items()
    ]
    for other in fitted[1:]:
        assert fitted[0].predict(IMAGES).shape == IMAGES.shape
        assert relative(fitted[0].predict(IMAGES), other.predict(IMAGES)) <= LIMIT
        assert fitted[0].history_[-1]["loss"] == pytest.approx(
            other.history_[-1]["loss"], rel=LIMIT
        )
    fitted[0].save_weights(tmp_path / "weights")
    loaded = frameworks.PyTorchRegressor(autoencoder_pytorch, **ON_IMAGES)
    loaded.load_weights(tmp_path / "weights")
    assert relative(loaded.predict(IMAGES), fitted[0].predict(IMAGES)) <= LIMIT


def test_the_score_of_images_is_the_mean_over_their_pixels():
    fitted = frameworks.ScratchRegressor(autoencoder_scratch, **ON_IMAGES).fit(IMAGES, IMAGES)
    error = np.mean((fitted.predict(IMAGES) - IMAGES) ** 2, axis=0)
    expected = np.mean(1 - error / IMAGES.var(axis=0))
    assert fitted.score(IMAGES, IMAGES) == pytest.approx(expected, rel=1e-12)  # order of sums
    assert fitted.score(IMAGES, IMAGES.tolist()) == fitted.score(IMAGES, IMAGES)


@pytest.mark.parametrize("wrong", [IMAGES[:, :3], IMAGES.reshape(13, 16)], ids=["smaller", "flat"])
def test_rows_of_another_shape_are_refused(wrong):
    fitted = frameworks.ScratchRegressor(autoencoder_scratch, **ON_IMAGES).fit(IMAGES, IMAGES)
    with pytest.raises(ValueError, match=r"X|expecting 4 features"):
        fitted.predict(wrong)


def test_images_need_a_builder(regressor):
    with pytest.raises(ValueError, match="^X: expected two dimensions, got 4; only a builder's"):
        regressor(**EXACT).fit(IMAGES, IMAGES)
