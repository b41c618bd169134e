"""What users of scikit-learn, Keras and skorch look for, kept by each implementation."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neural_network import MLPClassifier

from experiments import circle
from frameworks import ScratchClassifier, ScratchRegressor
from frameworks.callbacks import Callback, EarlyStopping, ProgressBar
from scratch import KerasEarlyStopping

from .cases import SMALL, table

X, Y = table(3, 30)
DEFAULTS = {"hidden": (16,), "learning_rate": 1e-3}  # a builder brings its own


@pytest.fixture(scope="module")
def trained(make):
    return make(hidden=4, activation="tanh", dtype="float64").fit(X, Y)


@pytest.fixture(scope="module")
def reference():
    """What scratch gives is what the others have to give."""
    return ScratchClassifier(**SMALL).set_params(activation="tanh", dtype="float64").fit(X, Y)


def weights(estimator):
    return np.concatenate([w.ravel() for w in estimator.get_weights()])


def test_losses_and_epochs_are_those_of_the_history(trained, reference):
    assert trained.n_iter_ == 3
    assert trained.loss_curve_ == [record["loss"] for record in trained.history_]
    assert trained.loss_ == trained.loss_curve_[-1]
    assert trained.loss_curve_ == pytest.approx(reference.loss_curve_, rel=1e-12)  # suite's limit


def test_coefficients_put_into_scikit_learn_give_the_same_probabilities(trained):
    theirs = MLPClassifier(4, activation="tanh", batch_size=8)
    theirs.partial_fit(X, Y, classes=range(3))
    theirs.coefs_, theirs.intercepts_ = trained.coefs_, trained.intercepts_
    p = trained.predict_proba(X)
    assert p == pytest.approx(theirs.predict_proba(X), rel=1e-12)  # the suite's limit
    log_p = trained.predict_log_proba(X)
    assert log_p == pytest.approx(theirs.predict_log_proba(X), rel=1e-12)  # the suite's limit


@pytest.mark.parametrize("activation", ["identity", "logistic"])
def test_other_activations_are_those_of_scikit_learn(make, activation):
    ours = make(activation=activation, dtype="float64", epochs=1).fit(X, Y)
    theirs = MLPClassifier(4, activation=activation, batch_size=8)
    theirs.partial_fit(X, Y, classes=range(3))
    theirs.coefs_, theirs.intercepts_ = ours.coefs_, ours.intercepts_
    p = ours.predict_proba(X)
    assert p == pytest.approx(theirs.predict_proba(X), rel=1e-12)  # the suite's limit


def test_decision_function_decides_what_is_predicted(trained, make):
    scores = trained.decision_function(X)
    assert scores.shape == (30, 3)
    assert np.array_equal(scores.argmax(axis=1), trained.predict(X))
    two = make().fit(X, Y > 0)
    p = two.predict_proba(X).astype(float)
    assert two.decision_function(X).shape == (30,)
    assert two.predict_log_proba(X) == pytest.approx(np.log(p), abs=1e-5)  # p in float32: 1e-7
    log_odds = np.log(p[:, 1] / p[:, 0])
    assert two.decision_function(X) == pytest.approx(log_odds, abs=1e-5)  # p in float32: 1e-7


@pytest.fixture
def stopped(make):
    """A training that stops early: its last epochs improve by less than tol."""
    options = {"epochs": 60, "learning_rate": 0.2, "n_iter_no_change": 2, "tol": 0.01}
    return make(early_stopping=True, validation_fraction=0.2, dtype="float64", **options).fit(X, Y)


def test_early_stopping_ends_by_its_rule_at_the_best_epoch(stopped):
    losses = [record["val_loss"] for record in stopped.history_]
    assert 3 < len(losses) < 60
    best = np.minimum.accumulate(losses)
    idle = [later > before - 0.01 for later, before in zip(losses[1:], best, strict=False)]
    assert idle[-3:] == [True] * 3
    assert not any(all(idle[i : i + 3]) for i in range(len(idle) - 3))
    seed = stopped._draws.split_seed
    _, held, _, y = train_test_split(X, Y, test_size=0.2, stratify=Y, random_state=seed)
    measured = stopped.evaluate(held, y)["loss"]
    assert measured == pytest.approx(min(losses), rel=1e-12)  # 6 rows, perhaps in another order


def test_early_stopping_is_that_of_scratch(stopped):
    parameters = {**stopped.get_params(deep=False)}
    expected = ScratchClassifier(**parameters).fit(X, Y)
    assert stopped.n_iter_ == expected.n_iter_
    assert weights(stopped) == pytest.approx(weights(expected), abs=1e-9)  # the suite's: weights


def test_callbacks_see_each_epoch_and_stop_the_training(make, capsys):
    events = []

    class Noting(Callback):
        def on_train_begin(self, estimator):
            events.append(len(estimator.history_))

        def on_epoch_end(self, estimator, record):
            assert record is estimator.history_[-1]
            events.append(estimator.n_iter_)

        def on_train_end(self, estimator):
            events.append("end")

    def second(estimator, record):
        return len(estimator.history_) == 2

    classifier = make(callbacks=[Noting(), second, ProgressBar()], verbose=True).fit(X, Y)
    assert events == [0, 1, 2, "end"]
    assert weights(classifier).tobytes() == weights(make(epochs=2).fit(X, Y)).tobytes()
    printed = capsys.readouterr().out
    assert "epoch 2: loss " in printed
    assert "2/3" in printed


def test_keras_rule_watches_the_training_loss_if_told_to(make):
    rule = KerasEarlyStopping(patience=1, min_delta=100.0)
    classifier = make(callbacks=[EarlyStopping("loss", rule)]).fit(X, Y)
    assert classifier.n_iter_ == 2
    assert weights(classifier).tobytes() == weights(make(epochs=1).fit(X, Y)).tobytes()


def test_class_weights_multiply_those_of_the_rows(make):
    w = np.linspace(1, 2, 30)
    by_class = make(class_weight={0: 2.0, 2: 0.5}, dtype="float64").fit(X, Y, w)
    by_row = make(dtype="float64").fit(X, Y, w * np.array([2.0, 1.0, 0.5])[Y])
    assert weights(by_class).tobytes() == weights(by_row).tobytes()
    balanced = make(class_weight="balanced").fit(X[:20], Y[:20] > 0)
    n_positive = np.sum(Y[:20] > 0)
    row = np.where(Y[:20] > 0, 10 / n_positive, 10 / (20 - n_positive))
    assert weights(balanced).tobytes() == weights(make().fit(X[:20], Y[:20] > 0, row)).tobytes()


def test_warm_start_goes_on_like_one_longer_training(make):
    twice = make(warm_start=True, epochs=2).fit(X, Y).fit(X, Y)
    assert twice.n_iter_ == 4
    assert weights(twice).tobytes() == weights(make(epochs=4).fit(X, Y)).tobytes()


def test_grid_search_sets_the_numbers_of_a_builder(make, builder):
    spec = replace(circle.SPEC, learning_rate=0.25)
    classifier = make(builder(circle), spec=spec, **DEFAULTS)
    assert clone(classifier).get_params()["spec__learning_rate"] == 0.25
    search = GridSearchCV(classifier, {"spec__hidden": [(3,), (5,)]}, cv=2).fit(X, Y > 0)
    assert search.best_estimator_.coefs_[0].shape == (3, search.best_params_["spec__hidden"][0])
    assert search.best_estimator_.spec.learning_rate == 0.25


def slower(estimator, record):
    estimator.set_params(learning_rate=1e-4)


@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        ({"activation": "sigmoid"}, ValueError, "activation must be one of 'identity', "),
        ({"validation_fraction": 1.0}, ValueError, "validation_fraction must be between 0 and 1"),
        ({"callbacks": [EarlyStopping]}, TypeError, "callbacks must be Callback objects or"),
        ({"callbacks": [ProgressBar()] * 2}, ValueError, "callbacks must be different objects"),
        ({"callbacks": [EarlyStopping()]}, ValueError, "monitor: expected one of loss, accuracy,"),
        ({"verbose": 1}, TypeError, "verbose must be True or False, got 1"),
        ({"class_weight": {0: -1}}, ValueError, "class_weight must hold finite weights"),
        ({"class_weight": {0: "a"}}, ValueError, "class_weight must hold finite weights"),
        ({"class_weight": dict.fromkeys(range(3), 0)}, ValueError, "class_weight gives every row"),
        ({"class_weight": [1, 2]}, TypeError, "class_weight must be a mapping, 'balanced' or None"),
        ({"callbacks": [slower]}, ValueError, "learning_rate: training goes on with 0.01, as it"),
        ({"spec": circle.SPEC}, ValueError, "spec belongs to a builder, and build is None"),
    ],
)
def test_what_cannot_be_meant_is_refused(parameters, error, message):
    classifier = ScratchClassifier(**SMALL).set_params(**parameters)
    with pytest.raises(error, match=f"^{message}"):
        classifier.fit(X, Y)


def test_unknown_numbers_of_a_builder_are_refused_and_the_estimators_own_too():
    with pytest.raises(ValueError, match="^spec__epochs: no number of the builder's spec; it has "):
        ScratchClassifier(circle.build_scratch).set_params(spec__epochs=3)
    with pytest.raises(ValueError, match="only a builder has them"):
        ScratchClassifier().set_params(spec__hidden=(3,))


def test_partial_fit_refuses_what_needs_the_whole_training():
    for name, value in (("early_stopping", True), ("class_weight", "balanced")):
        with pytest.raises(ValueError, match=f"^{name}: "):
            ScratchClassifier(**SMALL).set_params(**{name: value}).partial_fit(X, Y)


def test_attributes_that_do_not_exist_raise_attribute_error():
    assert not any(hasattr(ScratchRegressor(), name) for name in ("n_iter_", "loss_", "coefs_"))
    loaded = ScratchRegressor(hidden=(2, 3)).fit(X, Y)
    assert [w.shape for w in loaded.coefs_] == [(3, 2), (2, 3), (3, 1)]
    assert [b.shape for b in loaded.intercepts_] == [(2,), (3,), (1,)]
