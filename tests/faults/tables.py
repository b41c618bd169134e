"""More faults in the data: single rows, columns and labels, and other scalings."""

import numpy as np

from experiments.churn import EXPERIMENT as churn

from .fault import fault
from .pages import momentum


def columns(plant, change):
    """Change both parts of the rows by `change(X)`, which is given a copy."""
    plant.data(
        lambda data: {
            name: np.ascontiguousarray(change(getattr(data, name).copy()))
            for name in ("X_train", "X_test")
        }
    )


ROWS = "inputs, training rows"


@fault("one column in another unit", "It is in thousands on one side.", ROWS, churn,
       "scratch,pytorch",
       "column 3 of the training rows is 1000 times as large in scratch")  # fmt: skip
def _(plant):
    def change(X):
        X[:, 2] /= 1000
        return X

    columns(plant, change)


@fault("one column shifted", "Its mean is not subtracted.", ROWS, churn, "scratch,pytorch",
       "column 5 of the training rows is larger by 0.5 in pytorch")  # fmt: skip
def _(plant):
    def change(X):
        X[:, 4] += 0.5
        return X

    columns(plant, change)


@fault("one column lost", "It is filled with zeros.", ROWS, churn, "scratch,pytorch",
       "column 2 of the training rows is 0 in every row in pytorch")  # fmt: skip
def _(plant):
    def change(X):
        X[:, 1] = 0
        return X

    columns(plant, change)


@fault("two columns confused", "They change places.", ROWS, churn, "scratch,pytorch",
       "columns 3, 4 of the training rows change places")  # fmt: skip
def _(plant):
    def change(X):
        X[:, [2, 3]] = X[:, [3, 2]]
        return X

    columns(plant, change)


@fault("one column of other rows", "It was sorted apart from the others.", ROWS, churn,
       "scratch,pytorch",
       "column 6 of the training rows holds the same numbers in another")  # fmt: skip
def _(plant):
    def change(X):
        X[:90, 5] = X[:90, 5][::-1]
        return X

    columns(plant, change)


@fault("one label", "A single row has the label of the other class.", "inputs, training labels",
       churn, "scratch,pytorch", "only the training label of row 8 differs")  # fmt: skip
def _(plant):
    def change(data):
        y = data.y_train.copy()
        y[7] = 1 - y[7]
        return {"y_train": y}

    plant.data(change)


@fault("one row damaged", "A single number of a single row is another one.", ROWS, churn,
       "scratch,pytorch", "only row 4 of the training rows differs, in column 2")  # fmt: skip
def _(plant):
    def change(data):
        X = data.X_train.copy()
        X[3, 1] += 1
        return {"X_train": X}

    plant.data(change)


@fault("a leaked row", "A test row is among those to train on.", ROWS, momentum, "scratch,pytorch",
       "training row 6 of pytorch is a test row")  # fmt: skip
def _(plant):
    def change(data):
        X, y = data.X_train.copy(), data.y_train.copy()
        X[5], y[5] = data.X_test[2], data.y_test[2]
        return {"X_train": X, "y_train": y}

    plant.data(change)


@fault("a row lost in the middle", "One row is dropped as an outlier.", ROWS, momentum,
       "scratch,pytorch", "pytorch lacks row 12 of the 94 training rows")  # fmt: skip
def _(plant):
    plant.data(
        lambda data: {
            "X_train": np.delete(data.X_train, 11, axis=0),
            "y_train": np.delete(data.y_train, 11),
        }
    )


@fault("scaled to a range", "Each column lies between 0 and 1, not around 0.", ROWS, churn,
       "scratch,pytorch", "pytorch scales every column to the range from 0 to 1")  # fmt: skip
def _(plant):
    low, high = (
        f(plant.experiment.load("stand-in", None).X_train, axis=0) for f in (np.min, np.max)
    )
    columns(plant, lambda X: (X - low) / np.where(high > low, high - low, 1))


@fault("deviations over n − 1", "pandas' std stands for NumPy's.", ROWS, churn, "scratch,pytorch",
       "by deviations over n − 1")  # fmt: skip
def _(plant):
    def change(data):
        X = data.X_train
        mean, deviation = X.mean(axis=0), X.std(axis=0, ddof=1)
        return {
            name: np.ascontiguousarray((getattr(data, name) - mean) / deviation)
            for name in ("X_train", "X_test")
        }

    plant.data(change)
