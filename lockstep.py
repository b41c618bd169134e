"""Compare the training of two models, in whatever frameworks, step by step.

    from lockstep import Training, diverge

    keras_side = Training(keras_model)  # compiled: it brings its loss and optimizer
    torch_side = Training(module, loss=nn.CrossEntropyLoss(), optimizer=optimizer)
    print(diverge(keras_side, torch_side, X, y))

No framework is loaded until a model of it is given.
"""

from frameworks.errors import RequestError
from frameworks.live.entry import assert_same_training, diverge, record
from frameworks.live.model import Training
from frameworks.live.report import Report

__all__ = ["Report", "RequestError", "Training", "assert_same_training", "diverge", "record"]
