"""The floating-point operations of a step, against counts made by hand."""

import pytest

from experiments.harness.bench.flops import Flops, count_flops
from experiments.registry import find_experiment
from frameworks import Parts
from scratch import (
    LSTM,
    SGD,
    Adam,
    AMSGrad,
    BatchNorm,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Conv2D,
    Dense,
    Embedding,
    Flatten,
    LayerNorm,
    MaxPool2D,
    ReLU,
    Reshape,
    Residual,
    RMSprop,
    Scheduled,
    SelfAttention,
    Sequential,
    Sigmoid,
)


def parts(*layers, loss=None, optimizer=None):
    network = Sequential(*layers)
    return Parts(network, loss or BinaryCrossEntropy(), optimizer or SGD(0.5), lambda *_: [])


def test_one_dense_layer_by_hand():
    # Forward, 4 rows: 2·4·3·2 = 48 for X W, 4·2 = 8 for + b, 8 for the loss.
    # Backward: 8 for dz, 48 for Xᵀ dz, 8 for Σ dz; dX is not needed.
    # SGD: η g and θ − η g for 3·2 + 2 = 8 parameters.
    counted = count_flops(parts(Dense(3, 2)), rows=4, inputs=3)
    assert counted == Flops(forward=64, backward=64, optimizer=16)
    assert counted.step == 144


def test_two_dense_layers_by_hand():
    # 1 row. Dense(3, 2): 12 + 2, and back 12 + 2. Sigmoid: 2, and back 2.
    # Dense(2, 1), no bias: 4; back 4 for dW and 4 for dX. Loss: 1 and 1.
    # Adam: 12 for each of 6 + 2 + 2 parameters.
    network = parts(Dense(3, 2), Sigmoid(), Dense(2, 1, bias=False), optimizer=Adam())
    assert count_flops(network, 1, 3) == Flops(14 + 2 + 4 + 1, 14 + 2 + 8 + 1, 120)


def test_a_convolutional_network_by_hand():
    # 1 row of 4 x 4 x 1. Conv 3 x 3 to 2 channels: 2 x 2 positions, 8 outputs of 2·9 and a bias:
    # 144 + 8, back the same. ReLU: 8, back 8. MaxPool2D(2): 2 outputs of 4: 8, back 8.
    # Dense(2, 3): 12 + 3; back 12 + 3 and 12 for dX. Loss: 3 and 3.
    # Parameters: 18 + 2 + 6 + 3 = 29, 2 each.
    network = parts(
        Reshape(4, 4, 1),
        Conv2D(1, 2, kernel=3),
        ReLU(),
        MaxPool2D(2),
        Flatten(),
        Dense(2, 3),
        loss=CategoricalCrossEntropy(),
    )
    assert count_flops(network, 1, 16) == Flops(152 + 8 + 8 + 15 + 3, 152 + 8 + 8 + 27 + 3, 58)


def test_a_second_convolution_also_has_the_gradient_of_its_inputs():
    # 1 x 3 x 1, kernels 1 x 2: 2 outputs of 2·2, then 1 output of 2·2, no biases.
    # Backward: 8 for the first dW, 4 for the second, 4 for its dX.
    layers = [Conv2D(1, 1, (1, 2), bias=False) for _ in range(2)]
    counted = count_flops(parts(Reshape(1, 3, 1), *layers, Flatten()), 1, 3)
    assert counted == Flops(8 + 4 + 1, 8 + 4 + 4 + 1, 2 * 4)


@pytest.mark.parametrize(
    ("optimizer", "operations"),
    [
        (SGD(0.5), 2),
        (SGD(0.5, momentum=0.5), 4),
        (SGD(0.5, momentum=0.5, nesterov=True), 6),
        (Adam(), 12),
        (AMSGrad(), 13),
        (Scheduled(lambda k: 0.5, SGD(0.5)), 2),
    ],
)
def test_optimizers_by_hand(optimizer, operations):
    counted = count_flops(parts(Dense(1, 1), optimizer=optimizer), 1, 1)
    assert counted.optimizer == 2 * operations


def test_a_recurrent_layer_by_hand():
    # 3 steps of 2 numbers, LSTM of 4 units. Each step: 2·2·16 for x W, 2·4·16 for h U, 16 for b,
    # and 9 for each unit: σ thrice, tanh twice, i g, f c, o tanh(c), a sum: 64 + 128 + 16 + 36.
    # Back: the same products and sums for dW, dU and db, ds Uᵀ, and 12 for each unit: activations
    # 5, products of two numbers 3, a sum: 64 + 128 + 16 + 128 + 48.
    # Dense: 8 + 1; back 8 + 1 and 8. Loss: 1 and 1.
    layers = Reshape(3, 2), LSTM(2, 4), Dense(4, 1)
    counted = count_flops(parts(*layers), rows=1, inputs=6)
    assert counted == Flops(3 * 244 + 9 + 1, 3 * 384 + 17 + 1, 2 * (8 * 4 + 16 * 4 + 16 + 5))


def test_a_block_of_attention_by_hand():
    # 3 tokens of 2 numbers, 2 heads. The embedding moves rows; its gradient adds 6 numbers.
    # Attention: 4 products of 2·3·2·2 = 24, no biases; scores and weighted sums 2·3·3·2 = 36 each,
    # and 6 for each of 18 weights: 96 + 72 + 108. Back: 96 for the four dW; 24 through W_o, four
    # products of 36, 5 for each weight: 24 + 144 + 90; dX: 3 products of 24, two sums of 6: 84.
    # The residual sum: 6, and 6. Norm of 6 numbers: 42; back 18 and 48. Loss: 6 and 6.
    layers = Embedding(5, 2), Residual(SelfAttention(2, heads=2, bias=False)), LayerNorm.keras(2)
    counted = count_flops(parts(*layers), rows=1, inputs=3)
    assert counted == Flops(276 + 6 + 42 + 6, 6 + 96 + 258 + 84 + 6 + 66 + 6, 2 * (10 + 16 + 4))


def test_operations_grow_with_the_rows_but_not_the_optimizers():
    one, ten = (count_flops(parts(Dense(3, 2)), rows, 3) for rows in (1, 10))
    assert (ten.forward, ten.backward) == (10 * one.forward, 10 * one.backward)
    assert ten.optimizer == one.optimizer


def test_what_is_not_counted_is_refused_by_name():
    with pytest.raises(TypeError, match="BatchNorm are not counted"):
        count_flops(parts(Dense(1, 1), BatchNorm.keras(1)), 1, 1)
    with pytest.raises(TypeError, match="RMSprop are not counted"):
        count_flops(parts(Dense(1, 1), optimizer=RMSprop.keras()), 1, 1)


def test_matrix_products_are_nearly_all_of_mnist():
    experiment = find_experiment("mnist")
    spec, build = experiment.spec, experiment.blueprint.builders["scratch"]
    counted = count_flops(build(), spec.batch_size, spec.inputs)
    products = 2 * 128 * (2 * 784 * 128 + 3 * 128 * 10)
    assert products < counted.step < 1.05 * products  # Adam on 101,770 parameters is 2 %
