"""scratch as scikit-learn estimators."""

from frameworks.classifier import LockstepClassifier
from frameworks.default_network import build_scratch
from frameworks.feature_learner import LockstepFeatureLearner
from frameworks.regressor import LockstepRegressor
from frameworks.scratch.adapter import ScratchAdapter
from frameworks.sequencer import LockstepSequencer
from frameworks.trainer import LockstepTrainer

__all__ = ["ScratchClassifier", "ScratchFeatureLearner", "ScratchRegressor", "ScratchSequencer"]
__all__ += ["ScratchTrainer"]


class ScratchRegressor(LockstepRegressor):
    """The NumPy reference as a scikit-learn regressor; parameters as in `LockstepEstimator`.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], [1.0, 3.0, 5.0, 7.0]
    >>> regressor = ScratchRegressor(hidden=(), epochs=500, learning_rate=0.1, random_state=0)
    >>> regressor.fit(X, y).predict([[4.0]]).round(3).tolist()
    [9.0]
    """

    _adapter_class = ScratchAdapter
    _default_build = staticmethod(build_scratch)


class ScratchClassifier(LockstepClassifier):
    """The NumPy reference as a scikit-learn classifier; parameters as in `LockstepEstimator`.

    >>> X, y = [[0.0], [1.0], [2.0], [3.0]], ["low", "low", "high", "high"]
    >>> classifier = ScratchClassifier(epochs=200, learning_rate=0.1, random_state=0).fit(X, y)
    >>> classifier.predict([[-1.0], [4.0]]).tolist()
    ['low', 'high']
    """

    _adapter_class = ScratchAdapter
    _default_build = staticmethod(build_scratch)


class ScratchTrainer(LockstepTrainer):
    """Programs in NumPy; parameters as in `LockstepTrainer`."""

    _adapter_class = ScratchAdapter


class ScratchFeatureLearner(LockstepFeatureLearner):
    """Features without targets, in NumPy; parameters as in `LockstepFeatureLearner`."""

    _adapter_class = ScratchAdapter


class ScratchSequencer(LockstepSequencer):
    """Sequences of tokens, in NumPy; parameters as in `LockstepSequencer`."""

    _adapter_class = ScratchAdapter
