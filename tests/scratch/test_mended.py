"""Cases that were once wrong: each stands for one that was."""

import copy
import pickle

import numpy as np
import pytest

from scratch import (
    SGD,
    Adam,
    Batch,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    ClipNorm,
    Conv2D,
    DecoupledWeightDecay,
    Dense,
    Flatten,
    KerasEarlyStopping,
    MeanSquaredError,
    PerceptronLoss,
    Reshape,
    RMSprop,
    Scheduled,
    Sequential,
    StepRate,
    Tanh,
    check_gradients,
    count_correct,
    evaluate,
    iter_epochs,
    sigmoid,
    train,
)


def network():
    made = Sequential(Dense(2, 3), Tanh(), Dense(3, 1))
    return made.initialize(np.random.default_rng(0))


def table(n=6):
    rng = np.random.default_rng(1)
    return Batch(rng.normal(size=(n, 2)), rng.normal(size=(n, 1)))


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda a: pickle.loads(pickle.dumps(a))])
def test_a_copied_network_learns_as_the_original_does(copied):
    one, data = network(), table()
    other = copied(one)
    for each in (one, other):
        train(each, MeanSquaredError(), SGD(0.1), data, [None] * 5, batch_size=6)
    assert other.layers[0].W.tobytes() == one.layers[0].W.tobytes()
    assert np.shares_memory(other.theta, other.layers[2].W)


def test_parameters_that_are_assigned_reach_the_layers():
    made = network()
    made.theta = made.theta + 1
    assert np.array_equal(made.layers[0].b, np.ones(3))


def test_a_network_whose_layers_were_put_into_another_says_so():
    made = network()
    Sequential(*made.layers[:-1], Dense(3, 2))
    with pytest.raises(RuntimeError, match="belong to another network"):
        train(made, MeanSquaredError(), SGD(0.1), table(), [None], batch_size=6)


def test_what_was_predicted_is_not_kept():
    made, X = Sequential(Conv2D(1, 4, 3), Flatten(), Dense(144, 1)), np.ones((600, 8, 8, 1))
    outputs = made.predict(X)
    assert outputs.shape == (600, 1)
    assert not hasattr(made.layers[0], "columns")
    assert np.array_equal(outputs, made.forward(X))


def test_a_saved_network_is_loaded_with_its_statistics(tmp_path):
    one, other = (Sequential(Dense(2, 3), BatchNorm.keras(3), Dense(3, 1)) for _ in range(2))
    one.initialize(np.random.default_rng(0))
    train(one, MeanSquaredError(), SGD(0.1), table(), [None] * 3, batch_size=6)
    one.save(tmp_path / "weights.npz")
    other.load(tmp_path / "weights.npz")
    assert np.array_equal(other.predict(table().X), one.predict(table().X))
    with pytest.raises(ValueError, match="arrays of another network"):
        network().load(tmp_path / "weights.npz")


def test_integers_are_taken_as_numbers():
    made = Sequential(Reshape(2), Dense(2, 1), dtype=np.float32)
    assert made.forward(np.array([[1, 2]])).dtype == np.float32


@pytest.mark.parametrize("size", [2, 6])
def test_losses_are_those_of_the_rows_in_any_order(size):
    data, orders = table(), [np.array([5, 3, 1, 0, 2, 4]), None, None, np.arange(6)]
    made = network()
    epochs = iter_epochs(made, MeanSquaredError(), SGD(2.0**-30), data, orders * 2, size)
    losses = [epoch.loss for epoch in epochs]
    # 1e-6: the steps of 2⁻³⁰ times a gradient of some 1
    assert losses == pytest.approx([evaluate(made, MeanSquaredError(), data).loss] * 8, rel=1e-6)


def test_training_as_a_statement_trains():
    made = network()
    before = made.theta.copy()
    train(made, MeanSquaredError(), SGD(0.1), table(), [None], batch_size=6)
    assert not np.array_equal(made.theta, before)


def test_early_stopping_restores_statistics_too():
    theta, mean = np.zeros(2), np.zeros(1)
    stopping = KerasEarlyStopping(patience=1)
    stopping.stop(1.0, theta, mean)
    theta += 1
    mean += 1
    stopping.restore(theta, mean)
    assert (theta.tolist(), mean.tolist()) == ([0, 0], [0])


def test_small_sigmoids_keep_their_digits():
    assert sigmoid(np.array([-np.inf])).item() == 0
    exact = 8.194e-40  # e^-90, below the smallest normal float32: it has three digits there
    assert sigmoid(np.array([-90], np.float32)).item() == pytest.approx(exact, rel=1e-3)


def test_gradient_at_a_sure_logit_keeps_its_digits():
    loss = BinaryCrossEntropy()
    loss.forward(np.array([[20.0]]), np.array([[1.0]]))
    # 1e-15: the exponential and two roundings; 2.0611536181902037e-09 is σ(−20)
    assert loss.backward().item() == pytest.approx(-2.0611536181902037e-09, rel=1e-15)


def test_infinite_logits_have_a_loss():
    loss = BinaryCrossEntropy()
    assert loss.forward(np.array([[np.inf], [-np.inf]]), np.array([[1.0], [0.0]])) == 0
    assert loss.forward(np.array([[np.inf]]), np.array([[0.0]])) > 1e300


@pytest.mark.parametrize("loss", [CategoricalCrossEntropy, PerceptronLoss])
@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range_is_refused(loss, label):
    made, data = Sequential(Dense(2, 3)), Batch(np.ones((2, 2)), np.array([0, label]))
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        train(made, loss(), SGD(0.1), data, [None], batch_size=2)


def test_answers_of_another_shape_are_not_counted():
    with pytest.raises(ValueError, match="must have the shape"):
        count_correct(np.zeros((3, 1)), np.zeros(3))


@pytest.mark.parametrize(
    ("g", "step"), [([np.inf, 1], [np.nan, 0]), ([3e19, 4e19], [0, 0]), ([3, 4], [0.6, 0.8])]
)
@pytest.mark.filterwarnings("ignore:overflow|invalid")
def test_clipping_as_pytorch_does_of_any_norm(g, step):
    theta = np.zeros(2, np.float32)
    ClipNorm.pytorch(1.0, SGD(1.0)).step(theta, np.array(g, np.float32))
    assert -theta == pytest.approx(np.array(step), rel=1e-6, nan_ok=True)  # ε of PyTorch


def test_centered_rmsprop_of_a_constant_gradient_stays_a_number():
    theta, optimizer = np.zeros(1), RMSprop(centered=True, epsilon=1e-8)
    for _ in range(4_000):
        optimizer.step(theta, np.array([0.1]))
    assert np.isfinite(theta).all()


def test_decoupled_decay_follows_the_schedule():
    theta, rate = np.array([1.0]), StepRate(0.5, factor=0.5, size=1)
    optimizer = DecoupledWeightDecay(1.0, Scheduled(rate, SGD(9.0)))
    for expected in (0.5, 0.375):
        optimizer.step(theta, np.zeros(1))
        assert theta.item() == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_adams_memory_of_a_gradient_that_ended_ends(dtype):
    theta, adam = np.zeros(1, dtype), Adam()
    adam.step(theta, np.array([1e-25], dtype))
    steps = 1_280 if dtype is np.float32 else 8_192
    for _ in range(steps):
        adam.step(theta, np.zeros(1, dtype))
    assert adam.state["m"].item() == 0


def test_the_layer_whose_gradient_is_wrong_is_named():
    class Wrong(Dense):
        def backward_params(self, dz):
            super().backward_params(dz)
            self.grads[1] *= 1.5

    made = Sequential(Dense(2, 3), Tanh(), Wrong(3, 1)).initialize(np.random.default_rng(0))
    (wrong,) = check_gradients(made, MeanSquaredError(), *table()[:2])
    assert (wrong.where, wrong.of) == ("layer 2 (Wrong)", "params[1]")
    assert wrong.error == pytest.approx(1 / 3, rel=1e-6)  # central differences
    assert check_gradients(network(), MeanSquaredError(), *table()[:2]) == []
