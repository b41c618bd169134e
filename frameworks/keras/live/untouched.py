"""The variables of a user's own Keras model, which no training of a copy may read or change."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np

from frameworks.errors import RequestError
from frameworks.keras.loading import keras

__all__ = ["Untouched"]


class Untouched:
    """Knows the variables of a model and of its optimizer as they are now."""

    def __init__(
        self, model: keras.Model, optimizer: Any, to_numpy: Callable[[Any], np.ndarray]
    ) -> None:
        self._to_numpy = to_numpy
        own = [*model.variables, *getattr(optimizer, "variables", ())]
        self._before = [(v, to_numpy(v.value)) for v in own]

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Run a pass of a copy, which may fail; RequestError if it reads any of the variables."""
        with _Noting(v for v, _ in self._before) as noting, suppress(Exception):
            yield
        if noting.read:
            raise RequestError(
                f"the copy of the Keras model uses {noting.read[0].path} of the model itself, "
                "which something reaches in a way that cannot be copied, such as a registry in a "
                "class: let a layer reach it by its own attributes"
            )

    def check(self) -> None:
        """Raise RequestError if a variable has changed, and take it back."""
        changed = []
        for variable, before in self._before:
            if self._to_numpy(variable.value).tobytes() != before.tobytes():
                variable.assign(before)
                changed.append(variable.path)
        if changed:
            raise RequestError(
                f"the training of a copy changes {changed[0]} of the Keras model itself, which "
                "something reaches in a way that cannot be copied: let it use what it is called "
                "with"
            )


class _Noting(keras.StatelessScope):
    """Notes which of some variables are read inside of it."""

    def __init__(self, known: Iterator[keras.Variable]) -> None:
        super().__init__()
        self._known = {*map(id, known)}
        self.read: list[keras.Variable] = []

    def get_current_value(self, variable: keras.Variable) -> Any:
        if id(variable) in self._known:
            self.read.append(variable)
        return super().get_current_value(variable)
