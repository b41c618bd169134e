"""Images that move: where each pixel goes, and that zeros come in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from scratch import (
    SGD,
    Batch,
    Dense,
    MeanSquaredError,
    Sequential,
    random_shift,
    shift,
    train,
)


@given(
    n=st.integers(1, 4),
    h=st.integers(1, 6),
    w=st.integers(1, 6),
    c=st.integers(0, 3),
    seed=st.integers(0, 2**32 - 1),
)
def test_shift_equals_that_of_scipy(n, h, w, c, seed):
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(n, h, w, c) if c else (n, h, w))
    down, right = rng.integers(-7, 8, size=(2, n))
    for image, moved, y, x in zip(images, shift(images, down, right), down, right, strict=True):
        theirs = ndimage.shift(image, (y, x, 0)[: image.ndim], order=0)
        assert np.array_equal(moved, theirs)


def test_random_shift_draws_every_displacement_equally_often():
    images = np.zeros((9000, 5, 5), np.uint8)
    images[:, 2, 2] = 1
    moved = random_shift(np.random.default_rng(0), images, pixels=1)
    counts = moved.sum(0, dtype=int)
    assert counts.sum() == 9000
    assert np.count_nonzero(counts) == 9
    assert np.abs(counts[1:4, 1:4] - 1000).max() < 150  # five deviations of √(9000 · 8/81) = 30


def test_random_shift_depends_on_the_generator_alone_and_leaves_the_images():
    images = np.random.default_rng(0).normal(size=(20, 4, 4, 1))
    kept = images.copy()
    one, again = (random_shift(np.random.default_rng(1), images, 2) for _ in range(2))
    assert one.tobytes() == again.tobytes()
    assert np.array_equal(images, kept)
    assert not np.array_equal(one, images)


def test_shift_by_no_pixels_keeps_every_image():
    images = np.random.default_rng(0).normal(size=(3, 4, 4))
    assert np.array_equal(random_shift(np.random.default_rng(1), images, 0), images)


def test_every_image_needs_a_displacement_of_its_own():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        shift(np.zeros((2, 3, 3)), np.array([1, 1]), np.array([1]))


def test_negative_pixels_are_refused():
    with pytest.raises(ValueError, match=r"^pixels must be at least 0, got -1$"):
        random_shift(np.random.default_rng(0), np.zeros((1, 2, 2)), -1)


def test_train_augments_each_batch_and_leaves_data_and_targets():
    # x doubled: a = 0, y = 1, gradient −2·2x of each single row, learning rate 1/4: W = x, ...
    data = Batch(np.array([[1.0], [3.0]]), np.array([[1.0], [1.0]]))
    network, seen = Sequential(Dense(1, 1, bias=False)), []

    def double(X):
        seen.append(X.tolist())
        return 2 * X

    list(train(network, MeanSquaredError(), SGD(0.25), data, [None], 1, augment=double))
    assert seen == [[[1]], [[3]]]
    # W: 0 − ¼·2·(0 − 1)·2 = 1; then a = 6: 1 − ¼·2·(6 − 1)·6 = −14
    assert network.theta.tolist() == [-14]
    assert data.X.tolist() == [[1], [3]]
