"""The list of implementations, one line each; loads no framework."""

from frameworks import keras, python, pytorch, scratch
from frameworks.backend import Backend

__all__ = ["BACKENDS"]

BACKENDS: dict[str, Backend] = {
    backend.name: backend
    for backend in (
        scratch.BACKEND,
        keras.BACKEND,
        pytorch.BACKEND,
        python.BACKEND,
        keras.ON_JAX,
        keras.ON_TORCH,
    )
}
