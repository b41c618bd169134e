"""One fit/predict interface over the implementations: scratch, Keras, PyTorch and others.

>>> from frameworks import ScratchClassifier
>>> ScratchClassifier(hidden=(6, 6), epochs=10, random_state=0)
ScratchClassifier(epochs=10, hidden=(6, 6), random_state=0)

A framework is loaded when one of its estimators is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from frameworks.blueprint import Blueprint
from frameworks.program import Builder, Parts
from frameworks.spec import Spec, float32
from frameworks.task import CLASSIFICATION, RECONSTRUCTION, REGRESSION, Task
from frameworks.weight_files import WeightFileError

if TYPE_CHECKING:
    from frameworks.keras.estimators import KerasClassifier, KerasRegressor
    from frameworks.python.adapter import PythonClassifier, PythonRegressor
    from frameworks.pytorch.adapter import PyTorchClassifier, PyTorchRegressor
    from frameworks.scratch.adapter import ScratchClassifier, ScratchRegressor

__all__ = [
    "CLASSIFICATION",
    "RECONSTRUCTION",
    "REGRESSION",
    "Blueprint",
    "Builder",
    "KerasClassifier",
    "KerasRegressor",
    "MissingFrameworkError",
    "Parts",
    "PyTorchClassifier",
    "PyTorchRegressor",
    "PythonClassifier",
    "PythonRegressor",
    "ScratchClassifier",
    "ScratchRegressor",
    "Spec",
    "Task",
    "WeightFileError",
    "float32",
]

_MODULES = {
    "Scratch": "frameworks.scratch.adapter",
    "Keras": "frameworks.keras.estimators",
    "PyTorch": "frameworks.pytorch.adapter",
    "Python": "frameworks.python.adapter",
}
_FRAMEWORKS = ("jax", "keras", "tensorflow", "torch")


class MissingFrameworkError(ImportError):
    """The framework of the estimator that was asked for is not installed."""


def __getattr__(name: str) -> Any:
    """Load an estimator's module, and with it its framework."""
    module = _MODULES.get(name.removesuffix("Classifier").removesuffix("Regressor"))
    if module is None or name not in __all__:
        raise AttributeError(f"module 'frameworks' has no attribute {name!r}")
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in _FRAMEWORKS:
            raise
        raise MissingFrameworkError(
            f"{name} needs {error.name}, which is not installed; pip install {error.name}",
            name=error.name,
        ) from error
