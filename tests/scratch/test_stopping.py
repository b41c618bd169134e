"""Early stopping: the epoch and the parameters of each framework's own rule."""

import math
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier

from scratch import KerasEarlyStopping, SklearnEarlyStopping


def stopping_epoch(stopping, values):
    """Return the epoch at which it stops, and the θ it restores; θ is the epoch."""
    theta = np.zeros(1)
    for epoch, value in enumerate(values):
        theta[:] = epoch
        if stopping.stop(value, theta):
            break
    stopping.restore(theta)
    return epoch, theta.item()


def stopping_epoch_of_keras(callback, values):
    """Do the same with the callback and a model that has one weight, the epoch."""
    model = SimpleNamespace(weight=0, stop_training=False)
    model.get_weights, model.set_weights = lambda: model.weight, setter(model)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, value in enumerate(values):
        model.weight = epoch
        callback.on_epoch_end(epoch, {"val_loss": value})
        if model.stop_training:
            break
    callback.on_train_end()
    return epoch, model.weight


def setter(model):
    def set_weights(weight):
        model.weight = weight

    return set_weights


# few values, so that some are equal or exactly min_delta apart
values = st.lists(
    st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, 1.5, math.nan, math.inf]), min_size=1, max_size=12
)


@given(
    values=values, patience=st.integers(0, 4), min_delta=st.sampled_from([0.0, 0.25, 0.375, 1.0])
)
def test_epoch_and_parameters_are_those_of_the_keras_callback(values, patience, min_delta):
    callback = keras.callbacks.EarlyStopping(
        "val_loss", min_delta, patience, mode="min", restore_best_weights=True
    )
    ours = stopping_epoch(KerasEarlyStopping(patience, min_delta), values)
    assert ours == stopping_epoch_of_keras(callback, values)


@pytest.mark.parametrize("tol", [0.0, 1e-3, 0.02])
@pytest.mark.parametrize("patience", [1, 4])
@pytest.mark.parametrize("rate", [0.003, 0.1])
def test_epoch_is_that_of_scikit_learn(tol, patience, rate):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(40, 3)), rng.integers(2, size=40)
    theirs = MLPClassifier(
        (8,), tol=tol, n_iter_no_change=patience, learning_rate_init=rate, max_iter=3000
    )
    theirs.set_params(batch_size=20, random_state=0).fit(X, y)
    assert theirs.n_iter_ < 3000  # it stopped by itself
    epoch, _ = stopping_epoch(SklearnEarlyStopping(patience, tol), theirs.loss_curve_)
    assert epoch + 1 == theirs.n_iter_ == len(theirs.loss_curve_)


def test_parameters_are_those_that_scikit_learn_goes_back_to():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), rng.integers(2, size=60)
    theirs = MLPClassifier(
        (4,), early_stopping=True, n_iter_no_change=3, tol=0.05, random_state=0, max_iter=500
    ).fit(X, y)
    scores = theirs.validation_scores_
    epoch, best = stopping_epoch(SklearnEarlyStopping(3, 0.05), [-score for score in scores])
    assert epoch + 1 == theirs.n_iter_ < 500
    assert scores[int(best)] == theirs.best_validation_score_


def test_keras_rule_by_hand():
    # 1.5 is not better than 2 by more than 0.5; 1.25 is; then two epochs without
    values = [2, 1.5, 1.25, 1, 0.75, 0]
    assert stopping_epoch(KerasEarlyStopping(2, 0.5), values) == (4, 2)


def test_scikit_learn_rule_by_hand():
    # 1.5 is better than 2 by 0.5, 1.25 is not better than 1.5 by that, nor 1 than 1.25 (now the
    # best), nor 0.75 than 1: three in a row are more than 2
    values = [2, 1.5, 1.25, 1, 0.75, 0]
    assert stopping_epoch(SklearnEarlyStopping(2, 0.5), values) == (4, 4)


def test_defaults_are_those_of_the_frameworks():
    ours, theirs = KerasEarlyStopping(), keras.callbacks.EarlyStopping()
    assert (ours.patience, ours.least) == (theirs.patience, theirs.min_delta)
    ours, theirs = SklearnEarlyStopping(), MLPClassifier()
    assert (ours.patience, ours.least) == (theirs.n_iter_no_change, theirs.tol)


def test_a_worse_epoch_is_not_the_best_to_be_compared_with():
    # each of 3, 2 and 1.5 is worse than 1, though the later two are better than the one before
    assert stopping_epoch(SklearnEarlyStopping(2, 0.25), [1, 3, 2, 1.5, 0]) == (3, 0)


@pytest.mark.parametrize("stopping", [KerasEarlyStopping(1), SklearnEarlyStopping(1)])
def test_of_equal_epochs_the_first_is_the_best(stopping):
    assert stopping_epoch(stopping, [1, 1, 1])[1] == 0


def test_best_parameters_are_a_copy():
    stopping, theta = KerasEarlyStopping(1), np.array([1.0])
    stopping.stop(1.0, theta)
    theta[:] = 7
    stopping.restore(theta)
    assert theta.tolist() == [1]


def test_restore_before_the_first_epoch_changes_nothing():
    theta = np.ones(2)
    SklearnEarlyStopping().restore(theta)
    assert theta.tolist() == [1, 1]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: KerasEarlyStopping(-1), "patience must be at least 0, got -1"),
        (lambda: KerasEarlyStopping(1, -0.5), r"min_delta must be at least 0, got -0\.5"),
        (lambda: SklearnEarlyStopping(-1), "patience must be at least 0, got -1"),
        (lambda: SklearnEarlyStopping(1, math.nan), "tol must be at least 0, got nan"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()
