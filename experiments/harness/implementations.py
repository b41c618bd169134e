"""The implementations by name: which classifier, which builder of a page, which packages."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import frameworks
from frameworks import Builder

__all__ = ["IMPLEMENTATIONS", "Implementation"]


@dataclass(frozen=True)
class Implementation:
    """One way to train an experiment."""

    name: str
    classifier: str  # its name in `frameworks`
    packages: tuple[str, ...]  # what has to be installed
    dtypes: tuple[str, ...] = ("float64", "float32")
    native: bool = True  # it has defaults of its own

    def trains(self, page: ModuleType, dtype: str, native: bool = False) -> bool:
        """Say whether an experiment's page has a builder for it, and it can compute in dtype."""
        able = dtype in self.dtypes and (self.native or not native)
        return able and hasattr(page, f"build_{self.name}")

    def missing(self) -> str | None:
        """Return what is to be told if a package is not installed; nothing is loaded to see."""
        absent = [package for package in self.packages if find_spec(package) is None]
        if not absent:
            return None
        return f"{self.name}: {' and '.join(absent)} not installed; run: make setup"

    def make(
        self,
        page: ModuleType,
        change: Callable[[Builder], Builder] = lambda build: build,
        **parameters: Any,
    ) -> Any:
        """Return the classifier for a page, or for what `change` makes of its builder.

        Loads the framework.
        """
        build = change(getattr(page, f"build_{self.name}"))
        return getattr(frameworks, self.classifier)(build=build, **parameters)


IMPLEMENTATIONS = {
    implementation.name: implementation
    for implementation in (
        Implementation("scratch", "ScratchClassifier", ("numpy",)),
        Implementation("keras", "KerasClassifier", ("keras", "tensorflow")),
        Implementation("pytorch", "PyTorchClassifier", ("torch",)),
        Implementation("python", "PythonClassifier", (), dtypes=("float64",), native=False),
    )
}
