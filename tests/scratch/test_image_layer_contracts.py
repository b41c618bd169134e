"""What the image layers promise: types, shapes, reused arrays, modes, and what they refuse."""

import pickle
import tracemalloc

import numpy as np
import pytest

from scratch import (
    SGD,
    AveragePool2D,
    Batch,
    BatchNorm,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    LeakyReLU,
    MaxPool2D,
    ReLU,
    Sequential,
    Step,
    evaluate,
    train,
    train_step,
)

LAYERS = {
    "valid": lambda: Conv2D(2, 3, 3),
    "same": lambda: Conv2D(2, 3, 3, stride=2, padding="same"),
    "MaxPool2D": MaxPool2D,
    "overlapping": lambda: MaxPool2D(3, stride=1),
    "AveragePool2D": AveragePool2D,
    "BatchNorm": lambda: BatchNorm.keras(2),
    "LeakyReLU": lambda: LeakyReLU(0.3),
    "Flatten": Flatten,
    "Dropout": lambda: Dropout(0.5, np.random.default_rng(0)),
}
every = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def ready(make, dtype=np.float64):
    """Return the layer in training mode, with random parameters of this type."""
    network = Sequential(make(), dtype=dtype).train()
    network.theta[:] = np.random.default_rng(1).normal(size=network.theta.shape)
    return network.layers[0]


def images(n, dtype=np.float64):
    return np.random.default_rng(n).normal(size=(n, 6, 7, 2)).astype(dtype)


def run(layer, X):
    """Return copies of everything that a forward and a backward compute."""
    a = layer.forward(X).copy()
    da = np.random.default_rng(9).normal(size=a.shape).astype(a.dtype)
    return [a, layer.backward(da).copy(), *(g.copy() for g in layer.grads)]


@every
def test_inputs_are_left_as_they_are(make):
    layer, X = ready(make), images(4)
    a = layer.forward(X)
    da = np.ones_like(a)
    layer.backward(da)
    assert np.array_equal(X, images(4))
    assert (da == 1).all()


@every
def test_float32_stays_float32(make):
    layer = ready(make, np.float32)
    arrays = [*run(layer, images(4, np.float32)), *layer.state.values()]
    layer.training = False
    arrays += run(layer, images(4, np.float32))
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
    da = np.random.default_rng(0).normal(size=one.forward(images(4)).shape)
    other.forward(images(4))
    strided = np.repeat(da, 2, axis=1)[:, ::2]
    # 1e-14: sums of a batch may be added in another order
    assert one.backward(strided) == pytest.approx(other.backward(da), rel=1e-14, abs=1e-14)
    for g, expected in zip(one.grads, other.grads, strict=True):
        assert g == pytest.approx(expected, rel=1e-14, abs=1e-14)  # as above


@every
def test_batch_without_rows_has_an_output_and_gradients_without_rows(make):
    layer = ready(make)
    layer.training = False
    X = images(3)[:0]
    a = layer.forward(X)
    assert len(a) == 0
    assert layer.backward(a).shape == X.shape
    assert not any(g.any() for g in layer.grads)


@every
def test_results_are_arrays_that_the_layer_uses_again(make):
    layer, X = ready(make), images(4)
    a = layer.forward(X)
    dX = layer.backward(np.ones_like(a))
    again = layer.forward(X)
    assert np.shares_memory(a, again)
    if not isinstance(layer, Flatten):  # which returns a view of the gradient that it was given
        assert np.shares_memory(dX, layer.backward(np.ones_like(a)))


@every
def test_a_pickled_layer_goes_on_as_the_original_does(make):
    layer = ready(make)
    run(layer, images(3))
    copied = pickle.loads(pickle.dumps(layer))
    for one, other in zip(run(layer, images(2)), run(copied, images(2)), strict=True):
        assert one.tobytes() == other.tobytes()


def conv_network(dtype=np.float64):
    layers = Conv2D(2, 4, 3), BatchNorm.pytorch(4), ReLU(), MaxPool2D(2), Flatten()
    dropout = Dropout(0.5, np.random.default_rng(5))
    return Sequential(*layers, dropout, Dense(16, 3), dtype=dtype).initialize(
        np.random.default_rng(0)
    )


def test_first_layer_sets_the_same_gradients_without_dx():
    layer, X = ready(LAYERS["same"]), images(3)
    da = np.ones_like(layer.forward(X))
    layer.backward(da)
    kept = [g.copy() for g in layer.grads]
    layer.grads[0].fill(0)
    layer.backward_params(da)
    assert all(np.array_equal(g, k) for g, k in zip(layer.grads, kept, strict=True))


def test_train_sets_the_mode_of_every_layer_and_returns_the_network():
    network = conv_network()
    assert not any(layer.training for layer in network.layers)
    assert network.train() is network
    assert all(layer.training for layer in network.layers)
    assert not any(layer.training for layer in network.train(False).layers)


def test_a_step_runs_in_training_mode_and_leaves_it():
    network, X = conv_network(), images(6)
    batch = Batch(X, np.array([0, 1, 2, 0, 1, 2]))
    _, outputs = train_step(network, CategoricalCrossEntropy(), SGD(2**-40), batch)
    kept = outputs.copy()
    assert network.layers[5].mask is not None  # dropout has dropped
    assert network.state[0].any()  # the running mean has moved from zero
    assert not any(layer.training for layer in network.layers)
    assert not np.allclose(network.forward(X), kept)


def test_evaluation_drops_nothing_uses_no_batch_statistics_and_learns_nothing():
    network, X = conv_network(), images(6)
    batch = Batch(X, np.array([0, 1, 2, 0, 1, 2]))
    drawn = network.layers[5].rng.bit_generator.state
    state = [a.copy() for a in network.state]
    evaluate(network.train(), CategoricalCrossEntropy(), batch)
    assert all(np.array_equal(a, kept) for a, kept in zip(network.state, state, strict=True))
    assert network.layers[5].rng.bit_generator.state == drawn
    together = network.forward(X).copy()
    alone = np.concatenate([network.forward(X[i : i + 1]).copy() for i in range(6)])
    assert together == pytest.approx(alone, rel=1e-13, abs=1e-13)  # products in another order


def test_masks_are_those_of_the_generator_whatever_the_type():
    masks = []
    for dtype in (np.float32, np.float64):
        layer = Dropout(0.5, np.random.default_rng(7))
        layer.training = True
        layer.forward(images(5, dtype))
        masks.append(layer.mask)
    assert np.array_equal(*masks)
    u = np.random.default_rng(7).random((5, 6, 7, 2))
    assert np.array_equal(masks[1] != 0, u >= 0.5)


def test_rate_zero_drops_nothing():
    layer, X = ready(lambda: Dropout(0.0, np.random.default_rng(0))), images(2)
    assert np.array_equal(layer.forward(X), X)


def test_network_of_images_learns_batches_of_any_size():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=50)
    X = rng.normal(size=(50, 6, 7, 2)) + y[:, None, None, None]
    network, loss = conv_network(), CategoricalCrossEntropy()
    before = evaluate(network, loss, Batch(X, y))
    list(train(network, loss, SGD(0.05), Batch(X, y), [None] * 20, batch_size=16))
    after = evaluate(network, loss, Batch(X, y))
    assert after.loss < before.loss / 2


def test_training_allocates_no_arrays_after_the_first_epoch():
    rng = np.random.default_rng(0)
    layers = Conv2D(1, 16, 3), BatchNorm.keras(16), ReLU(), MaxPool2D(2), Conv2D(16, 16, 3)
    dropout = Dropout(0.5, np.random.default_rng(1))
    network = Sequential(*layers, ReLU(), Flatten(), dropout, Dense(16 * 11 * 11, 10))
    network.initialize(rng)
    data = Batch(rng.normal(size=(96, 28, 28, 1)), rng.integers(10, size=96))
    orders = [rng.permutation(96) for _ in range(3)]
    epochs = train(network, CategoricalCrossEntropy(), SGD(0.1), data, orders, batch_size=40)
    next(epochs)
    tracemalloc.start()
    try:
        list(epochs)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    smallest = 40 * 11 * 11 * 16 * 8  # the output of the second convolution
    assert peak < smallest / 2, peak  # NumPy's own buffers, and arrays of a network's size


def test_state_of_a_network_is_the_running_statistics_in_its_own_type():
    network = conv_network(np.float32)
    mean, variance = network.state
    assert mean.dtype == variance.dtype == np.float32
    assert mean is network.layers[1].state["mean"]
    assert variance is network.layers[1].state["variance"]


def test_one_row_in_training_is_refused_where_its_variance_is_unbiased():
    layer = BatchNorm.pytorch(2)
    layer.training = True
    with pytest.raises(ValueError, match=r"^X must hold at least 2 values a channel .*, got 1$"):
        layer.forward(np.ones((1, 2)))
    assert not layer.state["mean"].any()


def test_one_row_in_training_gives_beta_and_no_gradient_where_the_variance_is_biased():
    layer = BatchNorm.keras(2)
    layer.training = True
    layer.params[1][:] = 3, 4
    assert layer.forward(np.array([[7.0, -9.0]])).tolist() == [[3, 4]]
    assert layer.backward(np.array([[5.0, 6.0]])).tolist() == [[0, 0]]
    with pytest.raises(ValueError, match=r"at least 1 values a channel in training, got 0$"):
        layer.forward(np.ones((0, 2)))


@pytest.mark.parametrize("layer", [Conv2D(2, 1, (7, 3)), MaxPool2D((7, 3)), AveragePool2D((7, 3))])
def test_window_larger_than_the_image_is_refused(layer):
    message = r"^X: expected images of at least \(7, 3\), the window, got \(6, 7\)$"
    with pytest.raises(ValueError, match=message):
        layer.forward(images(1))


def test_kernel_larger_than_the_image_fits_where_zeros_are_added():
    layer = Conv2D(1, 1, 5, padding="same")
    layer.W[...] = 1
    assert layer.forward(np.ones((1, 2, 2, 1))).ravel().tolist() == [4] * 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D(0, 1, 3), "c_in must be above 0, got 0"),
        (lambda: Conv2D(1, -1, 3), "c_out must be above 0, got -1"),
        (lambda: Conv2D(1, 1, 0), "kernel must be at least 1, got 0"),
        (lambda: Conv2D(1, 1, 3, stride=(1, 0)), r"stride must be at least 1, got \(1, 0\)"),
        (lambda: Conv2D(1, 1, 3, padding="full"), "padding must be 'valid' or 'same', got 'full'"),
        (lambda: MaxPool2D((2, 0)), r"size must be at least 1, got \(2, 0\)"),
        (lambda: AveragePool2D(2, stride=0), "stride must be at least 1, got 0"),
        (lambda: Dropout(1.0, None), r"rate must be at least 0 and below 1, got 1\.0"),
        (lambda: LeakyReLU(-0.1), r"slope must be at least 0 and below 1, got -0\.1"),
        (lambda: BatchNorm.keras(0), "d must be above 0, got 0"),
    ],
)
def test_bad_argument_is_named_with_its_value_and_what_was_expected(make, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        make()


def test_step_gives_numbers_of_the_type_of_its_input():
    assert Step().forward(np.ones((2, 3), np.float32)).dtype == np.float32
