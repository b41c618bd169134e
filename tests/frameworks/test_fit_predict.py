"""The contract of fit and predict, kept by each implementation."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from experiments import circle

from .cases import table

LABELS = {2: np.array(["yes", "no"]), 3: np.array(["pear", "fig", "apple"])}  # not sorted


@pytest.fixture(scope="module", params=[2, 3], ids=["two classes", "three classes"])
def trained(request, make):
    """A classifier trained on string labels, with validation data."""
    X, y = table(request.param)
    y = LABELS[request.param][y]
    classifier = make(epochs=30, learning_rate=0.1)
    assert classifier.fit(X, y, validation_data=(X[:10], y[:10])) is classifier
    return classifier, X, y


def test_classes_are_the_sorted_labels(trained):
    classifier, _, y = trained
    assert classifier.classes_.tolist() == sorted(set(y))
    assert classifier.n_features_in_ == 3


def test_predictions_are_labels_and_mostly_right(trained):
    classifier, X, y = trained
    predictions = classifier.predict(X)
    assert predictions.shape == y.shape
    assert set(predictions) == set(y)
    assert classifier.score(X, y) == np.mean(predictions == y) > 0.8  # chance gives 0.5 or less


def test_probabilities_sum_to_one_and_their_largest_is_the_prediction(trained):
    classifier, X, y = trained
    p = classifier.predict_proba(X)
    assert p.shape == (len(X), len(classifier.classes_))
    assert p.min() >= 0
    assert p.sum(axis=1) == pytest.approx(1, abs=1e-6)  # float32 rounds at 6e-8
    assert np.array_equal(classifier.classes_[p.argmax(axis=1)], classifier.predict(X))


def test_history_has_a_record_for_each_epoch(trained):
    history = trained[0].history_
    assert len(history) == 30
    names = {"loss", "accuracy", "val_loss", "val_accuracy", "seconds"}
    assert all(set(record) == names for record in history)
    assert {type(value) for record in history for value in record.values()} == {float}
    assert history[-1]["loss"] < history[0]["loss"]


def test_validation_is_what_evaluate_gives_after_the_epoch(trained):
    classifier, X, y = trained
    last = classifier.history_[-1]
    expected = {"loss": last["val_loss"], "accuracy": last["val_accuracy"]}
    assert classifier.evaluate(X[:10], y[:10]) == expected


def test_accuracy_of_evaluate_is_the_score(trained):
    classifier, X, y = trained
    assert classifier.evaluate(X, y)["accuracy"] == classifier.score(X, y)


def test_predictions_do_not_depend_on_what_else_is_predicted(trained):
    classifier, X, _ = trained
    assert classifier.predict(X[:1]).tolist() == classifier.predict(X)[:1].tolist()
    many = np.tile(X, (240, 1))  # more than are predicted at once
    # 1e-5: float32 rounds outputs near 10 at 1e-6, and another height may add in another order
    assert classifier.outputs(many)[-21:] == pytest.approx(classifier.outputs(X), abs=1e-5)


def test_each_epoch_is_validated_before_the_next_is_trained(make):
    X, y = table()
    validated = make(epochs=4, dtype="float64").fit(X, y, validation_data=(X, y))
    for epochs in (1, 3):
        measured = make(epochs=epochs, dtype="float64").fit(X, y).evaluate(X, y)
        record = validated.history_[epochs - 1]
        assert measured == {"loss": record["val_loss"], "accuracy": record["val_accuracy"]}


def test_first_loss_and_accuracy_are_those_of_the_initial_weights(make):
    X, y = table()
    classifier = make(epochs=1, batch_size=50, dtype="float64").fit(X, y)
    classifier.set_weights(classifier.initial_weights_)
    measured, record = classifier.evaluate(X, y), classifier.history_[0]
    assert record["loss"] == pytest.approx(measured["loss"], rel=1e-14)  # 21 rows, summed
    assert record["accuracy"] == measured["accuracy"]


def test_validation_does_not_change_the_training(make):
    X, y = table()
    without, with_it = make().fit(X, y), make().fit(X, y, validation_data=(X[:5], y[:5]))
    for a, b in zip(without.get_weights(), with_it.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()


def test_weight_zero_removes_a_row(make):
    X, y = table(3)
    other_X, other_y, w = X.copy(), y.copy(), np.ones(21)
    w[::4], other_X[::4], other_y[::4] = 0, -5, 2 - y[::4]
    weights = [make().fit(*data, w).get_weights() for data in ((X, y), (other_X, other_y))]
    for a, b in zip(*weights, strict=True):
        assert a.tobytes() == b.tobytes()


def test_integer_weights_are_repeated_rows_but_for_the_divisor(make, builder):
    # the loss is a mean over the 6 rows given: weights of 12 in all make it twice the mean over
    # the 12 rows repeated, which half the learning rate makes up for
    X, y = table(n=6, d=2)
    w = np.array([1, 3, 2, 1, 4, 1])
    losses, weights = [], []
    for rate, data in ((1.0, (X, y, w)), (2.0, (X.repeat(w, axis=0), y.repeat(w)))):
        build = partial(builder(circle), spec=replace(circle.SPEC, learning_rate=rate))
        parameters = {
            "hidden": (16,),
            "learning_rate": 1e-3,
        }  # the defaults: the builder has its own
        classifier = make(build=build, dtype="float64", batch_size=12, epochs=5, **parameters)
        losses.append([record["loss"] for record in classifier.fit(*data).history_])
        weights.append(np.concatenate([w.ravel() for w in classifier.get_weights()]))
    assert losses[0] == pytest.approx([2 * loss for loss in losses[1]], rel=1e-12)  # roundings
    assert weights[0] == pytest.approx(weights[1], rel=1e-12)  # roundings


def test_iter_fit_yields_the_records_of_the_history(make):
    X, y = table()
    classifier = make()
    records = list(classifier.iter_fit(X, y, classes=[0, 1, 2]))
    assert records == classifier.history_
    assert len(records) == 3
    assert classifier.classes_.tolist() == [0, 1, 2]


def test_fitting_again_forgets_the_first_fit(make):
    X, y = table(3)
    again = make().fit(*table(2)).fit(X, y)
    assert again.classes_.tolist() == [0, 1, 2]
    assert len(again.history_) == 3
    for a, b in zip(again.get_weights(), make().fit(X, y).get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
