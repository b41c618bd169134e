"""Keras' process-wide settings, changed temporarily."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

from frameworks.global_numbers import ONE_AT_A_TIME
from frameworks.keras.loading import keras

__all__ = ["lent_keras"]


@contextmanager
def lent_keras(dtype: str) -> Iterator[None]:
    """Set Keras' float type; afterwards restore all global state that Keras changes.

    What is set holds for the whole process: other threads that want it wait meanwhile.
    Layers take their type from the default policy, which `set_floatx` no longer changes once the
    process has made a layer. Keras seeds its initializers from Python's `random`.
    """
    from keras.src.backend.common.dtypes import BIT64_TO_BIT32_DTYPE as NARROWED

    with ONE_AT_A_TIME:
        floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
        narrowed, state = NARROWED["float64"], random.getstate()
        keras.config.set_floatx(dtype)
        keras.config.set_dtype_policy(dtype)
        NARROWED["float64"] = "float64"  # differs: on JAX and PyTorch Keras computes it in float32
        try:
            yield
        finally:
            keras.config.set_floatx(floatx)
            keras.config.set_dtype_policy(policy)
            NARROWED["float64"] = narrowed
            random.setstate(state)
