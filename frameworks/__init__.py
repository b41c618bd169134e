"""One fit/predict interface to the implementations: scratch, Keras, PyTorch and others.

>>> from frameworks import ScratchClassifier
>>> ScratchClassifier(hidden=(6, 6), epochs=10, random_state=0)
ScratchClassifier(epochs=10, hidden=(6, 6), random_state=0)

A framework is loaded when one of its estimators is first accessed.
"""

import re
from importlib import import_module
from typing import TYPE_CHECKING, Any

from frameworks.blueprint import Blueprint
from frameworks.program import Builder, Parts, Program
from frameworks.spec import Spec, float32
from frameworks.task import (
    BINARY_RECONSTRUCTION,
    CLASSIFICATION,
    FEATURES,
    RECONSTRUCTION,
    REGRESSION,
    Task,
)
from frameworks.weight_files import WeightFileError

if TYPE_CHECKING:
    from frameworks.keras.estimators import (
        KerasClassifier,
        KerasFeatureLearner,
        KerasRegressor,
        KerasSequencer,
        KerasTrainer,
    )
    from frameworks.python.adapter import PythonClassifier, PythonRegressor
    from frameworks.pytorch.estimators import (
        PyTorchClassifier,
        PyTorchFeatureLearner,
        PyTorchRegressor,
        PyTorchSequencer,
        PyTorchTrainer,
    )
    from frameworks.scratch.estimators import (
        ScratchClassifier,
        ScratchFeatureLearner,
        ScratchRegressor,
        ScratchSequencer,
        ScratchTrainer,
    )

__all__ = [
    "CLASSIFICATION",
    "BINARY_RECONSTRUCTION",
    "FEATURES",
    "RECONSTRUCTION",
    "REGRESSION",
    "Blueprint",
    "Builder",
    "KerasClassifier",
    "KerasFeatureLearner",
    "KerasRegressor",
    "KerasSequencer",
    "KerasTrainer",
    "MissingFrameworkError",
    "Parts",
    "Program",
    "PyTorchClassifier",
    "PyTorchFeatureLearner",
    "PyTorchRegressor",
    "PyTorchSequencer",
    "PyTorchTrainer",
    "PythonClassifier",
    "PythonRegressor",
    "ScratchClassifier",
    "ScratchFeatureLearner",
    "ScratchRegressor",
    "ScratchSequencer",
    "ScratchTrainer",
    "Spec",
    "Task",
    "WeightFileError",
    "float32",
]

_MODULES = {
    "Scratch": "frameworks.scratch.estimators",
    "Keras": "frameworks.keras.estimators",
    "PyTorch": "frameworks.pytorch.estimators",
    "Python": "frameworks.python.adapter",
}
_PACKAGES = {name: name for name in ("jax", "keras", "tensorflow", "torch")}
_PACKAGES["sklearn"] = "scikit-learn"


class MissingFrameworkError(ImportError):
    """The framework that an estimator needs is not installed."""


def __getattr__(name: str) -> Any:
    """Load an estimator's module, and with it the framework."""
    family = re.sub("(Classifier|FeatureLearner|Regressor|Sequencer|Trainer)$", "", name)
    module = _MODULES.get(family)
    if module is None or name not in __all__:
        raise AttributeError(f"module 'frameworks' has no attribute {name!r}")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in _PACKAGES:
            raise
        package = _PACKAGES[error.name]
        raise MissingFrameworkError(
            f"{name} needs {package}, which is not installed; pip install {package}",
            name=error.name,
        ) from error
