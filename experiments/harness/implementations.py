"""The implementations by name: which classifier, which builder of a page, which packages."""

from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import frameworks

__all__ = ["IMPLEMENTATIONS", "Implementation"]


@dataclass(frozen=True)
class Implementation:
    """One way to train an experiment."""

    name: str
    classifier: str  # its name in `frameworks`
    packages: tuple[str, ...]  # what has to be installed
    dtypes: tuple[str, ...] = ("float64", "float32")

    def trains(self, page: ModuleType, dtype: str) -> bool:
        """Say whether an experiment's page has a builder for it, and it can compute in dtype."""
        return hasattr(page, f"build_{self.name}") and dtype in self.dtypes

    def missing(self) -> str | None:
        """Return what is to be told if a package is not installed; nothing is loaded to see."""
        absent = [package for package in self.packages if find_spec(package) is None]
        if not absent:
            return None
        return f"{self.name}: {' and '.join(absent)} not installed; run: make setup"

    def make(self, page: ModuleType, **parameters: Any) -> Any:
        """Return the classifier for an experiment's page; loads the framework."""
        build = getattr(page, f"build_{self.name}")
        return getattr(frameworks, self.classifier)(build=build, **parameters)


IMPLEMENTATIONS = {
    implementation.name: implementation
    for implementation in (
        Implementation("scratch", "ScratchClassifier", ("numpy",)),
        Implementation("keras", "KerasClassifier", ("keras", "tensorflow")),
        Implementation("pytorch", "PyTorchClassifier", ("torch",)),
        Implementation("python", "PythonClassifier", (), dtypes=("float64",)),
    )
}
