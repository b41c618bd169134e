import numpy as np
import pytest
import sklearn.datasets

from datasets import Inputs, load_diabetes, load_digits


def test_diabetes_is_split_into_353_and_89_patients_none_of_them_in_both():
    data = load_diabetes()
    assert (data.X_train.shape, data.X_test.shape) == ((353, 10), (89, 10))
    score = data.targets.restore(np.concatenate([data.y_train, data.y_test]))
    rows = np.vstack([data.scaler.inverse_transform(X) for X in (data.X_train, data.X_test)])
    rows = np.column_stack([rows, score]).round(6)  # rounding alone may not make a new patient
    table = sklearn.datasets.load_diabetes(scaled=False)
    expected = np.column_stack([table.data, table.target]).round(6)
    assert sorted(rows.tolist()) == sorted(expected.tolist())


def test_diabetes_is_standardised_on_the_training_rows_alone():
    data = load_diabetes()
    for values in (data.X_train, data.y_train):
        # Sums of 353 numbers near 1 round to within 353 * 2.2e-16 of their mean.
        np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-13)
        np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-13)
    assert np.abs(data.X_test.mean(axis=0)).max() > 0.1
    assert abs(data.y_test.mean()) > 0.01


def test_diabetes_target_is_a_score_without_a_unit_from_25_to_346():
    target = load_diabetes().targets
    assert (target.name, target.unit) == ("disease progression", "")
    score = target.restore(np.concatenate([load_diabetes().y_train, load_diabetes().y_test]))
    assert (score.min().round(9), score.max().round(9)) == (25, 346)


def test_digits_are_images_in_0_to_1_about_their_mean_and_their_own_targets():
    data = load_digits()
    assert data.X_train.shape == data.X_test.shape == (1797, 64)
    assert data.targets == Inputs()
    assert data.y_train is data.X_train
    assert data.y_test is data.X_test
    grey = data.scaler.inverse_transform(data.X_train) * 16
    # Adding the mean again rounds once: 16 * 2.2e-16.
    np.testing.assert_allclose(grey, sklearn.datasets.load_digits().data, rtol=0, atol=1e-14)
    assert data.feature_names[8 * 5 + 7] == "pixel_5_7"


def test_digits_test_images_are_the_training_images():
    data = load_digits()
    np.testing.assert_array_equal(data.X_test, data.X_train)


def test_pixels_that_never_vary_are_exactly_zero():
    # Then their weights have exactly no gradient, and cannot drift apart by rounding.
    X = load_digits().X_train
    assert np.flatnonzero(np.ptp(X, axis=0) == 0).tolist() == [0, 32, 39]
    assert not X[:, [0, 32, 39]].any()


@pytest.mark.parametrize("load", [load_diabetes, load_digits])
def test_tables_are_real_canonical_and_the_same_every_time(load):
    data = load()
    assert (data.source, data.canonical) == ("real", True)
    assert data.sha256 == load().sha256
    assert data.note == f"{data.name}: the real data, which come with scikit-learn"
    assert not np.shares_memory(data.X_train, data.X_test)


def test_a_table_that_changed_is_used_and_said_not_to_be_canonical(monkeypatch):
    table = sklearn.datasets.load_diabetes(scaled=False)
    table.target[0] += 1
    monkeypatch.setattr(sklearn.datasets, "load_diabetes", lambda scaled: table)
    data = load_diabetes()
    assert not data.canonical
    assert "not the canonical content: it has SHA-256 " + data.sha256 in data.note
