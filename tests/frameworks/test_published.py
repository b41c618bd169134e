"""The published toy networks, from their own initial weights, in every implementation."""

import numpy as np
import pytest

import frameworks
from experiments import circle, perceptron

from .cases import NAMES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=[*NAMES, "PythonClassifier"])
def published_name(request):
    """The neuron in pure Python trains these two as well."""
    return request.param


@pytest.fixture(scope="module")
def classifier_class(published_name):
    return getattr(frameworks, published_name)


@pytest.fixture(scope="module")
def builder(published_name):
    suffix = published_name.removesuffix("Classifier").lower()
    return lambda page: getattr(page, f"build_{suffix}")


def train(classifier_class, builder, page):
    data, spec = page.load(), page.SPEC
    classifier = classifier_class(
        build=builder(page), epochs=spec.epochs, batch_size=spec.batch_size, dtype="float64"
    )
    X, y = data.X_train, data.y_train
    return classifier.fit(X, y, initial_weights=page.published_weights()), X, y


@pytest.fixture(scope="module")
def trained_perceptron(classifier_class, builder):
    return train(classifier_class, builder, perceptron)


@pytest.fixture(scope="module")
def trained_circle(classifier_class, builder):
    return train(classifier_class, builder, circle)


def test_perceptron_starts_from_the_published_weights(trained_perceptron):
    (weights,) = trained_perceptron[0].initial_weights_
    assert weights.ravel().round(8).tolist() == [-0.16595599, 0.44064899, -0.99977125]


def test_perceptron_ends_at_the_published_weights(trained_perceptron):
    (weights,) = trained_perceptron[0].get_weights()
    assert weights.ravel().round(8).tolist() == [9.67299303, -0.2078435, -4.62963669]


def test_perceptron_gives_the_published_outputs(trained_perceptron):
    classifier, X, y = trained_perceptron
    assert X.tolist() == [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]
    assert np.ravel(y).tolist() == [0, 1, 1, 0]
    outputs = classifier.outputs(X).ravel().round(8)
    assert outputs.tolist() == [0.009664, 0.99211997, 0.99358931, 0.00786466]
    assert classifier.outputs([[1.0, 0.0, 0.0]]).round(8).tolist() == [[0.99993704]]


def test_circle_before_training_gives_the_published_output(trained_circle, classifier_class):
    classifier, X, _ = trained_circle
    weights = classifier.get_weights()
    classifier.set_weights(classifier.initial_weights_)
    try:
        assert classifier.outputs([[0.0, 0.0]]).round(8).tolist() == [[0.55882367]]
    finally:
        classifier.set_weights(weights)


def test_circle_loses_the_published_loss_at_every_hundredth_step(trained_circle):
    history = trained_circle[0].history_
    printed = [round(history[step - 1]["loss"], 4) for step in (1, *range(100, 2001, 100))]
    assert printed == [
        *(0.2919, 0.1420, 0.0663, 0.0289, 0.0234, 0.0202, 0.0176, 0.0154, 0.0134, 0.0117, 0.0103),
        *(0.0091, 0.0079, 0.0070, 0.0062, 0.0055, 0.0050, 0.0045, 0.0041, 0.0038, 0.0035),
    ]


def test_circle_ends_at_the_published_loss_with_every_point_right(trained_circle):
    classifier, X, y = trained_circle
    assert (len(y), np.sum(y)) == (121, 21)
    measured = classifier.evaluate(X, y)
    # 1e-14: the last two of 17 digits are the order in which 121 errors were summed up
    assert measured["loss"] == pytest.approx(0.0034561929870923383, rel=1e-14)
    assert measured["accuracy"] == 1
