"""scikit-learn's own checks of an estimator, over each implementation.

A few epochs with a large learning rate are enough for the checks that ask for accuracy; most of
the time is Keras', which traces a graph for each of some hundred fits. A check that is listed here
as failing and passes turns the test red. One is run in float64: predictions of equal rows that
stand elsewhere in a batch are to be equal to seven digits, which float32 keeps on some processors.
"""

import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

import frameworks

from .cases import NAMES

pytestmark = pytest.mark.slow

DEVIATIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "a batch's loss is divided by its number of rows, as in Keras, and not by the sum of the "
        "weights: a row of weight 2 makes another batch than two rows do"
    ),
}
OF_REGRESSORS = {
    "check_regressor_multioutput": (
        "predictions have the estimator's dtype, float32 unless told otherwise; it asks for float64"
    ),
}
IN_FLOAT64 = {"check_methods_sample_order_invariance"}
REGRESSORS = [name.replace("Classifier", "Regressor") for name in NAMES]
ESTIMATORS = [
    getattr(frameworks, name)(epochs=20, learning_rate=0.02, random_state=0) for name in NAMES
] + [getattr(frameworks, name)(epochs=60, learning_rate=0.1, random_state=0) for name in REGRESSORS]


def deviations(estimator):
    """Return the checks that cannot hold, each with its reason."""
    return DEVIATIONS | (OF_REGRESSORS if estimator.task.name == "regression" else {})


def name_of(check):
    return getattr(check, "func", check).__name__


@parametrize_with_checks(
    ESTIMATORS, expected_failed_checks=lambda each: deviations(each), xfail_strict=True
)
def test_scikit_learn_accepts_the_estimator(estimator, check):
    if name_of(check) in IN_FLOAT64:
        estimator = clone(estimator).set_params(dtype="float64")
    check(estimator)


def test_every_deviation_is_a_check_that_exists():
    checks = test_scikit_learn_accepts_the_estimator.pytestmark[0].args[1]
    names = {name_of(check) for _, check in (getattr(case, "values", case) for case in checks)}
    assert {*DEVIATIONS, *OF_REGRESSORS, *IN_FLOAT64} <= names
    assert len(checks) > 6 * 45


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=[*NAMES, *REGRESSORS])
def test_tags_say_what_the_estimator_takes(estimator):
    tags = estimator.__sklearn_tags__()
    assert not tags.input_tags.sparse
    assert not tags.input_tags.allow_nan
    if tags.estimator_type == "classifier":
        assert tags.classifier_tags.multi_class
    else:
        assert tags.estimator_type == "regressor"
        assert tags.target_tags.multi_output
