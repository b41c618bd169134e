"""PyTorch as scikit-learn estimators."""

from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_pytorch
from frameworks.feature_learner import LockstepFeatureLearner
from frameworks.pytorch.adapter import PyTorchAdapter
from frameworks.regressor import LockstepRegressor
from frameworks.sequencer import LockstepSequencer
from frameworks.trainer import LockstepTrainer

__all__ = ["PyTorchClassifier", "PyTorchFeatureLearner", "PyTorchRegressor", "PyTorchSequencer"]
__all__ += ["PyTorchTrainer"]


class PyTorchRegressor(LockstepRegressor):
    """PyTorch as a scikit-learn regressor; parameters as in `LockstepEstimator`."""

    _adapter_class = PyTorchAdapter
    _default_build = staticmethod(build_pytorch)


class PyTorchClassifier(LockstepClassifier):
    """PyTorch as a scikit-learn classifier; parameters as in `LockstepEstimator`."""

    _adapter_class = PyTorchAdapter
    _default_build = staticmethod(build_pytorch)


class PyTorchTrainer(LockstepTrainer):
    """Programs in PyTorch; parameters as in `LockstepTrainer`."""

    _adapter_class = PyTorchAdapter


class PyTorchFeatureLearner(LockstepFeatureLearner):
    """Features without targets, in PyTorch; parameters as in `LockstepFeatureLearner`."""

    _adapter_class = PyTorchAdapter


class PyTorchSequencer(LockstepSequencer):
    """Sequences of tokens, in PyTorch; parameters as in `LockstepSequencer`."""

    _adapter_class = PyTorchAdapter
