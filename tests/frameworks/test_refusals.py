"""What cannot be trained or predicted is refused, by name, before any work is done."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

import frameworks
from experiments import churn

from .cases import SMALL, table


@pytest.fixture(scope="module")
def fitted(make):
    """Trained on three columns and the labels 0 and 1."""
    return make(epochs=1).fit(*table())


@pytest.mark.parametrize(
    ("parameter", "error", "expected"),
    [
        ({"epochs": 0}, ValueError, "an integer, 1 or more, got 0"),
        ({"epochs": 1.5}, TypeError, "an integer, 1 or more, got 1.5"),
        ({"batch_size": -3}, ValueError, "an integer, 1 or more, got -3"),
        ({"batch_size": True}, TypeError, "an integer, 1 or more, got True"),
        ({"learning_rate": 0.0}, ValueError, "above 0, and within float32, got 0.0"),
        ({"learning_rate": float("nan")}, ValueError, "above 0, and within float32, got nan"),
        ({"learning_rate": 1e-50}, ValueError, "above 0, and within float32, got 1e-50"),
        ({"learning_rate": 1e300}, ValueError, "above 0, and within float32, got 1e+300"),
        ({"learning_rate": "fast"}, TypeError, "above 0, and within float32, got 'fast'"),
        ({"dtype": "float16"}, ValueError, "'float32' or 'float64', got 'float16'"),
        (
            {"dtype": np.dtype("float64")},
            ValueError,
            "'float32' or 'float64', got dtype('float64')",
        ),
        ({"hidden": 4.0}, TypeError, "a width or a tuple of widths, got 4.0"),
        ({"hidden": "44"}, TypeError, "a width or a tuple of widths, got '44'"),
        ({"hidden": (4, 0)}, ValueError, "widths of 1 or more, got 0"),
        ({"hidden": (2.5,)}, TypeError, "widths of 1 or more, got 2.5"),
        (
            {"random_state": -1},
            ValueError,
            "an integer of at least 0, None, or a generator, got -1",
        ),
        ({"random_state": "a"}, ValueError, "got 'a'"),
        ({"build": "churn"}, TypeError, "a function or None, got 'churn'"),
        ({"build": print}, TypeError, "`spec` with a Spec as its default, got <built-in"),
    ],
    ids=str,
)
def test_parameter_is_named_with_its_value_and_what_was_expected(make, parameter, error, expected):
    (name,) = parameter
    with pytest.raises(error, match=f"^{name} must") as caught:
        make(**parameter).fit(*table())
    assert expected in str(caught.value)


def test_numbers_of_numpy_train_as_others_do(make):
    """A small integer of NumPy's would overflow, and frameworks refuse all of them."""
    numbers = {"epochs": 2, "batch_size": 8}
    ours, theirs = (
        make(**{name: kind(value) for name, value in numbers.items()}).fit(*table())
        for kind in (int, np.uint8)
    )
    assert ours.loss_curve_ == theirs.loss_curve_


@pytest.mark.parametrize("parameter", [{"batch_size": 0}, {"epochs": 0}, {"hidden": 4.0}], ids=str)
def test_parameters_are_checked_whenever_training_goes_on(make, parameter):
    """Keras would train for ever in batches of no rows."""
    classifier = make(epochs=1).partial_fit(*table())
    with pytest.raises((TypeError, ValueError), match=f"^{next(iter(parameter))} must be"):
        classifier.set_params(**parameter).partial_fit(*table())


@pytest.mark.parametrize("parameter", [{"hidden": (3,)}, {"learning_rate": 0.5}], ids=str)
def test_number_that_is_the_builders_is_refused_beside_one(classifier_class, builder, parameter):
    classifier = classifier_class(build=builder(churn), epochs=1, **parameter)
    (name,) = parameter
    with pytest.raises(ValueError, match=f"^{name} belongs to the builder if one is given, got "):
        classifier.fit(*table(d=11))


def test_builder_without_a_spec_is_refused(make):
    def build(spec=None):
        raise AssertionError("not to be called")

    with pytest.raises(TypeError, match="^build must take `spec` with a Spec as its default"):
        make(build=build).fit(*table())


@pytest.mark.parametrize("name_of_other", ["scratch", "pytorch", None])
def test_a_builder_of_another_framework_or_of_nothing_is_one_sentence(name, name_of_other):
    def build_it(spec=churn.SPEC):
        return getattr(churn, f"build_{name_of_other}")(spec) if name_of_other else None

    if name_of_other and name.lower().startswith(name_of_other):
        return
    expected = (
        "the network of build_it must be a" if name_of_other else "build_it must return Parts"
    )
    with pytest.raises(TypeError, match=f"^build: {expected}"):
        getattr(frameworks, name)(build_it, epochs=1).fit(*table(d=11))


@pytest.mark.parametrize("way", ["fit", "partial_fit"])
def test_a_network_with_other_outputs_than_the_targets_need_is_refused(
    classifier_class, builder, way
):
    build = builder(churn)

    def build_it(spec=churn.SPEC):
        return build(replace(spec, outputs=4))

    classifier = classifier_class(build_it, epochs=1)
    message = (
        r"^build: the network of build_it has outputs \(4,\) for a row, the targets need \(1,\)"
    )
    with pytest.raises(ValueError, match=message):
        getattr(classifier, way)(*table(d=11))
    with pytest.raises(ValueError, match=r"need \(3,\)"):
        getattr(classifier, way)(*table(3, d=11))


X, Y = table()
HOLED = np.where(np.arange(63).reshape(21, 3) == 7, np.nan, X)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((HOLED, Y), "Input X contains NaN"),
        ((np.where(np.isnan(HOLED), np.inf, X), Y), "Input X contains infinity"),
        ((X.astype(str) + "x", Y), "could not convert string to float"),
        ((X[:, 0], Y), "Expected 2D array, got 1D array"),
        ((X[:0], Y[:0]), r"Found array with 0 sample\(s\)"),
        ((X[:, :0], Y), r"Found array with 0 feature\(s\)"),
        ((X, Y[:-1]), r"inconsistent numbers of samples: \[21, 20\]"),
        ((X, X), "y should be a 1d array"),
        ((X, Y * 0 + 5), r"^y holds only one class, 5; a classifier needs two or more"),
        ((X, Y * 0.37), "Unknown label type: continuous"),
        ((X, Y, np.ones(3)), r"sample_weight.shape == \(3,\)"),
        ((X, Y, Y * np.nan), "Input sample_weight contains NaN"),
        ((X, Y, Y - 1.0), "Negative values in data passed to `sample_weight`"),
    ],
    ids=lambda case: case if isinstance(case, str) else "",
)
def test_data_that_cannot_be_trained_on_are_refused(make, data, message):
    with pytest.raises(ValueError, match=message):
        make().fit(*data)


MASKED = np.ma.masked_array(X, np.arange(63).reshape(21, 3) == 7)
MASKED_Y = np.ma.masked_array(Y, np.arange(21) == 7)


@pytest.mark.parametrize(
    ("name_of_array", "method"),
    [
        ("X", lambda c: c.fit(MASKED, Y)),
        ("y", lambda c: c.partial_fit(X, MASKED_Y)),
        ("sample_weight", lambda c: c.fit(X, Y, np.ma.masked_equal(np.ones(21), 1))),
        ("X", lambda c: c.predict(MASKED)),
        ("y", lambda c: c.evaluate(X, MASKED_Y)),
        ("y", lambda c: c.score(X, MASKED_Y)),
        ("validation_data: X", lambda c: c.fit(X, Y, validation_data=(MASKED, Y))),
    ],
)
def test_masked_values_are_refused_where_their_masks_would_be_ignored(name_of_array, method):
    classifier = frameworks.ScratchClassifier(**SMALL).fit(np.ma.masked_array(X), Y)
    with pytest.raises(ValueError, match=f"^{name_of_array} holds masked values; fill them"):
        method(classifier)


def test_a_network_larger_than_the_memory_is_refused_before_it_is_built(make):
    message = r"^hidden: \(10+,\) makes 5,0[0,]+1 weights, .* need 80,000.0 GB in float32; this "
    with pytest.raises(ValueError, match=message):
        make(hidden=10**12).fit(X, Y)


def test_pytorch_trains_on_read_only_rows_without_a_warning():
    given = X.copy(), Y.copy(), np.ones(21)
    for array in given:
        array.flags.writeable = False
    options = {**SMALL, "dtype": "float64"}  # that of the rows, which are not copied then
    assert frameworks.PyTorchClassifier(**options).fit(*given).n_iter_ == 3


def test_labels_are_not_predicted_from_outputs_that_are_nan():
    diverged = frameworks.PyTorchClassifier(hidden=(), epochs=1).fit(X, Y)
    diverged.set_weights([np.array([[3e38], [3e38], [-3e38]]), np.zeros(1)])
    rows = np.array([[0.0, 0.0, 1.0], [3.0, 3.0, 3.0]])  # -3e38, and ∞ - ∞
    assert np.isnan(diverged.predict_proba(rows)).any(axis=1).tolist() == [False, True]
    with pytest.raises(ValueError, match="^predict: the network's outputs are NaN for 1 of 2 rows"):
        diverged.predict(rows)
    assert diverged.labels_of(np.array([[-1.0], [np.nan]])).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("method", "error", "message"),
    [
        (lambda c: c.outputs(X, network=1), ValueError, r"network must be one of \[0\], got 1"),
        (lambda c: c.set_weights(3), TypeError, "weights must be a list of arrays, got 3"),
        (lambda c: c.fit(X, Y, initial_weights=[]), ValueError, "initial_weights: expected 4"),
        (lambda c: c.fit(X, np.array(["a", 1] * 10 + [2], object)), TypeError, "y: .* of one type"),
        (lambda c: next(c.iter_fit(X, Y, classes=[])), ValueError, "classes must be two or more"),
    ],
)
def test_arguments_that_cannot_be_meant_are_named(method, error, message):
    with pytest.raises(error, match=f"^{message}"):
        method(frameworks.ScratchClassifier(**SMALL).fit(X, Y))


def test_labels_never_seen_are_named(fitted):
    other = np.where(Y == 1, 7, Y)
    message = r"^y holds labels that are not among the classes \[0, 1\]: \[7\]$"
    before = fitted.get_weights()
    with pytest.raises(ValueError, match=message):
        fitted.partial_fit(X, other)
    with pytest.raises(ValueError, match=message):
        fitted.evaluate(X, other)
    for w, own in zip(before, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_other_classes_in_a_later_call_are_refused(fitted):
    before = fitted.get_weights()
    with pytest.raises(ValueError, match=r"^classes: \[0, 1, 2\] are not those of .*, \[0, 1\]$"):
        fitted.partial_fit(X, Y, classes=[0, 1, 2])
    for w, own in zip(before, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_labels_missing_from_the_classes_given_are_named(make):
    with pytest.raises(ValueError, match=r"not among the classes \[1, 2\]: \[0\]$"):
        make().partial_fit(X, Y, classes=[1, 2])


@pytest.mark.parametrize(
    "method",
    [
        lambda c: c.predict(X),
        lambda c: c.predict_proba(X),
        lambda c: c.score(X, Y),
        lambda c: c.evaluate(X, Y),
        lambda c: c.get_weights(),
        lambda c: c.set_weights([]),
    ],
    ids=["predict", "predict_proba", "score", "evaluate", "get_weights", "set_weights"],
)
def test_nothing_is_told_before_a_fit(make, name, method):
    with pytest.raises(NotFittedError, match=f"^This {name} instance is not fitted yet"):
        method(make())


@pytest.mark.parametrize("method", ["predict", "predict_proba", "outputs"])
def test_another_number_of_columns_is_refused(fitted, name, method):
    with pytest.raises(ValueError, match=f"^X has 2 features, but {name} is expecting 3 features"):
        getattr(fitted, method)(X[:, :2])


def test_rows_and_labels_to_evaluate_must_match(fitted):
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[21, 20\]"):
        fitted.evaluate(X, Y[:-1])


def keras_with_a_slope(spec: frameworks.Spec = churn.SPEC):
    parts = churn.build_keras(spec)
    parts.network.add(keras.layers.PReLU())
    return parts


def pytorch_with_a_slope(spec: frameworks.Spec = churn.SPEC):
    parts = churn.build_pytorch(spec)
    parts.network.append(torch.nn.PReLU())
    return parts


@pytest.mark.parametrize(
    ("classifier", "build"),
    [
        ("KerasClassifier", keras_with_a_slope),
        ("PyTorchClassifier", pytorch_with_a_slope),
    ],
)
def test_layer_whose_layout_is_not_known_is_refused(classifier, build):
    with pytest.raises(TypeError, match=r"^the canonical layout of PReLU is not known$"):
        getattr(frameworks, classifier)(build=build).fit(*table(d=11))
