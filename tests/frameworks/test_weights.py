"""Weights in the canonical layout, out of and into each implementation."""

import numpy as np
import pytest

from .cases import table


@pytest.fixture(scope="module")
def fitted(make):
    return make(hidden=(4, 5), epochs=1).fit(*table(3))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_have_the_canonical_shapes_and_the_dtype(make, dtype):
    classifier = make(hidden=(4, 5), epochs=1, dtype=dtype).fit(*table(3))
    weights = classifier.get_weights()
    assert [w.shape for w in weights] == [(3, 4), (4,), (4, 5), (5,), (5, 3), (3,)]
    assert {w.dtype for w in weights} == {np.dtype(dtype)}
    assert all(w.flags.c_contiguous for w in weights)
    assert classifier.outputs(table(3)[0]).dtype == dtype


def test_two_classes_have_one_output(make):
    weights = make(hidden=(), epochs=1).fit(*table(2)).get_weights()
    assert [w.shape for w in weights] == [(3, 1), (1,)]


def test_weights_are_copies(fitted):
    kept = fitted.get_weights()
    for w in fitted.get_weights():
        w[...] = 7
    for w, own in zip(kept, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_weights_set_are_the_weights_got(fitted):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=w.shape).astype("float32") for w in fitted.get_weights()]
    fitted.set_weights(weights)
    for w, own in zip(weights, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_outputs_are_those_of_the_weights_in_their_layout(fitted):
    # in (3, 4), (4, 5), (5, 3): feature 1 -> unit 2 -> unit 3 -> output 0, times 2 · 3 · 5, plus 7
    weights = [np.zeros(w.shape) for w in fitted.get_weights()]
    weights[0][1, 2], weights[2][2, 3], weights[4][3, 0], weights[5][2] = 2, 3, 5, 7
    fitted.set_weights(weights)
    X = [[9, 1, 9], [9, -1, 9]]  # ReLU stops the second
    assert fitted.outputs(X).tolist() == [[30, 0, 7], [0, 0, 7]]


def test_initial_weights_are_where_training_starts(make):
    X, y = table()
    weights = make(random_state=7).fit(X, y).initial_weights_
    starts = [
        make(random_state=0).fit(X, y, initial_weights=weights),
        make(random_state=7).fit(X, y),
    ]
    for w, one, other in zip(weights, *(c.initial_weights_ for c in starts), strict=True):
        assert w.tobytes() == one.tobytes() == other.tobytes()
    batches = [c.orders_sha256_ for c in starts]
    assert batches[0] == make(random_state=0).fit(X, y).orders_sha256_ != batches[1]


def test_initial_weights_are_glorots_whatever_the_implementation(make):
    (W, b, *_), r = (
        make(hidden=(200,), epochs=1).fit(*table(d=100)).initial_weights_,
        (6 / 300) ** 0.5,
    )
    assert not b.any()
    assert 0.999 * r < np.abs(W).max() <= r  # the largest of 20,000 draws comes close to r
    assert W.var() == pytest.approx(r**2 / 3, rel=0.032)  # five standard errors, √(0.8/20,000)


def spoil(weights, i, value):
    weights[i] = value
    return weights


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: w[:-1], r"weights: expected 6 .* weights\[5\]: expected shape .*, got none"),
        (lambda w: spoil(w, 2, w[2].T), r"weights\[2\]: expected shape \(4, 5\), got \(5, 4\)"),
        (
            lambda w: spoil(w, 1, w[1][:, None]),
            r"weights\[1\]: expected shape \(4,\), got \(4, 1\)",
        ),
        (lambda w: spoil(w, 5, w[5] * np.nan), r"weights\[5\]: expected finite numbers, got NaN"),
        (lambda w: spoil(w, 0, w[0] + np.inf), r"weights\[0\]: expected finite numbers, got NaN"),
    ],
    ids=["number", "transposed", "column", "NaN", "infinity"],
)
def test_weights_that_do_not_fit_are_named_and_change_nothing(fitted, change, message):
    before = fitted.get_weights()
    with pytest.raises(ValueError, match=f"^{message}"):
        fitted.set_weights(change(fitted.get_weights()))
    for w, own in zip(before, fitted.get_weights(), strict=True):
        assert w.tobytes() == own.tobytes()


def test_initial_weights_that_do_not_fit_are_named(make):
    with pytest.raises(
        ValueError,
        match=r"^initial_weights: expected 4 arrays, got 1; the first .* is initial_weights\[1\]: ",
    ):
        make().fit(*table(), initial_weights=[np.zeros((3, 4))])
