from dataclasses import replace

import numpy as np
import pytest

from datasets import DataError, load_circle, load_digits
from datasets.dataset import digest_arrays

X = np.zeros((3, 2))
y = np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"X_train": X.astype(np.float32)}, "training rows: .*float64 features, found float32"),
        ({"X_test": np.asfortranarray(X)}, "test rows: expected C-contiguous"),
        ({"name": "two\nlines"}, r"name of a data set: expected a line, found 'two\\nlines'"),
        ({"y_train": y.astype(np.int32)}, "int64 labels, found int32"),
        ({"X_train": np.zeros((3, 3))}, r"features \(n, 2\), found \(3, 3\)"),
        ({"X_train": np.zeros((3, 5, 2))}, r"features \(n, 2\), found \(3, 5, 2\)"),
        ({"X_train": np.zeros(2)}, r"features \(n, 2\), found \(2,\)"),
        ({"y_train": y[:2]}, r"expected labels \(3,\), found \(2,\)"),
        ({"y_train": y[:, np.newaxis]}, r"expected labels \(3,\), found \(3, 1\)"),
        ({"X_train": X[:0], "y_train": y[:0]}, r"features \(n, 2\), found \(0, 2\)"),
        ({"X_train": np.array([[0, np.nan]] * 3)}, "NaN or infinite"),
        ({"X_test": np.array([[np.inf, 0]] * 3)}, "NaN or infinite"),
        ({"y_train": y + 1}, "labels 0 to 1, found 1 to 2"),
        ({"y_test": y - 1}, "labels 0 to 1, found -1 to 0"),
    ],
)
def test_arrays_of_another_form_are_refused(change, message):
    good = replace(load_circle(), X_train=X, y_train=y, X_test=X, y_test=y)
    with pytest.raises(DataError, match=message):
        replace(good, **change)


def test_only_classes_have_names():
    assert load_circle().class_names == ("outside", "inside")
    with pytest.raises(DataError, match=r"digits: its targets are Inputs\(\), not classes"):
        load_digits().class_names  # noqa: B018 - the property is what is tested


def test_digest_depends_on_shape_type_and_order():
    variants = [
        (np.zeros(4),),
        (np.zeros((2, 2)),),
        (np.zeros(4, np.int64),),
        (np.zeros(2), np.zeros(2)),
        (np.ones(2), np.zeros(2)),
        (np.zeros(2), np.ones(2)),
    ]
    assert len({digest_arrays(*arrays) for arrays in variants}) == len(variants)
