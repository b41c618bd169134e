"""Keras, loaded without the lines that TensorFlow's C++ code logs while loading.

It writes them to file descriptor 2 before it reads any setting, TF_CPP_MIN_LOG_LEVEL included.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryFile

__all__ = ["keras", "use_stock_settings"]


@contextmanager
def _silent_unless_it_fails() -> Iterator[None]:
    """Capture what is written to standard error; show it only if an error is raised."""
    ours = os.dup(2)
    with TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        except BaseException:
            said.seek(0)
            os.write(ours, said.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(ours, 2)
            os.close(ours)


with _silent_unless_it_fails():
    import keras

    keras.ops.zeros(1)  # the first operation looks for a GPU, and logs that there is none


def use_stock_settings() -> None:
    """Set back what ~/.keras/keras.json and the environment change, in a process of our own.

    So are the numbers in the names that Keras gives: a page may know its layers by these.
    """
    from keras.src.utils.naming import reset_uids

    reset_uids()
    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
