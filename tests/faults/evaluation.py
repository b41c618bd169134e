"""Faults in the evaluation: the training is right, what is said of it is not."""

import numpy as np
import torch

from experiments.circle import EXPERIMENT as circle
from experiments.mnist import EXPERIMENT as mnist
from frameworks.classifier import LockstepClassifier
from frameworks.pytorch.adapter import PyTorchAdapter

from .fault import fault
from .pages import momentum


@fault("threshold of a logit", "Probabilities are held against 0, not ½.",
       "result, the test accuracy", circle, "scratch,pytorch", "decides at 0.0")  # fmt: skip
def _(plant):
    original = PyTorchAdapter.__init__

    def changed(self, *arguments):
        original(self, *arguments)
        self.threshold = 0.0

    plant.patch.setattr(PyTorchAdapter, "__init__", changed)


@fault("smallest for largest", "The predicted class is the one with the smallest output.",
       "result, 297 of 297 predictions", mnist, "scratch,pytorch", "smallest output")  # fmt: skip
def _(plant):
    labels_of = LockstepClassifier.labels_of

    def changed(self, outputs):
        if isinstance(self._adapter, PyTorchAdapter):
            return self.classes_[outputs.argmin(axis=1)]
        return labels_of(self, outputs)

    plant.patch.setattr(LockstepClassifier, "labels_of", changed)


@fault("another loss in the evaluation", "The test loss is twice what it is in training.",
       "result, the test loss", mnist, "scratch,pytorch",
       "pytorch is 2 times that of scratch")  # fmt: skip
def _(plant):
    loss = PyTorchAdapter.loss
    plant.patch.setattr(PyTorchAdapter, "loss", lambda self, *arguments: 2 * loss(self, *arguments))


@fault("weights updated by the evaluation", "Measuring takes a step of its own.",
       "result, weights.7", momentum, "scratch,pytorch", "changes the weights")  # fmt: skip
def _(plant):
    outputs = PyTorchAdapter.outputs

    def changed(self, X, network=0):
        found = outputs(self, X, network)
        with torch.no_grad():
            self.layouts.own[-1].mul_(1.001)
        return found

    plant.patch.setattr(PyTorchAdapter, "outputs", changed)


@fault("evaluated in float32", "Outputs are rounded when they are handed over.",
       "forward, the network's outputs", momentum, "scratch,pytorch",
       "representable in float32")  # fmt: skip
def _(plant):
    outputs = PyTorchAdapter.outputs

    def changed(self, X, network=0):
        return outputs(self, X, network).astype(np.float32).astype(np.float64)

    plant.patch.setattr(PyTorchAdapter, "outputs", changed)


@fault("test rows in pieces that overlap", "The last row of a piece is predicted twice.",
       "result, the test loss", momentum, "scratch,pytorch",
       "the outputs on the test rows differ, although the weights agree",
       named="symptom")  # fmt: skip
def _(plant):
    outputs = PyTorchAdapter.outputs

    def changed(self, X, network=0):
        found = outputs(self, X, network)
        if len(found) > 20:
            found[20:] = found[19:-1].copy()
        return found

    plant.patch.setattr(PyTorchAdapter, "outputs", changed)
