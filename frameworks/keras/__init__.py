"""Keras on TensorFlow, JAX and PyTorch: one page's `build_keras`, three backends."""

from dataclasses import replace

from frameworks.backend import Backend, LineStyle, Peer
from frameworks.pytorch import KERNELS

__all__ = ["BACKEND", "ON_JAX", "ON_TORCH"]

BACKEND = Backend(
    name="keras",
    title="Keras",
    folder="frameworks.keras",
    packages=("keras", "tensorflow"),
    classifier="KerasClassifier",
    regressor="KerasRegressor",
    feature_learner="KerasFeatureLearner",
    sequencer="KerasSequencer",
    estimators="estimators",
    style=LineStyle(colour=1, width=1.7, dashes=(5, 2), marker="s"),
    variables={"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"},
    settle="use_stock_settings",
    loop="KerasLoop",
    control="keras-sigmoid",
    peers=(
        Peer("keras-fit", loop="KerasLoop", about="`Model.fit`, one execution"),
        Peer("keras-jit", loop="KerasLoop", about="the same, with XLA", options={"jit": True}),
        Peer("keras-xla", loop="XlaLoop", about="a loop of one's own, by XLA as a whole"),
    ),
)
ON_JAX = replace(
    BACKEND,
    name="keras-jax",
    title="Keras on JAX",
    packages=("keras", "jax"),
    builder="keras",
    style=LineStyle(colour=4, width=1.5, dashes=(3, 1, 1, 1), marker="v"),
    variables={"KERAS_BACKEND": "jax", "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"},
    default=False,
    native=None,
    loop=None,
    control="",
    peers=(),
)
ON_TORCH = replace(
    ON_JAX,
    name="keras-torch",
    title="Keras on PyTorch",
    packages=("keras", "torch"),
    style=LineStyle(colour=5, width=1.5, dashes=(1, 1), marker="P"),
    variables={"KERAS_BACKEND": "torch"},
    kernels=KERNELS,
)
