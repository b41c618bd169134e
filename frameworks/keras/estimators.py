"""Keras as scikit-learn estimators, on the backend that KERAS_BACKEND names."""

from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_keras
from frameworks.feature_learner import LockstepFeatureLearner
from frameworks.keras.adapter import KerasAdapter
from frameworks.keras.loading import keras
from frameworks.regressor import LockstepRegressor
from frameworks.sequencer import LockstepSequencer
from frameworks.trainer import LockstepTrainer

__all__ = ["KerasClassifier", "KerasFeatureLearner", "KerasRegressor", "KerasSequencer"]
__all__ += ["KerasTrainer"]


def _on_backend() -> type[KerasAdapter]:
    """Return the adapter for the backend of Keras in this process."""
    match keras.backend.backend():
        case "tensorflow":
            from frameworks.keras.on_tensorflow import TensorFlowKeras

            return TensorFlowKeras
        case "jax":
            from frameworks.keras.on_jax import JaxKeras

            return JaxKeras
        case "torch":
            from frameworks.keras.on_torch import TorchKeras

            return TorchKeras
        case other:
            raise ImportError(
                f"KERAS_BACKEND must be 'tensorflow', 'jax' or 'torch', got {other!r}"
            )


class KerasClassifier(LockstepClassifier):
    """Keras as a scikit-learn classifier; parameters as in `LockstepEstimator`."""

    _adapter_class = _on_backend()
    _default_build = staticmethod(build_keras)


class KerasRegressor(LockstepRegressor):
    """Keras as a scikit-learn regressor; parameters as in `LockstepEstimator`."""

    _adapter_class = _on_backend()
    _default_build = staticmethod(build_keras)


class KerasTrainer(LockstepTrainer):
    """Programs in Keras; parameters as in `LockstepTrainer`."""

    _adapter_class = _on_backend()


class KerasFeatureLearner(LockstepFeatureLearner):
    """Features without targets, in Keras; parameters as in `LockstepFeatureLearner`."""

    _adapter_class = _on_backend()


class KerasSequencer(LockstepSequencer):
    """Sequences of tokens, in Keras; parameters as in `LockstepSequencer`."""

    _adapter_class = _on_backend()
