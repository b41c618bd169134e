"""`iter_fit` beside other trainings: of the same estimator, and with the same early stopping."""

import numpy as np
import pytest

from frameworks import PyTorchClassifier
from frameworks.callbacks import EarlyStopping
from frameworks.continuing import UnderWay
from scratch import KerasEarlyStopping

from .cases import SMALL, table

X, Y = table(2, 30)
OTHER = table(3, 30, d=4)


def fit(classifier, _):
    classifier.fit(*OTHER)


def train_on(classifier, _):
    classifier.set_params(early_stopping=False).partial_fit(X, Y)


def load(classifier, folder):
    PyTorchClassifier(**SMALL).fit(X, Y).save_weights(folder / "weights")
    classifier.load_weights(folder / "weights")


def state(classifier):
    """Return what a training makes, as far as it can be told apart."""
    weights = [w.tobytes() for w in classifier.get_weights()]
    return weights, classifier.n_features_in_, classifier.classes_.tolist(), classifier.history_[:]


GIVEN_UP, GOES_ON, FAILS = ENDS = ("is given up", "goes on", "fails")
CASES = [*((fit, end) for end in ENDS), (train_on, GIVEN_UP), (load, GIVEN_UP)]


@pytest.mark.parametrize(("later", "end"), CASES)
def test_an_older_training_changes_nothing_that_a_later_one_made(later, end, tmp_path):
    classifier = PyTorchClassifier(**SMALL, early_stopping=True)
    older = classifier.iter_fit(X, Y)
    next(older)
    later(classifier, tmp_path)
    made = state(classifier)
    if end == GIVEN_UP:
        older.close()
    elif end == FAILS:
        with pytest.raises(OSError, match="no room"):
            older.throw(OSError("no room"))
    else:
        with pytest.raises(RuntimeError, match="^iter_fit: this training is over, as its estima"):
            next(older)
    assert state(classifier) == made


def test_a_later_training_that_is_refused_leaves_the_older_one_to_go_on():
    classifier = PyTorchClassifier(**SMALL)
    older = classifier.iter_fit(X, Y)
    next(older)
    with pytest.raises(ValueError, match="NaN"):
        classifier.fit(X * np.nan, Y)
    assert len(list(older)) == 2
    assert state(classifier)[0] == state(PyTorchClassifier(**SMALL).fit(X, Y))[0]


def test_estimators_that_train_in_turn_may_share_an_early_stopping():
    def trained(seed, stopping):
        chosen = {**SMALL, "random_state": seed, "epochs": 4, "callbacks": [stopping]}
        classifier = PyTorchClassifier(**chosen)
        return classifier, classifier.iter_fit(X, Y)

    def stopping():
        return EarlyStopping("loss", KerasEarlyStopping(patience=1, min_delta=0.01))

    alone, in_turn, shared = [], [], stopping()
    for seed in (0, 1):
        classifier, records = trained(seed, stopping())
        list(records)
        alone.append(state(classifier)[0])
        in_turn.append(trained(seed, shared))
    for _ in range(4):
        for _, records in in_turn:
            next(records, None)
    assert [state(classifier)[0] for classifier, _ in in_turn] == alone


CHANGES = {
    "batch_size": 32,
    "epochs": 5,
    "learning_rate": 0.5,
    "hidden": (5,),
    "dtype": "float64",
    "random_state": 1,
    "class_weight": {0: 2.0},
    "tol": 0.5,
}


@pytest.mark.parametrize("parameter", CHANGES)
def test_a_parameter_that_a_training_would_ignore_is_refused_by_name(parameter):
    classifier = PyTorchClassifier(**SMALL)
    under_way = UnderWay(classifier)
    classifier.set_params(**{parameter: CHANGES[parameter]})
    message = f"^{parameter}: training goes on with .*, as it began, and cannot change to .*let it"
    with pytest.raises(ValueError, match=message):
        under_way.check_parameters()


@pytest.mark.parametrize("by_callback", [True, False])
def test_between_two_epochs_no_batch_size_is_taken(by_callback):
    def change(classifier, _):
        classifier.set_params(batch_size=32)

    classifier = PyTorchClassifier(**SMALL, callbacks=[change] * by_callback)
    records = classifier.iter_fit(X, Y)
    record = next(records)
    if not by_callback:
        change(classifier, record)
    with pytest.raises(ValueError, match="^batch_size: training goes on with 8, as it began, and"):
        next(records)


def test_a_parameter_may_change_once_the_last_epoch_is_trained():
    classifier = PyTorchClassifier(**SMALL)
    for _ in classifier.iter_fit(X, Y):
        if classifier.n_iter_ == classifier.epochs:
            classifier.set_params(batch_size=32)
    assert classifier.n_iter_ == 3
