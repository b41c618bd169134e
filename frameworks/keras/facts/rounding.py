"""Which numbers Keras rounds to float32, whatever the model's dtype: it depends on the backend."""

from frameworks.keras.loading import keras
from frameworks.spec import float32

__all__ = ["held", "rounded", "words"]


def rounded(x: float) -> float:
    """Return the number that acts where Keras first makes a tensor of it: TensorFlow rounds it.

    `ops.cast` of a Python number is a float32 tensor on TensorFlow; JAX and torch keep the digits.
    """
    return float32(x) if keras.config.backend() == "tensorflow" else float(x)


def words(name: str, x: float) -> str:
    """Return the words for a number that is rounded, with what acts if it is another number."""
    acts = rounded(x)
    return f"{name}={x!r}" if acts == x else f"{name}={x!r}, rounded to {acts:.10g}"


def held(name: str, x: float) -> str:
    """Return the words for a number that a variable holds: with what was meant, if rounded.

    >>> held("learning_rate", float32(0.001)), held("learning_rate", 0.001)
    ('learning_rate=0.001, rounded to 0.001000000047', 'learning_rate=0.001')
    """
    meant = float(f"{x:.7g}")
    if meant != x and float32(meant) == x:
        return f"{name}={meant!r}, rounded to {x:.10g}"
    return f"{name}={x!r}"
