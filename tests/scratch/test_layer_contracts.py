"""What layers promise beyond their numbers: repetition, copies, types, masks, boundaries."""

from copy import copy

import keras
import numpy as np
import pytest

from scratch import (
    GRU,
    LSTM,
    Bidirectional,
    BilinearUpsample2D,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    GroupNorm,
    LayerNorm,
    LinearUpsample1D,
    Masking,
    MeanSquaredError,
    NearestUpsample1D,
    RMSNorm,
    SelfAttention,
    Sequential,
    SimpleRNN,
    Softplus,
    Tanh,
    check_gradients,
)
from scratch.layers.attention import attend, attend_backward

LAYERS = {
    "rnn": lambda: SimpleRNN(2, 2),
    "lstm": lambda: LSTM(2, 2),
    "gru": lambda: GRU(2, 2),
    "gru before": lambda: GRU(2, 2, reset_after=False),
    "both": lambda: Bidirectional(SimpleRNN(2, 2), SimpleRNN(2, 2, reverse=True)),
    "attention": lambda: SelfAttention(2),
    "embedding": lambda: Embedding(3, 2),
    "layer norm": lambda: LayerNorm(2, epsilon=0.1),
    "group norm": lambda: GroupNorm(2, 1, epsilon=0.1),
    "rms norm": lambda: RMSNorm(2, epsilon=0.1),
}


def ready(layer, seed=0):
    """Give the layer weights that are all different, and return it."""
    rng = np.random.default_rng(seed)
    for p in layer.params:
        p[...] = rng.normal(size=p.shape)
    return layer


def sequences(layer, seed=1):
    """Return two sequences that the layer reads."""
    rng = np.random.default_rng(seed)
    indices = isinstance(layer, Embedding)
    return rng.integers(3, size=(2, 3)) if indices else rng.normal(size=(2, 3, 2))


@pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)
def test_backward_a_second_time_gives_the_same(make):
    layer = ready(make())
    a = layer.forward(sequences(layer))
    da = np.random.default_rng(2).normal(size=a.shape)
    first = [layer.backward(da).tolist(), *(g.tolist() for g in layer.grads)]
    assert [layer.backward(da).tolist(), *(g.tolist() for g in layer.grads)] == first


def test_copy_of_a_bidirectional_layer_shares_its_weights_and_nothing_that_it_has_read():
    layer = ready(LAYERS["both"]())
    X, da = sequences(layer), np.ones((2, 4))
    layer.forward(X)
    dX = layer.backward(da).tolist()
    other = copy(layer)
    assert all(p is q for p, q in zip(layer.params, other.params, strict=True))
    assert other.forward(X).tolist() == layer.forward(X).tolist()
    other.forward(sequences(layer, seed=3))
    assert layer.backward(da).tolist() == dX


def test_attention_without_heads_is_that_of_one_head():
    q, k, v, da = np.random.default_rng(0).normal(size=(4, 2, 3, 2))  # 2 sequences of 3 steps
    a, weights = attend(q, k, v)
    headed = [array[:, np.newaxis] for array in (q, k, v, weights, da)]
    assert a.tolist() == attend(*headed[:3])[0][:, 0].tolist()
    alone, one = attend_backward(da, q, k, v, weights), attend_backward(headed[4], *headed[:4])
    assert [g.tolist() for g in alone] == [g[:, 0].tolist() for g in one]


def test_step_counts_as_padding_if_all_its_numbers_do():
    layer = Masking(5)
    layer.forward(np.array([[[5, 5], [5, 0], [0, 5], [1, 2]]]))
    assert layer.mask.steps.tolist() == [[False, True, True, True]]


def test_zeros_at_padding_are_none_without_a_mask():
    X = np.random.default_rng(0).normal(size=(1, 3, 2))
    a = ready(LSTM(2, 2, return_sequences=True, zero_at_padding=True)).forward(X)
    assert a.tolist() == ready(LSTM(2, 2, return_sequences=True)).forward(X).tolist()


def test_images_enlarged_by_one_stay_as_they_are():
    X = np.random.default_rng(0).normal(size=(1, 2, 2, 1))
    for layer in (BilinearUpsample2D(1), BilinearUpsample2D(1, align_corners=True)):
        assert layer.forward(X).tolist() == X.tolist()


def test_steps_are_doubled_unless_another_factor_is_named():
    X = np.array([[[1.0], [3.0]]])
    assert NearestUpsample1D().forward(X).ravel().tolist() == [1, 1, 3, 3]
    assert LinearUpsample1D().forward(X).ravel().tolist() == [1, 1.5, 2.5, 3]


def test_softplus_is_curved_at_its_threshold_and_straight_above():
    layer, z = Softplus(threshold=1), np.array([1.0, np.nextafter(1, 2)])
    assert (layer.forward(z) - z).tolist() == [pytest.approx(np.log(1 + np.e) - 1), 0]  # rounding
    assert layer.backward(np.ones(2)).tolist() == [pytest.approx(np.e / (1 + np.e)), 1]  # rounding


def test_embedding_without_padding_notes_no_steps():
    layer = Embedding(3, 2)
    layer.forward(np.array([[0, 1]]))
    assert layer.mask.steps is None


@pytest.mark.parametrize("make", [LayerNorm.pytorch, RMSNorm.pytorch, RMSNorm.keras])
def test_normalization_stays_in_the_type_of_its_network(make):
    layer, X = make(2), np.ones((1, 2), np.float32)
    layer.attach(
        *([a.astype(np.float32) for a in arrays] for arrays in (layer.params, layer.grads))
    )
    assert layer.forward(X).dtype == layer.backward(X).dtype == np.float32


def test_number_of_groups_is_that_of_keras():
    assert GroupNorm.keras(64).groups == keras.layers.GroupNormalization().groups


def test_one_branch_alone_is_concatenated_with_nothing():
    layer = Concatenate(Dense(1, 2))
    layer.theta = [1, 2, 3, 4]
    assert layer.forward(np.array([[10.0]])).tolist() == [[13, 24]]


def test_no_rows_have_no_predictions():
    assert Dense(2, 3).forward(np.ones((0, 2))).shape == (0, 3)
    assert Sequential(Dense(2, 3)).predict(np.ones((0, 2))).shape == (0, 3)


def test_gradient_of_nothing_is_right():
    network = Sequential(Dense(2, 1))  # W is 0, and so is dX
    assert check_gradients(network, MeanSquaredError(), np.ones((2, 2)), np.ones((2, 1))) == []


def test_layer_that_stands_in_two_places_has_one_gradient_for_both():
    dense = Dense(1, 1)
    network = Sequential(dense, Tanh(), dense)
    network.theta = [2, 0]
    network.forward(np.array([[1.0]]))
    network.backward(np.ones((1, 1)))
    both = network.grad.copy()
    network.backward_params(np.ones((1, 1)))
    # da/dW = tanh 2 + 2 (1 − tanh² 2) where a = 2 tanh(2 · 1), and da/db is 1 + 2 (1 − tanh² 2)
    slope = 2 * (1 - np.tanh(2) ** 2)
    assert network.grad.tolist() == both.tolist()
    assert both[:2] == pytest.approx([np.tanh(2) + slope, 1 + slope])  # rounding


def test_gradient_of_a_network_can_be_set():
    network = Sequential(Dense(1, 1))
    network.grad = [3, 4]
    assert [g.tolist() for g in network.layers[0].grads] == [[[3]], [4]]


def test_loss_and_gradient_are_those_of_evaluation_unless_training_is_asked_for():
    network, X, y = Sequential(Dense(2, 1), Dropout(0.5)), np.ones((4, 2)), np.ones((4, 1))
    network.theta = [1, 1, 0]
    assert network.loss_and_grad(MeanSquaredError(), X, y)[0] == 1
