"""Faults in the data, and in the weights that a training starts from."""

import numpy as np

from experiments.churn import EXPERIMENT as churn
from experiments.mnist import EXPERIMENT as mnist
from frameworks.draws import Draws
from frameworks.pytorch.adapter import PyTorchAdapter

from .fault import fault
from .image_pages import images
from .pages import momentum


def change_weights(plant, change):
    """Let the builder draw weights that `change(weights, rng)` makes of those of the page."""

    def replaced(parts):
        draw = parts.initial_weights
        return parts._replace(initial_weights=lambda spec, rng: change(draw(spec, rng), rng))

    plant.parts(replaced)


def kernels(change):
    return lambda weights, rng: [change(w).copy() if w.ndim > 1 else w for w in weights]


@fault("another seed", "One side draws its weights once more.", "inputs, initial weights.0", churn,
       "scratch,pytorch")  # fmt: skip
def _(plant):
    plant.options["seed"] = 1


@fault("kernel transposed on the way in", "A square kernel is copied as its transpose.",
       "inputs, initial weights.2", churn, "scratch,pytorch", "transposed")  # fmt: skip
def _(plant):
    set_weights = PyTorchAdapter.set_weights

    def changed(self, weights):
        set_weights(self, [w.T.copy() if w.shape == (6, 6) else w for w in weights])

    plant.patch.setattr(PyTorchAdapter, "set_weights", changed)


@fault("reshaped in Fortran's order", "A flat array is cut with the first axis fastest.",
       "inputs, initial weights.0", churn, "scratch,pytorch", "Fortran order")  # fmt: skip
def _(plant):
    change_weights(plant, kernels(lambda w: w.ravel().reshape(w.shape, order="F")))


@fault("kernels turned round on the way in", "Their height and width are reversed.",
       "inputs, initial weights.0", images, "scratch,pytorch",
       "reversed along both axes")  # fmt: skip
def _(plant):
    change_weights(plant, kernels(lambda w: w[::-1, ::-1] if w.ndim == 4 else w))


@fault("weights in another order", "Equal layers get each other's kernels.",
       "inputs, initial weights.2", momentum, "scratch,pytorch", "another order")  # fmt: skip
def _(plant):
    change_weights(plant, lambda w, rng: [*w[:2], *w[4:6], *w[2:4], *w[6:]])


@fault("one initializer used twice", "Two layers of one shape start from identical weights.",
       "inputs, initial weights.4", momentum, "scratch,pytorch", "identical weights")  # fmt: skip
def _(plant):
    change_weights(plant, lambda w, rng: [*w[:4], w[2], *w[5:]])


@fault("weights rounded to float32", "They are handed over in single precision.",
       "inputs, initial weights.0", churn, "scratch,pytorch", "rounded to float32")  # fmt: skip
def _(plant):
    change_weights(plant, lambda w, rng: [x.astype(np.float32).astype(np.float64) for x in w])


@fault("weights of another scale", "He's rule stands for a narrower one: √2 too wide.",
       "inputs, initial weights.0", mnist, "scratch,pytorch", "1.41421 times")  # fmt: skip
def _(plant):
    change_weights(plant, kernels(lambda w: w * 2**0.5))


@fault("weights start at zero", "The initialization is left out.", "inputs, initial weights.0",
       churn, "scratch,pytorch", "every number is 0")  # fmt: skip
def _(plant):
    change_weights(plant, lambda weights, rng: [np.zeros_like(w) for w in weights])


@fault("PyTorch's own biases", "Biases keep the framework's draws instead of zeros.",
       "inputs, initial weights.1", churn, "scratch,pytorch", "every number is 0 in scratch",
       named="symptom")  # fmt: skip
def _(plant):
    change_weights(
        plant, lambda w, rng: [x + rng.uniform(-0.3, 0.3, x.shape) * (x.ndim == 1) for x in w]
    )


@fault("a seed that leaks", "Drawing a number elsewhere moves the order of the batches.",
       "inputs, batch order of epoch 1", churn, "scratch,pytorch")  # fmt: skip
def _(plant):
    build, orders = PyTorchAdapter.build, Draws.orders
    leaked = []

    def building(self, builder, spec):
        leaked.append(1)
        return build(self, builder, spec)

    def leaking(self, *arguments):
        if leaked:
            leaked.clear()
            self._orders.random()
        return orders(self, *arguments)

    plant.patch.setattr(PyTorchAdapter, "build", building)
    plant.patch.setattr(Draws, "orders", leaking)


# --- data ---


@fault("labels shifted by a row", "Every row has its neighbour's label.", "inputs, training labels",
       churn, "scratch,pytorch", "shifted by one row")  # fmt: skip
def _(plant):
    plant.data(lambda data: {"y_train": np.roll(data.y_train, 1)})


@fault("classes confused", "0 and 1 change places.", "inputs, training labels", churn,
       "scratch,pytorch", "two classes are swapped")  # fmt: skip
def _(plant):
    plant.data(lambda data: {"y_train": 1 - data.y_train})


@fault("scaled with the test rows", "Means and deviations are those of all rows.",
       "inputs, training rows", churn, "scratch,pytorch",
       "training and test rows together")  # fmt: skip
def _(plant):
    def change(data):
        both = np.vstack([data.X_train, data.X_test])
        mean, deviation = both.mean(axis=0), both.std(axis=0)
        return {
            name: np.ascontiguousarray((getattr(data, name) - mean) / deviation)
            for name in ("X_train", "X_test")
        }

    plant.data(change)


@fault("test rows scaled by themselves", "Each part is scaled by its own deviations.",
       "inputs, test rows", churn, "scratch,pytorch",
       "means and deviations of the test rows")  # fmt: skip
def _(plant):
    def change(data):
        X = data.X_test
        return {"X_test": np.ascontiguousarray((X - X.mean(axis=0)) / X.std(axis=0))}

    plant.data(change)


@fault("pixels over 256", "Grey levels are divided by 256, not 255.", "inputs, training rows",
       mnist, "scratch,pytorch", "1.00392 times")  # fmt: skip
def _(plant):
    plant.data(
        lambda data: {"X_train": data.X_train * 255 / 256, "X_test": data.X_test * 255 / 256}
    )


@fault("pixels rounded to float32", "The rows were float32 once.", "inputs, training rows", mnist,
       "scratch,pytorch", "rounded to float32")  # fmt: skip
def _(plant):
    plant.data(lambda data: {"X_train": data.X_train.astype(np.float32).astype(np.float64)})


@fault("images transposed", "Rows and columns of the pixels change places.",
       "inputs, training rows", mnist, "scratch,pytorch", "in another order")  # fmt: skip
def _(plant):
    def change(data):
        X = data.X_train.reshape(-1, 28, 28).transpose(0, 2, 1)
        return {"X_train": np.ascontiguousarray(X.reshape(len(X), -1))}

    plant.data(change)


@fault("rows in another order", "The file is read backwards, labels and all.",
       "inputs, training rows", mnist, "scratch,pytorch")  # fmt: skip
def _(plant):
    plant.data(
        lambda data: {
            "X_train": np.ascontiguousarray(data.X_train[::-1]),
            "y_train": data.y_train[::-1].copy(),
        }
    )


@fault("header read as a row", "The first row is lost.", "inputs, training rows", momentum,
       "scratch,pytorch", "pytorch lacks row 1 of the 94 training rows")  # fmt: skip
def _(plant):
    plant.data(lambda data: {"X_train": data.X_train[1:].copy(), "y_train": data.y_train[1:]})


@fault("test labels from the wrong file", "The test rows have other rows' labels.",
       "inputs, test labels", mnist, "scratch,pytorch", "shifted by one row")  # fmt: skip
def _(plant):
    plant.data(lambda data: {"y_test": np.roll(data.y_test, 1)})
