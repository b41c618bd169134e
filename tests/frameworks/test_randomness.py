"""Equal seeds give equal bytes, and nothing outside the classifier is changed by using it."""

import random

import keras
import numpy as np
import pytest
import torch

from .cases import table
from .world import state_of_the_world

pytestmark = pytest.mark.slow


def trained(classifier, data=None):
    X, y = data or table(3)
    classifier.fit(X, y)
    return [*classifier.get_weights(), classifier.outputs(X)], classifier.orders_sha256_


def same_bytes(one, other):
    return all(a.tobytes() == b.tobytes() for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize(
    "seed",
    [lambda: 3, lambda: np.random.RandomState(3), lambda: np.random.default_rng(3)],
    ids=["int", "RandomState", "Generator"],
)
def test_equal_random_states_give_identical_bytes(make, seed):
    (one, orders), (other, other_orders) = (trained(make(random_state=seed())) for _ in range(2))
    assert same_bytes(one, other)
    assert orders == other_orders


@pytest.mark.parametrize("seeds", [(0, 1), (None, None)], ids=str)
def test_other_random_states_give_other_weights_and_batches(make, seeds):
    (one, orders), (other, other_orders) = (trained(make(random_state=seed)) for seed in seeds)
    assert not np.array_equal(one[0], other[0])
    assert orders != other_orders


def test_integer_seed_starts_anew_and_a_generator_goes_on(make):
    X, y = table()
    classifier, rng = make(random_state=5), np.random.default_rng(5)
    first, again = (classifier.fit(X, y).initial_weights_ for _ in range(2))
    assert same_bytes(first, again)
    first, second = (make(random_state=rng).fit(X, y).initial_weights_ for _ in range(2))
    assert not np.array_equal(first[0], second[0])


@pytest.fixture
def unusual_world():
    """Set what a framework might take for granted to something else, and back in the end."""
    before = (
        *(torch.get_default_dtype(), torch.get_num_threads()),
        *(keras.config.floatx(), keras.config.dtype_policy()),
    )
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    keras.config.set_floatx("float16")
    keras.config.set_dtype_policy("bfloat16")
    yield
    torch.set_default_dtype(before[0])
    torch.set_num_threads(before[1])
    keras.config.set_floatx(before[2])
    keras.config.set_dtype_policy(before[3])


def test_nothing_outside_is_changed(make, unusual_world):
    X, y = table(3)
    before = state_of_the_world()
    classifier = make().fit(X, y, validation_data=(X, y))
    assert state_of_the_world() == before
    classifier.predict_proba(X)
    classifier.evaluate(X, y)
    classifier.set_weights(classifier.get_weights())
    classifier.partial_fit(X, y)
    assert state_of_the_world() == before


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_result_does_not_depend_on_what_is_outside(make, dtype, request):
    usual, _ = trained(make(dtype=dtype))
    request.getfixturevalue("unusual_world")
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002 - the legacy state is what must not matter
    torch.manual_seed(1)
    unusual, _ = trained(make(dtype=dtype))
    assert usual[0].dtype == dtype
    assert same_bytes(usual, unusual)


def test_data_are_left_as_they_are(make):
    X, y = table(3, dtype="float32")
    w = np.linspace(0, 1, len(X), dtype="float32")
    kept = [a.copy() for a in (X, y, w)]
    make().fit(X, y, w).predict(X)
    assert same_bytes(kept, (X, y, w))


@pytest.mark.parametrize("change", [np.asfortranarray, lambda X: np.repeat(X, 2, 1)[:, ::2], list])
def test_layout_of_the_data_does_not_matter(make, change):
    X, y = table(3)
    assert same_bytes(trained(make(), (X, y))[0], trained(make(), (change(X), list(y)))[0])
