"""What layers, losses and networks promise about arrays: whose they are, their types and shapes."""

import numpy as np
import pytest

from scratch import (
    Adam,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    HalfSquaredError,
    MeanSquaredError,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Tanh,
    train,
)

LAYERS = [lambda: Dense(3, 3), Sigmoid, Tanh, ReLU, Softmax]
LOSSES = [HalfSquaredError, MeanSquaredError, BinaryCrossEntropy, CategoricalCrossEntropy]
by_name = pytest.mark.parametrize(
    "make", LAYERS, ids=["Dense", "Sigmoid", "Tanh", "ReLU", "Softmax"]
)


def random_arrays(n, dtype=np.float64):
    rng = np.random.default_rng(n)
    return rng.normal(size=(n, 3)).astype(dtype), rng.normal(size=(n, 3)).astype(dtype)


def ready(layer, dtype=np.float64):
    """Give the layer's parameters their type and random values, the same for each layer."""
    Sequential(layer, dtype=dtype).theta[:] = np.linspace(-1, 1, 12)[: 12 * bool(layer.params)]
    return layer


def run(layer, x, da):
    """Return copies of everything that a forward and a backward compute."""
    return [layer.forward(x).copy(), layer.backward(da).copy(), *(g.copy() for g in layer.grads)]


def targets(loss, n, dtype=np.float64):
    rng = np.random.default_rng(n)
    k = 1 if loss is BinaryCrossEntropy else 3
    y = rng.integers(2, size=(n, k)).astype(dtype)
    y = rng.integers(3, size=n) if loss is CategoricalCrossEntropy else y
    return rng.normal(size=(n, k)).astype(dtype), y, rng.random(n).astype(dtype)


@by_name
def test_results_are_kept_when_the_layer_is_used_again(make):
    layer, (x, da) = ready(make()), random_arrays(4)
    results = [layer.forward(x), layer.backward(da)]
    kept = [a.copy() for a in results]
    run(layer, -x, 2 * da)
    assert all(np.array_equal(a, b) for a, b in zip(results, kept, strict=True))


@by_name
def test_inputs_are_left_as_they_are(make):
    layer, (x, da) = ready(make()), random_arrays(4)
    kept = x.copy(), da.copy()
    run(layer, x, da)
    assert np.array_equal((x, da), kept)


@by_name
@pytest.mark.parametrize("n", [1, 2, 6])
def test_another_batch_size_gives_what_a_new_layer_gives(make, n):
    layer, (x, da) = ready(make()), random_arrays(n)
    run(layer, *random_arrays(4))
    for used, new in zip(run(layer, x, da), run(ready(make()), x, da), strict=True):
        assert used.tobytes() == new.tobytes()


@by_name
def test_another_type_gives_what_a_new_layer_gives(make):
    layer = ready(make(), np.float32)
    run(layer, *random_arrays(4, np.float32))
    for used, new in zip(
        run(ready(layer), *random_arrays(4)), run(ready(make()), *random_arrays(4)), strict=True
    ):
        assert used.tobytes() == new.tobytes()


@by_name
def test_strided_input_gives_what_contiguous_input_gives(make):
    layer, (x, da) = ready(make()), random_arrays(4)
    strided = [np.repeat(a, 2, axis=1)[:, ::2] for a in (x, da)]
    assert not strided[0].flags.c_contiguous
    for actual, expected in zip(run(layer, *strided), run(ready(make()), x, da), strict=True):
        # 1e-15: a matrix product may add in another order
        assert actual == pytest.approx(expected, rel=1e-15, abs=1e-15)


@by_name
def test_float32_stays_float32(make):
    layer, (x, da) = ready(make(), np.float32), random_arrays(4, np.float32)
    assert {a.dtype for a in run(layer, x, da)} == {np.dtype(np.float32)}
    assert {p.dtype for p in layer.params} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_loss_of_another_batch_size_is_that_of_a_new_loss(loss, weighted):
    used = loss()
    used.forward(*targets(loss, 4))
    used.backward()
    for n in (1, 3, 6):
        z, y, w = targets(loss, n)
        w, new = w if weighted else None, loss()
        assert used.forward(z, y, w) == new.forward(z, y, w)
        assert used.backward().tobytes() == new.backward().tobytes()


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_a_float32_loss_is_float32(loss, weighted):
    z, y, w = targets(loss, 4, np.float32)
    kept, loss = z.copy(), loss()
    loss.forward(z, y, w if weighted else None)
    assert loss.backward().dtype == np.float32
    assert np.array_equal(z, kept)


@pytest.mark.parametrize("loss", [HalfSquaredError, MeanSquaredError, BinaryCrossEntropy])
def test_targets_without_their_column_are_refused_not_broadcast(loss):
    with pytest.raises(ValueError, match="y must have the shape"):
        loss().forward(np.zeros((4, 1)), np.zeros(4))


def small_network(dtype=np.float64):
    network = Sequential(Dense(3, 4), ReLU(), Dense(4, 2, bias=False), dtype=dtype)
    return network.initialize(np.random.default_rng(0))


def test_parameters_and_gradients_are_views_of_two_flat_vectors():
    network, rng = small_network(), np.random.default_rng(1)
    X, y = rng.normal(size=(5, 3)), np.array([0, 1, 0, 1, 1])
    network.loss_and_grad(CategoricalCrossEntropy(), X, y)
    first, _, last = network.layers
    assert network.theta.shape == network.grad.shape == (3 * 4 + 4 + 4 * 2,)
    for flat, arrays in [
        (network.theta, [*first.params, *last.params]),
        (network.grad, [*first.grads, *last.grads]),
    ]:
        assert np.array_equal(flat, np.concatenate([a.ravel() for a in arrays]))
        assert all(np.shares_memory(flat, a) for a in arrays)
    assert network.grad.any()
    network.theta[:] = 7
    assert first.b.tolist() == [7] * 4


def test_gradients_returned_by_a_network_are_kept():
    network, loss = small_network(), CategoricalCrossEntropy()
    X = np.ones((2, 3))
    _, grads = network.loss_and_grad(loss, X, np.array([0, 0]))
    kept = [g.copy() for g in grads]
    network.loss_and_grad(loss, X, np.array([1, 1]))
    assert all(np.array_equal(g, k) for g, k in zip(grads, kept, strict=True))
    assert not np.array_equal(kept[0], network.grads[0])


def test_bind_changes_the_type_and_keeps_the_values():
    network = small_network()
    before = network.theta.astype(np.float32)
    network.bind(np.float32)
    assert network.theta.dtype == network.grad.dtype == np.float32
    assert np.array_equal(network.theta, before)
    assert np.shares_memory(network.layers[0].W, network.theta)


def test_float32_training_stays_float32():
    network, adam = small_network(np.float32), Adam()
    X = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    data = Batch(X, np.array([0, 1, 1, 0, 1, 0, 1]), np.ones(7, np.float32))
    train(network, CategoricalCrossEntropy(), adam, data, [np.arange(7)], batch_size=3)
    assert network.forward(X).dtype == np.float32
    arrays = [network.theta, network.grad, adam.state["m"], adam.state["v"]]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}
