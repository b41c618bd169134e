"""Two classes with an output each: softmax and the categorical cross-entropy, by a builder."""

import numpy as np
import pytest

import frameworks
from frameworks import Parts, Spec
from frameworks.default_network import DenseSpec, build_keras, build_pytorch, build_scratch

from .cases import NAMES, table

TWO = DenseSpec(inputs=3, outputs=2, hidden=(4,), learning_rate=0.0625)
LABELS = np.array(["yes", "no"])
PARAMETERS = {"epochs": 4, "batch_size": 8, "dtype": "float64", "random_state": 2}


def scratch_two(spec: Spec = TWO) -> Parts:
    return build_scratch(spec)


def keras_two(spec: Spec = TWO) -> Parts:
    return build_keras(spec)


def pytorch_two(spec: Spec = TWO) -> Parts:
    return build_pytorch(spec)


@pytest.fixture(scope="module")
def fitted():
    X, y = table(2)
    builders = dict(zip(NAMES, (scratch_two, keras_two, pytorch_two), strict=True))
    return [
        getattr(frameworks, name)(build, **PARAMETERS).fit(X, LABELS[y])
        for name, build in builders.items()
    ]


def test_each_class_has_an_output_and_a_probability(fitted):
    X, y = table(2)
    for each in fitted:
        assert each.outputs(X).shape == each.predict_proba(X).shape == (len(X), 2)
        p = each.predict_proba(X)
        assert p.sum(axis=1) == pytest.approx(1, abs=1e-15)  # two roundings of float64
        assert np.array_equal(each.classes_[p.argmax(axis=1)], each.predict(X))
        assert each.classes_.tolist() == ["no", "yes"]


def test_implementations_train_the_same_network(fitted):
    X, _ = table(2)
    first, *others = fitted
    for other in others:
        for a, b in zip(first.history_, other.history_, strict=True):
            assert a["loss"] == pytest.approx(b["loss"], rel=1e-12)  # the design's limit
            assert a["accuracy"] == b["accuracy"]
        assert np.array_equal(first.predict(X), other.predict(X))
