"""One fit/predict interface over three implementations: scratch, Keras and PyTorch.

>>> from frameworks import ScratchClassifier
>>> ScratchClassifier(hidden=(6, 6), epochs=10, random_state=0)
ScratchClassifier(epochs=10, hidden=(6, 6), random_state=0)

A framework is loaded when its classifier is first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from frameworks.spec import Builder, Parts, Spec, float32
from frameworks.weight_files import WeightFileError

if TYPE_CHECKING:
    from frameworks.keras_adapter import KerasClassifier
    from frameworks.python_adapter import PythonClassifier
    from frameworks.pytorch_adapter import PyTorchClassifier
    from frameworks.scratch_adapter import ScratchClassifier

__all__ = [
    "Builder",
    "KerasClassifier",
    "MissingFrameworkError",
    "Parts",
    "PyTorchClassifier",
    "PythonClassifier",
    "ScratchClassifier",
    "Spec",
    "WeightFileError",
    "float32",
]

_MODULES = {
    "ScratchClassifier": "frameworks.scratch_adapter",
    "KerasClassifier": "frameworks.keras_adapter",
    "PyTorchClassifier": "frameworks.pytorch_adapter",
    "PythonClassifier": "frameworks.python_adapter",
}
_FRAMEWORKS = ("keras", "tensorflow", "torch")


class MissingFrameworkError(ImportError):
    """The framework of the classifier that was asked for is not installed."""


def __getattr__(name: str) -> Any:
    """Load a classifier's module, and with it its framework."""
    if name not in _MODULES:
        raise AttributeError(f"module 'frameworks' has no attribute {name!r}")
    try:
        return getattr(import_module(_MODULES[name]), name)
    except ModuleNotFoundError as error:
        if error.name not in _FRAMEWORKS:
            raise
        raise MissingFrameworkError(
            f"{name} needs {error.name}, which is not installed; pip install {error.name}",
            name=error.name,
        ) from error
