"""scikit-learn's tools drive each implementation, and get from each the same."""

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from frameworks import ScratchClassifier

from .cases import SMALL, table

X, Y = table(3, 30)


@pytest.fixture
def reference(name):
    """What scratch gives is what the others have to give."""
    return ScratchClassifier(**SMALL, dtype="float64")


def test_pipeline_is_the_scaler_and_then_the_classifier(make):
    pipeline = make_pipeline(StandardScaler(), make()).fit(100 * X, Y)
    scaled = StandardScaler().fit_transform(100 * X)
    assert (
        pipeline.predict_proba(100 * X).tobytes()
        == make().fit(scaled, Y).predict_proba(scaled).tobytes()
    )
    assert pipeline.score(100 * X, Y) == np.mean(pipeline.predict(100 * X) == Y)


def test_cross_validation_scores_are_those_of_scratch(make, reference):
    scores = cross_val_score(make(dtype="float64"), X, Y, cv=2)
    assert scores.tolist() == cross_val_score(reference, X, Y, cv=2).tolist()
    assert len(scores) == 2


def test_cross_validation_probabilities_are_those_of_scratch(make, reference):
    p, expected = (
        cross_val_predict(c, X, Y, cv=2, method="predict_proba")
        for c in (make(dtype="float64"), reference)
    )
    assert p == pytest.approx(expected, rel=1e-12)  # the suite's limit for float64


def test_grid_search_finds_what_it_finds_with_scratch(make, reference):
    grid = {"epochs": [1, 20]}
    search, expected = (
        GridSearchCV(c, grid, cv=2, refit=True).fit(X, Y)
        for c in (make(dtype="float64", learning_rate=0.1), reference.set_params(learning_rate=0.1))
    )
    names = ["split0_test_score", "split1_test_score", "rank_test_score"]
    for name in names:
        assert search.cv_results_[name].tolist() == expected.cv_results_[name].tolist()
    assert search.best_params_ == expected.best_params_
    assert search.best_params_["epochs"] == 20
    assert len(search.best_estimator_.history_) == 20
