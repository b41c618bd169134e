"""Rows of weight 1 leave a PyTorch loss as it is, whatever it divides by; others count as often."""

import numpy as np
import pytest
import torch
from torch import nn

from frameworks.pytorch.user_code import compute_loss

RNG = np.random.default_rng(0)
Z = torch.tensor(RNG.normal(size=(6, 4)), requires_grad=True)
LABELS = torch.tensor([0, 1, 2, 3, 1, 1])
CLASSES = torch.tensor(RNG.uniform(0.5, 2, 4))
PARTS = torch.softmax(torch.tensor(RNG.normal(size=(6, 4))), 1)
REAL = torch.tensor(RNG.normal(size=(6, 4)))


@pytest.mark.parametrize(
    ("loss", "targets"),
    [
        (nn.CrossEntropyLoss(), LABELS),
        (nn.CrossEntropyLoss(weight=CLASSES), LABELS),
        (nn.CrossEntropyLoss(ignore_index=1), LABELS),
        (nn.CrossEntropyLoss(weight=CLASSES, ignore_index=1, label_smoothing=0.125), LABELS),
        (nn.CrossEntropyLoss(ignore_index=1, label_smoothing=0.125), LABELS),
        (nn.CrossEntropyLoss(weight=CLASSES), PARTS),
        (nn.CrossEntropyLoss(weight=CLASSES, reduction="sum"), LABELS),
        (nn.NLLLoss(weight=CLASSES, ignore_index=1), LABELS),
        (nn.KLDivLoss(reduction="batchmean"), PARTS),
        (nn.BCEWithLogitsLoss(weight=CLASSES), PARTS),
        (nn.MSELoss(), REAL),
    ],
    ids=lambda x: type(x).__name__,
)
def test_rows_of_weight_one_leave_a_loss_as_it_is(loss, targets):
    ones = torch.ones(6, dtype=Z.dtype)
    plain, weighted = loss(Z, targets), compute_loss(loss, Z, [targets], ones)
    torch.testing.assert_close(weighted, plain, rtol=1e-14, atol=0)  # a sum of 6 rows is rounded


def test_a_row_of_weight_zero_adds_nothing_and_is_divided_by_as_before():
    loss = nn.CrossEntropyLoss(weight=CLASSES, reduction="sum")
    w = torch.tensor([0.0, 1, 1, 1, 1, 2], dtype=Z.dtype)
    expected = loss(Z[1:], LABELS[1:]) + loss(Z[5:], LABELS[5:])
    mean = nn.CrossEntropyLoss(weight=CLASSES)
    found = compute_loss(mean, Z, [LABELS], w) * CLASSES[LABELS].sum()
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)  # a sum of 6 rows is rounded
