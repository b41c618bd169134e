import numpy as np

from datasets import load_circle, load_truth_table, load_xor


def test_truth_table_is_the_published_one_and_the_new_situation_comes_last():
    data = load_truth_table()
    assert data.X_train.tolist() == [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]
    assert data.y_train.tolist() == [0, 1, 1, 0]
    assert data.X_test.tolist() == [*data.X_train.tolist(), [1, 0, 0]]
    assert data.y_test.tolist() == [0, 1, 1, 0, 1]


def test_xor_is_the_published_one_with_a_constant_third_input():
    data = load_xor()
    assert data.X_train.tolist() == [[0, 0, 1], [0, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert data.y_train.tolist() == [0, 1, 1, 0]
    assert (data.X_test.tolist(), data.y_test.tolist()) == (data.X_train.tolist(), [0, 1, 1, 0])


def test_circle_holds_21_of_121_points():
    data = load_circle()
    assert data.X_train.shape == (121, 2)
    assert data.y_train.sum() == 21
    inside = (data.X_train**2).sum(axis=1) < 1
    assert inside.tolist() == data.y_train.astype(bool).tolist()


def test_circle_runs_through_x_within_y_from_minus_2_to_2_by_0_4():
    X = load_circle().X_train
    steps = [-2.0, -1.6, -1.2, -0.8, -0.4, 0.0, 0.4, 0.8, 1.2, 1.6, 2.0]
    assert X.tolist() == [[x, y] for y in steps for x in steps]


def test_circle_is_symmetric_to_the_last_bit():
    X = load_circle().X_train
    np.testing.assert_array_equal(X, -X[::-1])


def test_toys_are_real_canonical_and_the_same_every_time():
    for load in (load_truth_table, load_xor, load_circle):
        data = load()
        assert (data.source, data.canonical, data.scaler) == ("real", True, None)
        assert data.sha256 == load().sha256
        assert not np.shares_memory(data.X_train, data.X_test)
