"""scikit-learn's own checks of an estimator, over each implementation.

A few epochs with a large learning rate are enough for the checks that ask for accuracy; most of
the time is Keras', which traces a graph for each of some hundred fits. A check that is listed here
as failing and passes turns the test red.
"""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import frameworks

from .cases import NAMES

DEVIATIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a batch's loss is divided by its number of rows, as in Keras, and not by the sum of the "
        "weights: a row of weight 2 makes another batch than two rows do"
    ),
}
ESTIMATORS = [
    getattr(frameworks, name)(epochs=20, learning_rate=0.02, random_state=0) for name in NAMES
]


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda estimator: DEVIATIONS, xfail_strict=True
)
def test_scikit_learn_accepts_the_classifier(estimator, check):
    check(estimator)


def test_every_deviation_is_a_check_that_exists():
    checks = test_scikit_learn_accepts_the_classifier.pytestmark[0].args[1]
    names = {
        getattr(check, "func", check).__name__
        for _, check in (getattr(case, "values", case) for case in checks)
    }
    assert set(DEVIATIONS) <= names
    assert len(checks) > 3 * 50


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=NAMES)
def test_tags_say_what_the_classifier_takes(estimator):
    tags = estimator.__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    assert tags.classifier_tags.multi_class
