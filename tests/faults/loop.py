"""Faults in the training loop: which batches are taken, and what is done with each."""

import numpy as np

import scratch
from experiments.churn import EXPERIMENT as churn
from experiments.mnist import EXPERIMENT as mnist
from frameworks.pytorch.adapter import PyTorchAdapter
from frameworks.scratch.adapter import ScratchAdapter
from scratch import Batch, EpochResult

from .fault import fault
from .pages import dropout, momentum


def change_orders(plant, change, adapter=PyTorchAdapter):
    """Let an adapter train on the orders that `change(orders, n, batch_size)` makes."""
    train = adapter.train

    def changed(self, data, orders, batch_size):
        n = len(data.X)
        rows = [np.arange(n) if order is None else order for order in orders]
        return train(self, data, change(rows, n, batch_size), batch_size)

    plant.patch.setattr(adapter, "train", changed)


@fault("partial batch dropped", "The last batch of an epoch, not full, is left out.",
       "trajectory, the epoch's loss", churn, "scratch,pytorch",
       "drops the last, incomplete batch")  # fmt: skip
def _(plant):
    def change(orders, n, size):
        return [order[: max(size, n // size * size)][:n] for order in orders]

    change_orders(plant, lambda o, n, s: change(o, n, s) if n > s else o)


@fault("first batch skipped", "Batches count from 1.", "trajectory, the epoch's loss", churn,
       "scratch,pytorch", "drops the first batch")  # fmt: skip
def _(plant):
    change_orders(plant, lambda orders, n, s: [o[s:] if n > s else o for o in orders])


@fault("last row skipped", "The range of the rows ends one too early.",
       "trajectory, the epoch's loss", churn, "scratch,pytorch", "drops the last row")  # fmt: skip
def _(plant):
    change_orders(plant, lambda orders, n, s: [o[:-1] if n > s else o for o in orders])


@fault("batches of one row less", "A batch ends one row before the next begins.",
       "step, loss of the step", churn, "scratch,pytorch",
       "pytorch leaves the last row out of every batch")  # fmt: skip
def _(plant):
    def change(orders, n, size):
        return [order[np.arange(len(order)) % size != size - 1] for order in orders]

    change_orders(plant, change)


@fault("rows shifted by one", "Every batch begins one row too early.",
       "trajectory, the epoch's loss", churn, "scratch,pytorch", "shifted by one")  # fmt: skip
def _(plant):
    change_orders(plant, lambda orders, n, s: [np.roll(o, 1) if n > s else o for o in orders])


@fault("a shuffle that repeats", "Every epoch takes the first one's order.",
       "trajectory, the epoch's loss", churn, "pytorch,scratch",
       "repeats the first epoch's order")  # fmt: skip
def _(plant):
    change_orders(plant, lambda orders, n, s: [orders[0]] * len(orders), ScratchAdapter)


@fault("no shuffle", "The rows stay in their order.", "trajectory, the epoch's loss", churn,
       "scratch,pytorch", "does not shuffle")  # fmt: skip
def _(plant):
    change_orders(plant, lambda orders, n, s: [np.arange(n)] * len(orders))


@fault("shuffled again", "Each epoch shuffles what the one before has shuffled.",
       "trajectory, the epoch's loss", churn, "scratch,pytorch",
       "shuffles the previous epoch")  # fmt: skip
def _(plant):
    def change(orders, n, size):
        rows = np.arange(n)
        for order in orders:
            rows = rows[order]
            yield rows

    change_orders(plant, change)


@fault("labels not shuffled", "The rows are put in order, their labels are not.",
       "trajectory, the epoch's loss", churn, "scratch,pytorch",
       "shuffles the rows but not the labels")  # fmt: skip
def _(plant):
    train = PyTorchAdapter.train

    def changed(self, data, orders, batch_size):
        for order in orders:
            rows = data if order is None else Batch(data.X[order], data.y)
            yield from train(self, rows, [None], batch_size)

    plant.patch.setattr(PyTorchAdapter, "train", changed)


@fault("zero_grad left out", "Gradients add up from step to step.", "trajectory, weights.0", churn,
       "scratch,pytorch", "gradients add up")  # fmt: skip
def _(plant):
    def change(parts):
        parts.optimizer.zero_grad = lambda: None

    plant.parts(change)


@fault("zero_grad after backward", "The gradients are cleared before the step.", "step, weights.0",
       churn, "scratch,pytorch", "no weight moves", named="symptom")  # fmt: skip
def _(plant):
    def change(parts):
        step, zero = parts.optimizer.step, parts.optimizer.zero_grad
        parts.optimizer.step = lambda: (zero(), step())

    plant.parts(change)


@fault("step before backward", "Each step takes the gradient of the batch before.",
       "step, weights.0", momentum, "pytorch,scratch",
       "in scratch every step comes before the gradient of its batch")  # fmt: skip
def _(plant):
    class Late(scratch.SGD):
        before = None

        def step(self, theta, g):
            late, self.before = self.before, g.copy()
            if late is not None:
                super().step(theta, late)

    def change(parts):
        parts.optimizer.__class__ = Late

    plant.parts(change)


@fault("every second step left out", "The optimizer steps on every other batch.",
       "trajectory, weights.0", churn, "scratch,pytorch",
       "no weight moves in pytorch at step 2")  # fmt: skip
def _(plant):
    def change(parts):
        step, count = parts.optimizer.step, [0]

        def sometimes():
            count[0] += 1
            return step() if count[0] % 2 else None

        parts.optimizer.step = sometimes

    plant.parts(change)


@fault("last step lost", "The training ends before its last step.", "result, weights.0", churn,
       "scratch,pytorch", "no weight moves in pytorch at step 30")  # fmt: skip
def _(plant):
    def change(parts):
        taken, step = iter(range(1, 30)), parts.optimizer.step
        parts.optimizer.step = lambda: next(taken, None) and step()

    plant.parts(change)


@fault("loss after the update", "The loss is measured once the step is taken.",
       "step, loss of the step", churn, "scratch,pytorch",
       "pytorch measures the loss after the update")  # fmt: skip
def _(plant):
    train = PyTorchAdapter.train

    def changed(self, data, orders, batch_size):
        for order in orders:
            (result,) = train(self, data, [order], batch_size)
            loss = self.loss(self.outputs(data.X), data.y)
            yield EpochResult(loss, result.accuracy)

    plant.patch.setattr(PyTorchAdapter, "train", changed)


@fault("mean of the batches' means", "The unfilled batch counts as much as the others.",
       "trajectory, the epoch's loss", mnist, "scratch,pytorch",
       "pytorch averages the batches' losses")  # fmt: skip
def _(plant):
    def changed(self, data, orders, batch_size):
        for order in orders:
            rows = np.arange(len(data.X)) if order is None else order
            parts = [rows[i : i + batch_size] for i in range(0, len(rows), batch_size)]
            results = [next(train(self, Batch(data.X[i], data.y[i]), [None], batch_size))
                       for i in parts]  # fmt: skip
            yield EpochResult(float(np.mean([r.loss for r in results])), 0.0)

    train = PyTorchAdapter.train
    plant.patch.setattr(PyTorchAdapter, "train", changed)


@fault("left in evaluation mode", "Nothing is dropped: layers are not told to train.",
       "forward, layer 3", dropout, "scratch,scratch",
       "drops nothing in training mode")  # fmt: skip
def _(plant):
    def changed(parts):
        for layer in parts.network.layers:
            layer.__class__ = untold(type(layer))

    def untold(kind):
        def forward(self, x, training=False):
            return kind.forward(self, x)

        return type(kind.__name__, (kind,), {"forward": forward})

    plant.parts(changed)
