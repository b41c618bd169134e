"""Train small networks in Keras and in scratch, and print how far apart they come; a program."""

import json
import pickle
from functools import partial

import numpy as np

import frameworks
from tests.frameworks import regularized
from tests.frameworks.cases import table

NAMES = ["classes", "one output", "numbers", "normalized", "dropped", "images", "float32"]
OPTIONS = {"epochs": 4, "batch_size": 5, "dtype": "float64", "random_state": 1}


def trainings():
    """Yield for each name the kind of estimator, builders for Keras and scratch, X and y."""
    X, y = table(3, 23, 5)
    none = (None, None)
    yield "classes", "Classifier", none, X, y
    yield "one output", "Classifier", none, *table(2, 23, 5)
    yield "numbers", "Regressor", none, X, np.sin(X[:, :2])
    for name, norm in (("normalized", True), ("dropped", False)):
        builders = regularized.dense_keras, regularized.dense_scratch
        yield name, "Classifier", tuple(partial(b, norm=norm) for b in builders), X, y
    builders = regularized.images_keras, regularized.images_scratch
    builders = tuple(partial(b, norm=True) for b in builders)
    yield "images", "Classifier", builders, *table(3, 23, 60)


def relative(a, b):
    """Return the largest difference of two lists of arrays, relative to each one's largest."""
    pairs = zip(a, b, strict=True)
    return max((float(np.abs(x - y).max() / np.abs(y).max()) for x, y in pairs), default=0.0)


def compare(keras, scratch, X, scale=1.0):
    """Return the distances of two trained estimators, in units of `scale`."""
    import keras as library

    losses = ([np.array([e["loss"] for e in each.history_])] for each in (keras, scratch))
    return {
        "backend": library.backend.backend(),
        "losses": relative(*losses) / scale,
        "weights": relative(keras.get_weights(), scratch.get_weights()) / scale,
        "states": relative(keras.get_states(), scratch.get_states()) / scale,
        "outputs": relative([keras.outputs(X)], [scratch.outputs(X)]) / scale,
        "draws": keras.draws_sha256_ == scratch.draws_sha256_,
        "answers": not keras.task.has_answers or (keras.predict(X) == scratch.predict(X)).all(),
    }


def fit(kind, builders, X, y, **options):
    """Train in Keras and in scratch."""
    options = OPTIONS | options
    return [
        getattr(frameworks, family + kind)(build, **options).fit(X, y)
        for family, build in zip(("Keras", "Scratch"), builders, strict=True)
    ]


def main():
    """Print one line of JSON: the distances by name."""
    found = {}
    for name, kind, builders, X, y in trainings():
        keras, scratch = fit(kind, builders, X, y)
        found[name] = compare(keras, scratch, X)
        if name == "normalized":
            copy = pickle.loads(pickle.dumps(keras))
            after = [each.partial_fit(X, y).get_weights() for each in (keras, copy)]
            same = all(map(np.array_equal, *after))
            found["copied"] = same and np.array_equal(copy.outputs(X), keras.outputs(X))
    X, y = table(3, 23, 5)
    unit = 2.0**-23 / 2.0**-52  # one in the last place of float32 for one of float64
    found["float32"] = compare(*fit("Classifier", (None, None), X, y, dtype="float32"), X, unit)
    print(json.dumps(found, default=bool))


if __name__ == "__main__":
    main()
