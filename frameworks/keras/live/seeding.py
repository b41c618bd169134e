"""What a user's step or layer draws from the generators of the process, from a seed instead."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import numpy as np
from keras.src.backend.common import global_state
from keras.src.random.seed_generator import GLOBAL_SEED_GENERATOR

from frameworks.global_numbers import (
    GlobalNumbers,
    global_numbers,
    seed_global_numbers,
    set_global_numbers,
)
from frameworks.keras.loading import keras

__all__ = ["Seeding"]


class Seeding:
    """Seeds Python's, NumPy's and Keras' random numbers, and those of the backend.

    `of_backend(seed)` is a context that does so for the backend; it yields a function that tells
    whether anything has been drawn since. Call inside `lent`.
    """

    def __init__(
        self, of_backend: Callable[[int], AbstractContextManager[Callable[[], bool]]]
    ) -> None:
        self.seed = 0  # of the next pass or step
        self.drew = False  # whether any did
        self._of_backend = of_backend
        self._of_keras = keras.random.SeedGenerator(0)  # kept, as a compiled step refers to it

    @contextmanager
    def active(self) -> Iterator[None]:
        """Draw from the seed; afterwards restore what is drawn from otherwise."""
        before = global_numbers()
        generator = global_state.get_global_attribute(GLOBAL_SEED_GENERATOR)
        state = self._of_keras.state
        seed_global_numbers(self.seed)
        state.assign(np.array([self.seed, 0], state.dtype))
        global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, self._of_keras)
        start = self._states()
        try:
            with self._of_backend(self.seed) as drawn:
                yield
                self.drew |= drawn() or self._states() != start
        finally:
            global_state.set_global_attribute(GLOBAL_SEED_GENERATOR, generator)
            set_global_numbers(before)

    def _states(self) -> tuple[GlobalNumbers, list[int]]:
        return global_numbers(), self._of_keras.state.numpy().tolist()
