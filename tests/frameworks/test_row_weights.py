"""Rows of weight 1 train as rows without weights do; a loss that cannot be weighted is refused."""

import keras
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from frameworks import PyTorchClassifier, PyTorchRegressor
from frameworks.keras.adapter import _tensors
from frameworks.program import Parts
from frameworks.pytorch.row_weights import weighted_loss
from frameworks.spec import Spec
from scratch import Batch, CategoricalCrossEntropy, SequenceLoss

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(12, 2)), np.arange(12) % 3
Z, TOKENS = RNG.normal(size=(4, 3, 5)), np.array([[-1, 2, 0], [-1, 4, 1], [-1, -1, 3], [0, 1, 2]])
W = np.array([0.0, 1, 2, 3])
SPEC, THREE = Spec(inputs=2, outputs=1), Spec(inputs=2, outputs=3)
LIMIT = 1e-14  # a sum of 12 rows is rounded


class MeanAlone(nn.Module):
    """A mean, whatever its reduction."""

    reduction = "mean"

    def forward(self, a, y):
        return (a - y).square().mean()


class Flattened(nn.CrossEntropyLoss):
    """Cross-entropy of all steps, one after the other."""

    def forward(self, z, y):
        return super().forward(z.flatten(0, 1), y.flatten())


def network(loss):
    """Return a builder of a linear network with this loss."""

    def build(spec=SPEC):
        linear, k = nn.Linear(2, spec.outputs), spec.outputs
        own = [np.ones((2, k)), np.arange(k)]
        return Parts(linear, loss, torch.optim.SGD(linear.parameters(), 0.125), lambda *_: own)

    return build


def curve(estimator, loss, y, weights):
    built = estimator(network(loss), epochs=2, batch_size=12, dtype="float64")
    return built.fit(X, y, weights).loss_curve_


@pytest.mark.parametrize(
    "loss",
    [
        nn.CrossEntropyLoss(weight=torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)),
        nn.CrossEntropyLoss(ignore_index=0),
    ],
    ids=["class weights", "ignored class"],
)
def test_rows_of_weight_one_train_as_rows_without_weights(loss):
    plain, ones = (curve(PyTorchClassifier, loss, CLASSES, w) for w in (None, np.ones(12)))
    assert ones == pytest.approx(plain, rel=LIMIT, abs=0)


@pytest.mark.parametrize(
    ("loss", "name"),
    [(F.mse_loss, "mse_loss"), (MeanAlone(), "MeanAlone")],
    ids=["function", "module"],
)
def test_a_loss_without_losses_of_its_rows_is_refused_by_name_and_left_as_it_is(loss, name):
    message = rf"^sample_weight, class_weight: PyTorch's loss {name} does not return the loss of"
    with pytest.raises(ValueError, match=message):
        curve(PyTorchRegressor, loss, X[:, :1], np.ones(12))
    assert getattr(loss, "reduction", "mean") == "mean"


@pytest.mark.parametrize("w", [np.ones(4), W], ids=["ones", "unequal"])
def test_a_row_of_a_sequence_has_one_weight_for_all_its_steps(w):
    expected = SequenceLoss(CategoricalCrossEntropy(), ignore=-1).forward(Z, TOKENS, w)
    found = weighted_loss(Flattened(ignore_index=-1), *map(torch.tensor, (Z, TOKENS, w)))
    assert found.item() == pytest.approx(expected, rel=LIMIT, abs=0)
    _, y, rows = _tensors(Batch(Z, TOKENS, w))
    loss = keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, ignore_class=-1, dtype="float64"
    )
    assert float(loss(y, Z, sample_weight=rows)) == pytest.approx(expected, rel=LIMIT, abs=0)


def test_a_weight_of_a_row_of_images_counts_for_all_its_elements_in_keras():
    a, y = RNG.normal(size=(2, 4, 3, 3, 1))
    _, targets, rows = _tensors(Batch(a, y, W))
    loss = keras.losses.MeanSquaredError(dtype="float64")(targets, a, sample_weight=rows)
    expected = (W * ((a - y) ** 2).mean(axis=(1, 2, 3))).mean()
    assert float(loss) == pytest.approx(expected, rel=LIMIT, abs=0)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("written_in", [torch.float32, torch.float64])
def test_weights_of_classes_take_the_dtype_of_the_training(dtype, written_in):
    def build(spec=THREE):
        network = nn.Linear(2, 3)
        loss = nn.CrossEntropyLoss(weight=torch.tensor([1, 2, 4], dtype=written_in))
        optimizer = torch.optim.SGD(network.parameters(), lr=0.125)
        return Parts(network, loss, optimizer, lambda spec, rng: [np.ones((2, 3)), np.zeros(3)])

    model = PyTorchClassifier(build=build, epochs=1, batch_size=12, dtype=dtype)
    model.fit(X, CLASSES)
    rounded = 4 * float(np.finfo(dtype).eps)  # a sum of twelve rows, by that of their weights
    assert model.history_[0]["loss"] == pytest.approx(np.log(3), rel=rounded)  # outputs are equal
