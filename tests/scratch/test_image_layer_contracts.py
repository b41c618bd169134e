"""What the image layers promise: types, shapes, reused arrays, and what they refuse."""

import pickle
from functools import partial

import numpy as np
import pytest

from scratch import (
    AveragePool2D,
    BatchNorm,
    Conv2D,
    Dropout,
    LeakyReLU,
    MaxPool2D,
    Sequential,
    Step,
)

from .image_cases import LAYERS

every = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def ready(make, dtype=np.float64):
    """Return the layer with random parameters of this type."""
    network = Sequential(make(), dtype=dtype)
    network.theta[:] = np.random.default_rng(1).normal(size=network.theta.shape)
    return network.layers[0]


def images(n, dtype=np.float64):
    return np.random.default_rng(n).normal(size=(n, 6, 7, 2)).astype(dtype)


def run(layer, X, training=True):
    """Return copies of everything that a forward and a backward compute."""
    a = layer.forward(X, training).copy()
    da = np.random.default_rng(9).normal(size=a.shape).astype(a.dtype)
    return [a, layer.backward(da).copy(), *(g.copy() for g in layer.grads)]


@every
def test_inputs_are_left_as_they_are(make):
    layer, X = ready(make), images(4)
    a = layer.forward(X, training=True)
    da = np.ones_like(a)
    layer.backward(da)
    assert np.array_equal(X, images(4))
    assert (da == 1).all()


@every
def test_float32_stays_float32(make):
    layer = ready(make, np.float32)
    arrays = [*run(layer, images(4, np.float32)), *layer.state.values()]
    arrays += run(layer, images(4, np.float32), training=False)
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@every
@pytest.mark.parametrize("n", [1, 2, 6])
def test_another_batch_size_gives_what_a_new_layer_gives(make, n):
    used, new = ready(make), ready(make)
    run(used, images(4))
    if isinstance(used, Dropout):
        new.rng.random(images(4).shape)
    for actual, expected in zip(run(used, images(n)), run(new, images(n)), strict=True):
        assert actual.tobytes() == expected.tobytes()


@every
def test_strided_input_gives_what_contiguous_input_gives(make):
    strided = np.repeat(images(4), 2, axis=2)[:, :, ::2]
    assert not strided.flags.c_contiguous
    for actual, expected in zip(
        run(ready(make), strided), run(ready(make), images(4)), strict=True
    ):
        # 1e-14: sums of a batch may be added in another order
        assert actual == pytest.approx(expected, rel=1e-14, abs=1e-14)


@every
def test_strided_gradient_gives_what_contiguous_gradient_gives(make):
    one, other = ready(make), ready(make)
    da = np.random.default_rng(0).normal(size=one.forward(images(4), training=True).shape)
    other.forward(images(4), training=True)
    strided = np.repeat(da, 2, axis=1)[:, ::2]
    # 1e-14: sums of a batch may be added in another order
    assert one.backward(strided) == pytest.approx(other.backward(da), rel=1e-14, abs=1e-14)
    for g, expected in zip(one.grads, other.grads, strict=True):
        assert g == pytest.approx(expected, rel=1e-14, abs=1e-14)  # as above


@every
def test_batch_without_rows_has_an_output_and_gradients_without_rows(make):
    layer = ready(make)
    X = images(3)[:0]
    a = layer.forward(X)
    assert len(a) == 0
    assert layer.backward(a).shape == X.shape
    assert not any(g.any() for g in layer.grads)


@every
def test_results_are_kept_when_the_layer_is_used_again(make):
    layer, X = ready(make), images(4)
    results = run(layer, X)
    kept = [a.copy() for a in results]
    run(layer, -X)
    assert all(np.array_equal(a, b) for a, b in zip(results, kept, strict=True))


@every
def test_a_pickled_layer_goes_on_as_the_original_does(make):
    layer = ready(make)
    run(layer, images(3))
    copied = pickle.loads(pickle.dumps(layer))
    for one, other in zip(run(layer, images(2)), run(copied, images(2)), strict=True):
        assert one.tobytes() == other.tobytes()


def test_first_layer_sets_the_same_gradients_without_dx():
    layer, X = ready(LAYERS["same"]), images(3)
    da = np.ones_like(layer.forward(X))
    layer.backward(da)
    kept = [g.copy() for g in layer.grads]
    layer.grads[0].fill(0)
    layer.backward_params(da)
    assert all(np.array_equal(g, k) for g, k in zip(layer.grads, kept, strict=True))


def test_masks_are_those_of_the_generator_whatever_the_type():
    masks = []
    for dtype in (np.float32, np.float64):
        layer = Dropout(0.5, np.random.default_rng(7))
        layer.forward(images(5, dtype), training=True)
        masks.append(layer.mask)
    assert np.array_equal(*masks)
    u = np.random.default_rng(7).random((5, 6, 7, 2))
    assert np.array_equal(masks[1] != 0, u >= 0.5)


def test_rate_zero_drops_nothing():
    layer, X = ready(lambda: Dropout(0.0, np.random.default_rng(0))), images(2)
    assert np.array_equal(layer.forward(X, training=True), X)


@pytest.mark.parametrize("shape", [(1, 2), (1, 1, 1, 2)])
def test_one_row_in_training_is_refused_where_its_variance_is_unbiased(shape):
    layer = BatchNorm.pytorch(2)
    with pytest.raises(ValueError, match=r"^X must hold at least 2 values per channel .*, got 1$"):
        layer.forward(np.ones(shape), training=True)
    assert not layer.state["mean"].any()


def test_one_row_in_training_gives_beta_and_no_gradient_where_the_variance_is_biased():
    layer = BatchNorm.keras(2)
    layer.params[1][:] = 3, 4
    assert layer.forward(np.array([[7.0, -9.0]]), training=True).tolist() == [[3, 4]]
    assert layer.backward(np.array([[5.0, 6.0]])).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match=r"at least 1 values per channel in training, got 0$"):
        layer.forward(np.ones((0, 2)), training=True)


@pytest.mark.parametrize("size", [(7, 3), (3, 8)])
@pytest.mark.parametrize("layer", [partial(Conv2D, 2, 1), MaxPool2D, AveragePool2D])
def test_window_larger_than_the_image_is_refused(layer, size):
    message = (
        rf"^X: expected images of at least \({size[0]}, {size[1]}\), the window, got \(6, 7\)$"
    )
    with pytest.raises(ValueError, match=message):
        layer(size).forward(images(1))


@pytest.mark.parametrize("make", [MaxPool2D, AveragePool2D])
def test_places_between_the_windows_have_no_gradient(make):
    """Windows of one pixel, every other one: together with the gaps they fill the image."""
    layer, X = make(1, stride=2), np.ones((1, 4, 4, 1))
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    for _ in range(2):
        dX = layer.backward(np.ones_like(layer.forward(X)))
        assert dX[0, :, :, 0].tolist() == expected.tolist()
        dX.fill(7)  # what is left in the array for the next batch


def test_a_convolution_without_biases_has_none():
    layer, same = Conv2D(2, 3, 3, bias=False), Conv2D(2, 3, 3)
    assert [p.shape for p in layer.params] == [(3, 3, 2, 3)]
    layer.W[...] = same.W[...] = np.random.default_rng(0).normal(size=layer.W.shape)
    assert np.array_equal(layer.forward(images(2)), same.forward(images(2)))


def test_kernel_larger_than_the_image_fits_where_zeros_are_added():
    layer = Conv2D(1, 1, 5, padding="same")
    layer.W[...] = 1
    assert layer.forward(np.ones((1, 2, 2, 1))).ravel().tolist() == [4] * 4


def batch_norm(momentum=0.9, epsilon=1e-5):
    return BatchNorm(2, momentum=momentum, epsilon=epsilon, unbiased_running_variance=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 1, 3), "c_in must be above 0, got 0"),
        (lambda: Conv2D(1, -1, 3), "c_out must be above 0, got -1"),
        (lambda: Conv2D(1, 1, 0), "kernel must be at least 1, got 0"),
        (lambda: Conv2D(1, 1, 3, stride=(1, 0)), r"stride must be at least 1, got \(1, 0\)"),
        (lambda: Conv2D(1, 1, 3, padding="full"), "padding must be 'valid' or 'same', got 'full'"),
        (lambda: Conv2D(1, 1, (0, 3)), r"kernel must be at least 1, got \(0, 3\)"),
        (lambda: MaxPool2D((2, 0)), r"size must be at least 1, got \(2, 0\)"),
        (lambda: AveragePool2D(2, stride=0), "stride must be at least 1, got 0"),
        (lambda: Dropout(1.0, None), r"rate must be at least 0 and below 1, got 1\.0"),
        (lambda: LeakyReLU(-0.1), r"slope must be at least 0 and below 1, got -0\.1"),
        (lambda: BatchNorm.keras(0), "d must be above 0, got 0"),
        (lambda: batch_norm(momentum=1), "momentum must be at least 0 and below 1, got 1"),
        (lambda: batch_norm(epsilon=-1e-5), "epsilon must be at least 0, got -1e-05"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_step_gives_numbers_of_the_type_of_its_input():
    assert Step().forward(np.ones((2, 3), np.float32)).dtype == np.float32
