"""A fit that fails, however late, leaves the classifier as it was; validation data are checked."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import frameworks
from frameworks import KerasClassifier, training
from scratch.compiler import CompiledEpochs

from .cases import SMALL, table

X, Y = table()
BAD_VALIDATION = {
    "columns": ((X[:, :2], Y), ValueError, "^validation_data: X has 2 features, but .* 3 features"),
    "labels": (
        (X, Y + 5),
        ValueError,
        r"^validation_data: y holds labels that are not .*: \[5, 6\]",
    ),
    "rows": ((X, Y[:-1]), ValueError, r"^validation_data: .*numbers of samples: \[21, 20\]"),
    "numbers": ((X * np.nan, Y), ValueError, "^validation_data: Input X contains NaN"),
    "none": ((X[:0], Y[:0]), ValueError, r"^validation_data: Found array with 0 sample\(s\)"),
    "no pair": (X, TypeError, r"^validation_data must be a pair \(X, y\) or None, got ndarray"),
    "three": ((X, Y, Y), TypeError, r"^validation_data must be a pair \(X, y\) or None, got tuple"),
}


def state(classifier):
    """Return all that a fit sets."""
    fitted = [classifier.classes_.tolist(), classifier.n_features_in_, classifier.orders_sha256_]
    weights = [*classifier.initial_weights_, *classifier.get_weights()]
    losses = [record["loss"] for record in classifier.history_]
    return [*fitted, losses, *(w.tobytes() for w in weights)]


@pytest.mark.parametrize("what", BAD_VALIDATION)
def test_validation_data_that_cannot_be_measured_are_refused_before_the_first_epoch(make, what):
    data, error, message = BAD_VALIDATION[what]
    classifier = make()
    with pytest.raises(error, match=message):
        next(classifier.iter_fit(X, Y, validation_data=data))
    assert not hasattr(classifier, "classes_")
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def fit_another(classifier, **options):
    """Fit other columns and other classes."""
    return classifier.fit(*table(3, d=4), **options)


def fail_in_the_second_epoch(classifier):
    X_other, y_other = table(3, d=4)
    epochs = classifier.iter_fit(X_other, y_other, validation_data=(X_other, y_other))
    next(epochs)

    def raise_it(*_):
        raise ValueError("no room")

    classifier._adapter.loss = raise_it
    list(epochs)


FAILURES = {
    "one class": lambda c: c.fit(X[:, :2], np.zeros(21)),
    "features": lambda c: fit_another(c, validation_data=(X, Y)),
    "expected 4 arrays, got 1": lambda c: fit_another(c, initial_weights=[np.ones((3, 4))]),
    "random_state": lambda c: fit_another(c.set_params(random_state=-1)),
    "no room": fail_in_the_second_epoch,
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_fit_that_fails_leaves_the_classifier_as_it_was(make, failure):
    classifier, untroubled = (make(epochs=2).fit(X, Y) for _ in range(2))
    before = state(classifier)
    with pytest.raises(ValueError, match=failure):
        FAILURES[failure](classifier)
    assert state(classifier) == before
    classifier.set_params(random_state=untroubled.random_state)
    assert state(classifier.partial_fit(X, Y)) == state(untroubled.partial_fit(X, Y))


@pytest.mark.parametrize("validation_data", [None, (X, Y)])
def test_who_stops_between_two_epochs_keeps_what_was_trained(make, validation_data):
    stopped, shorter = make(epochs=9), make(epochs=2).fit(X, Y)
    for record in stopped.iter_fit(X, Y, validation_data=validation_data):
        assert record is stopped.history_[-1]
        if len(stopped.history_) == 2:
            break
    assert state(stopped) == state(shorter)
    assert state(stopped.partial_fit(X, Y)) == state(shorter.partial_fit(X, Y))


def test_epochs_that_are_trained_together_share_their_time(monkeypatch):
    """Three orders are trained in 6 s before the first result, a fourth in 5 s; reading 1 s."""
    now = [0.0]
    monkeypatch.setattr(training.time, "perf_counter", lambda: now[0])
    timed = training._Timed(iter(range(4)))
    orders, seconds = iter(timed), []
    for together, takes in ((3, 6.0), (1, 5.0)):
        assert len([next(orders) for _ in range(together)]) == together
        now[0] += takes
        for _ in range(together):
            seconds.append(timed.seconds())
            now[0] += 1
            timed.resume()
    assert seconds == [2, 2, 2, 5]


@pytest.mark.parametrize("after", [1, 4, 20])
def test_who_gives_up_epochs_trained_ahead_keeps_them_with_their_records(make, after):
    given_up = make(epochs=300)
    records = given_up.iter_fit(X, Y, ahead=True)
    for _ in range(after):
        next(records)
    records.close()
    assert given_up.n_iter_ >= after
    shorter = make(epochs=given_up.n_iter_).fit(X, Y)
    assert state(given_up) == state(shorter)
    assert state(given_up.partial_fit(X, Y)) == state(shorter.partial_fit(X, Y))


@pytest.mark.parametrize(
    ("name", "where", "method"),
    [
        ("Scratch", CompiledEpochs, "train"),
        ("Keras", KerasClassifier._adapter_class, "_train_epochs"),
    ],
)
@pytest.mark.parametrize("before", [0, 1])  # epochs that are trained together and known
def test_epochs_that_ctrl_c_interrupts_are_undone(monkeypatch, name, where, method, before):
    train, calls = getattr(where, method), []

    def interrupted(self, *arguments):
        """Train; then raise what Ctrl-C does, if several epochs were trained."""
        returned = train(self, *arguments)
        orders = arguments[0] if len(arguments) == 1 else arguments[2]
        calls.append(orders)
        if len(orders) > 1 and sum(len(each) > 1 for each in calls) > before:
            raise KeyboardInterrupt
        return returned

    made_by = getattr(frameworks, f"{name}Classifier")
    options = SMALL | {"batch_size": len(X)}  # so that no order is drawn, and it can go on alike
    given_up = made_by(**options | {"epochs": 10**6})
    with monkeypatch.context() as patched:
        patched.setattr(where, method, interrupted)
        with pytest.raises(KeyboardInterrupt):
            given_up.fit(X, Y)
    known = sum(map(len, calls[:-1]))
    assert given_up.n_iter_ == known
    reference = made_by(**options | {"epochs": 1, "warm_start": True})
    for _ in range(known + 1):
        reference.fit(X, Y)
    given_up.partial_fit(X, Y)
    assert given_up.n_iter_ == reference.n_iter_
    for own, theirs in zip(given_up.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)
