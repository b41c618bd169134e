"""What losses refuse, and what they are exactly where they change."""

import numpy as np
import pytest

from scratch import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    CosineLoss,
    Huber,
    KLDivergence,
    Mask,
    MeanAbsoluteError,
    MeanSquaredError,
    SequenceLoss,
    WeightedMean,
)


@pytest.mark.parametrize("loss", [CosineLoss.keras, Huber, KLDivergence, MeanAbsoluteError])
@pytest.mark.parametrize("shape", [(2, 1), (2,), (3, 2)])
def test_targets_of_another_shape_than_the_outputs_are_refused(loss, shape):
    with pytest.raises(ValueError, match=r"^y must have the shape \(2, 2\) and at least one row"):
        loss().forward(np.ones((2, 2)), np.ones(shape))


def test_divergence_from_nothing_where_nothing_is_expected_is_zero_and_so_is_its_gradient():
    loss = KLDivergence()
    assert loss.forward(np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]])) == 0
    assert loss.backward().tolist() == [[0, -1]]


def test_divergence_without_a_clip_takes_numbers_above_one_as_they_are():
    loss = KLDivergence()
    assert loss.forward(np.array([[2.0, 4.0]]), np.array([[1.0, 2.0]])) == 3 * np.log(0.5)
    assert loss.backward().tolist() == [[-0.5, -0.5]]


def test_divergence_with_a_clip_has_no_gradient_beyond_it_and_one_at_it():
    loss = KLDivergence(clip=0.25)
    a = np.array([[0.25, 1.0, 1.5, 0.125]])
    assert loss.forward(a, np.full((1, 4), 0.5)) == 0  # log 2 − log 2 − log 2 + log 2, halved
    assert loss.backward().tolist() == [[-2, -0.5, 0, 0]]


def test_loss_of_sequences_without_mask_and_ignored_label_counts_every_step():
    loss, plain = SequenceLoss(MeanSquaredError()), MeanSquaredError()
    z, y = np.arange(6.0).reshape(1, 3, 2), np.ones((1, 3, 2))
    assert loss.forward(z, y) == plain.forward(z[0], y[0])
    assert loss.backward().tolist() == [plain.backward().tolist()]


def test_loss_of_sequences_with_one_real_step_is_that_of_the_step():
    mask = Mask()
    mask.steps = np.array([[False, True, False]])
    loss = SequenceLoss(MeanSquaredError(), mask=mask)
    assert loss.forward(np.array([[[9.0], [2.0], [9.0]]]), np.zeros((1, 3, 1))) == 4
    assert loss.backward().tolist() == [[[0], [4], [0]]]


def test_loss_of_sequences_has_the_threshold_of_its_loss():
    assert SequenceLoss(BinaryCrossEntropy()).threshold == BinaryCrossEntropy.threshold == 0
    assert SequenceLoss(MeanSquaredError()).threshold == 0.5


def test_loss_of_sequences_takes_its_ignored_label_in_place_of_a_class():
    SequenceLoss(CategoricalCrossEntropy(), ignore=-1).require(
        np.zeros((1, 2, 1)), np.array([[0, -1]])
    )
    with pytest.raises(ValueError, match="^y must hold classes from 0 to 0, got -1 to 0$"):
        SequenceLoss(CategoricalCrossEntropy()).require(np.zeros((1, 2, 1)), np.array([[0, -1]]))


def test_loss_of_sequences_takes_several_targets_a_step_and_refuses_rows_and_columns():
    loss = SequenceLoss(MeanSquaredError())
    loss.require(np.zeros((1, 3, 2)), np.zeros((1, 3, 2)))
    with pytest.raises(ValueError, match=r"^y must have a target for each step of z \(3, 2\)"):
        loss.require(np.zeros((3, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match=r"^y must have the shape \(3,\)"):
        SequenceLoss(CategoricalCrossEntropy()).require(
            np.zeros((1, 3, 2)), np.zeros((1, 3, 1), int)
        )


def test_weighted_mean_refuses_the_targets_that_its_loss_refuses():
    with pytest.raises(ValueError, match="^y must hold classes from 0 to 2, got 3 to 3$"):
        WeightedMean(CategoricalCrossEntropy()).require(np.ones((1, 3)), np.array([3]))


@pytest.mark.parametrize(
    ("w", "got"),
    [(np.ones((2, 1)), r"shape \(2, 1\)"), ([1, 1], r"\[1, 1\]"), (2.0, "2.0")],
    ids=str,
)
def test_weights_that_are_no_vector_of_rows_are_refused(w, got):
    message = rf"^w must be an array of shape \(2,\), a weight for each row, got {got}$"
    loss, z, y = CategoricalCrossEntropy(), np.zeros((2, 3)), np.array([0, 1])
    with pytest.raises(ValueError, match=message):
        loss.forward(z, y, w)
    with pytest.raises(ValueError, match=message):
        SequenceLoss(loss).forward(z[:, None], y[:, None], w)
