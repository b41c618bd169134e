"""Recordings kept in `stored/`, each of the same small network in another version of Keras.

In an environment with this library and the version of Keras to record:

    python tests/live/stored_recordings.py
"""

from pathlib import Path

import numpy as np

from lockstep import Training, record

STORED = Path(__file__).parent / "stored"
rng = np.random.default_rng(0)
X, y = rng.normal(size=(16, 6, 6, 1)), rng.integers(0, 3, size=16)


def build(rate=2.0**-7):
    """Return a compiled convolutional network, always with the same weights."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((6, 6, 1)),
            keras.layers.Conv2D(2, 3, activation="relu"),
            keras.layers.BatchNormalization(),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dropout(0.25),
            keras.layers.Dense(3),
        ]
    )
    draw = np.random.default_rng(1)
    model.set_weights([draw.uniform(0.125, 0.5, w.shape) for w in model.weights])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(learning_rate=rate), loss=loss)
    return model


if __name__ == "__main__":
    import keras

    path = STORED / f"keras-{keras.__version__}.trace"
    record(Training(build()), X, y, path=path, steps=6, batch_size=4)
    print(path)
