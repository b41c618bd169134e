"""MNIST's stand-in: the handwritten digits that come with scikit-learn."""

import numpy as np

TEST_IMAGES = 297


def draw_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's 1,797 digits in MNIST's form, as uint8.

    Returns training images (1500, 28, 28), training labels (1500,), test images (297, 28, 28) and
    test labels (297,). Every pixel of an 8 x 8 image becomes a block of 3 x 3, and the resulting
    24 x 24 gets a margin of 2, which makes 28 x 28; the grey levels 0 to 16 are scaled to 0 to 255.
    The test images are a stratified random sample with a fixed seed.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    grey = (digits.images.astype(np.int64) * 255 // 16).astype(np.uint8)
    blocks = np.kron(grey, np.ones((1, 3, 3), dtype=np.uint8))
    images = np.pad(blocks, ((0, 0), (2, 2), (2, 2)))
    labels = digits.target.astype(np.uint8)
    X_train, X_test, y_train, y_test = train_test_split(
        images, labels, test_size=TEST_IMAGES, random_state=0, stratify=labels
    )
    return X_train, y_train, X_test, y_test
