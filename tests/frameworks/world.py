"""Everything that is set for a whole process, and that a training might be tempted to set."""

import gc
import locale
import logging
import os
import random
import signal
import sys
import warnings

import jax
import keras
import numpy as np
import sklearn
import tensorflow as tf
import threadpoolctl
import torch
from keras.src.backend.common import global_state
from tensorflow.python.eager import context


def state_of_the_world():
    """Return all of it, in a form that can be compared."""
    return _python() | _numpy() | _torch() | _keras()


def _python():
    return {
        "random": random.getstate(),
        "environment": dict(os.environ),
        "working directory": os.getcwd(),
        "path": [*sys.path],
        "locale": locale.setlocale(locale.LC_ALL),
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "warnings": ([*warnings.filters], warnings.showwarning),
        "loggers": _loggers(),
        "streams": (sys.stdout, sys.stderr, sys.excepthook, sys.displayhook),
        "recursion limit": sys.getrecursionlimit(),
        "garbage collection": (gc.isenabled(), gc.get_threshold()),
    }


def _loggers():
    """Return the level, the handlers and the filters of every logger that says something itself.

    One that a first use makes, and that leaves all to its parent, is none.
    """
    known = {"": logging.root, **logging.root.manager.loggerDict}
    loggers = {name: each for name, each in known.items() if isinstance(each, logging.Logger)}
    return {
        name: (each.level, each.disabled, each.propagate, [*each.handlers], [*each.filters])
        for name, each in loggers.items()
        if each.level or each.disabled or not each.propagate or each.handlers or each.filters
    }


def _numpy():
    _, key, position, *_ = np.random.get_state()  # noqa: NPY002 - it is not used, but watched
    pools = [{**pool} for pool in threadpoolctl.threadpool_info()]
    return {
        "numpy": (key.tolist(), position),
        "numpy errors": (np.geterr(), np.geterrcall()),
        "numpy printing": np.get_printoptions(),
        "scikit-learn": sklearn.get_config(),
        "threads": [(pool["filepath"], pool["num_threads"]) for pool in pools],
    }


def _torch():
    return {
        "torch": torch.get_rng_state().tolist(),
        "torch dtype": torch.get_default_dtype(),
        "torch device": torch.get_default_device(),
        "torch threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch gradients": (torch.is_grad_enabled(), torch.is_inference_mode_enabled()),
        "torch anomalies": torch.is_anomaly_enabled(),
        "torch determinism": (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
            torch.utils.deterministic.fill_uninitialized_memory,
        ),
        "torch precision": torch.get_float32_matmul_precision(),
        "torch kernels": (torch.backends.mkldnn.enabled, torch.backends.cudnn.deterministic),
    }


def _keras():
    threading, generator = tf.config.threading, global_state.get_global_attribute
    return {
        "floatx": keras.config.floatx(),
        "policy": keras.config.dtype_policy().name,
        "epsilon": keras.config.epsilon(),
        "image format": keras.config.image_data_format(),
        "backend": keras.config.backend(),
        "float64": keras.src.backend.common.dtypes.BIT64_TO_BIT32_DTYPE["float64"],
        "jax float64": jax.config.jax_enable_x64,
        "keras logging": keras.config.is_interactive_logging_enabled(),
        "keras tracebacks": keras.config.is_traceback_filtering_enabled(),
        "keras seed": generator(keras.src.random.seed_generator.GLOBAL_SEED_GENERATOR),
        "tensorflow seed": context.global_seed(),
        "tensorflow threads": (
            threading.get_intra_op_parallelism_threads(),
            threading.get_inter_op_parallelism_threads(),
        ),
        "tensorflow eager": (tf.executing_eagerly(), tf.config.functions_run_eagerly()),
        "tensorflow determinism": context.context().config.experimental,
    }
