"""Keras and TensorFlow, loaded without the lines that TensorFlow logs while it is loaded.

TensorFlow reads the variable once. Where the user has set it, or has TensorFlow loaded already, it
stays as it is.
"""

import os

__all__ = ["keras", "tf"]

_LOG_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_ERRORS_ONLY = "2"

_is_set = _LOG_LEVEL in os.environ
os.environ.setdefault(_LOG_LEVEL, _ERRORS_ONLY)
try:
    import keras
    import tensorflow as tf
finally:
    if not _is_set:
        del os.environ[_LOG_LEVEL]
