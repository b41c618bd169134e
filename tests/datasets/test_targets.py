from dataclasses import replace

import numpy as np
import pytest

from datasets import DataError, Quantity, load_diabetes, load_digits

X = np.zeros((3, 2))
height = Quantity("height", "cm", mean=170.0, scale=10.0)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(3, np.float32), "C-contiguous float64 targets, found float32"),
        (np.zeros(6)[::2], "expected C-contiguous"),
        (np.zeros((3, 1)), r"expected targets \(3,\), found \(3, 1\)"),
        (np.zeros(2), r"expected targets \(3,\), found \(2,\)"),
        (np.array([0, np.nan, 0]), "a target is NaN or infinite"),
        (np.array([0, 0, -np.inf]), "a target is NaN or infinite"),
    ],
)
@pytest.mark.parametrize("part", ["training", "test"])
def test_quantities_of_another_form_are_refused(part, y, message):
    names = {"training": "y_train", "test": "y_test"}
    columns = {"feature_names": ("a", "b"), "X_train": X, "X_test": X}
    good = replace(load_diabetes(), **columns, y_train=np.zeros(3), y_test=np.zeros(3))
    with pytest.raises(DataError, match=f"diabetes, {part} rows: .*{message}"):
        replace(good, **{names[part]: y})


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_cannot_divide_is_refused(scale):
    with pytest.raises(DataError, match="height: expected a finite mean and a scale above 0"):
        replace(height, scale=scale)


@pytest.mark.parametrize("mean", [np.nan, np.inf])
def test_a_mean_that_is_no_number_is_refused(mean):
    with pytest.raises(DataError, match="height: expected a finite mean"):
        replace(height, mean=mean)


def test_a_quantity_comes_back_from_what_it_was_standardised_to():
    cm = np.array([[150.0], [170.0], [185.0]])
    assert height.standardise(cm).tolist() == [[-2.0], [0.0], [1.5]]
    assert height.restore(height.standardise(cm)).tolist() == cm.tolist()


def test_inputs_as_targets_are_the_array_itself_and_no_copy():
    digits = load_digits()
    with pytest.raises(DataError, match="digits, training rows: expected the inputs themselves"):
        replace(digits, y_train=digits.X_train.copy())
    with pytest.raises(DataError, match="digits, test rows: expected the inputs themselves"):
        replace(digits, y_test=digits.X_train)
