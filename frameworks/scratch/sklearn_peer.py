"""scikit-learn's multilayer perceptron, for experiments that it can train."""

import warnings
from typing import Any

from frameworks.peers import Arrays, Unavailable
from frameworks.program import Builder, Parts
from frameworks.spec import Spec
from frameworks.task import Task
from scratch import (
    SGD,
    Adam,
    Batch,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Dense,
    MeanSquaredError,
    ReLU,
    Sigmoid,
    Tanh,
)

__all__ = ["SklearnFit"]

_CROSS_ENTROPIES = BinaryCrossEntropy, CategoricalCrossEntropy
_ACTIVATIONS = {ReLU: "relu", Sigmoid: "logistic", Tanh: "tanh"}


class SklearnFit:
    """`MLPClassifier.fit` or `MLPRegressor.fit`: equal sizes, batches, optimizer and epochs.

    Its random draws are its own, and the regressor's loss is half the mean squared error. It reads
    its settings from what scratch's builder returns. Raises Unavailable for a network, loss or
    optimizer that scikit-learn does not have.
    """

    def __init__(self, build: Builder, data: Batch, spec: Spec, task: Task) -> None:
        from sklearn.neural_network import MLPClassifier, MLPRegressor

        parts = build(spec=spec)
        self.X, self.batch_size = data.X, spec.batch_size
        self.y = data.y.ravel() if data.y.shape[1:] == (1,) else data.y
        if task.has_answers:
            self.y = self.y.astype(int)
        self.shapes = [w.shape for w in parts.network.weights]
        self.estimator = MLPClassifier if task.has_answers else MLPRegressor
        self.options = _options(parts, task)

    def train(self, weights: Arrays, orders: Arrays) -> float:
        """Train one epoch per order; return the last epoch's loss.

        Raises ValueError if scikit-learn trained on another number of rows, or another network.
        """
        from sklearn.exceptions import ConvergenceWarning

        network = self.estimator(
            **self.options,
            alpha=0.0,
            batch_size=min(self.batch_size, len(self.X)),
            max_iter=len(orders),
            shuffle=len(self.X) > self.batch_size,
            tol=0.0,
            n_iter_no_change=len(orders),  # no early stopping
            random_state=0,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it stops at max_iter on purpose
            network.fit(self.X, self.y)
        self._check(network, len(orders) * len(self.X))
        return network.loss_

    def _check(self, network: Any, rows: int) -> None:
        pairs = zip(network.coefs_, network.intercepts_, strict=True)
        shapes = [a.shape for pair in pairs for a in pair]
        if (shapes, network.t_, network.coefs_[0].dtype) != (self.shapes, rows, self.X.dtype):
            raise ValueError(
                f"scikit-learn trained {shapes} on {network.t_} rows, not {self.shapes} on {rows}"
            )


def _options(parts: Parts, task: Task) -> dict[str, Any]:
    """Return the arguments for the same network in scikit-learn; Unavailable if there are none."""
    network, loss, optimizer = parts[:3]
    known = _CROSS_ENTROPIES if task.has_answers else (MeanSquaredError,)
    if type(loss) not in known:
        has = "cross-entropy" if task.has_answers else "mean squared error"
        raise Unavailable(f"scikit-learn has the {has}, not {type(loss).__name__}")
    *hidden, last = network.layers
    dense, activations = [*hidden[::2], last], {type(layer) for layer in hidden[1::2]}
    if not all(type(layer) is Dense and len(layer.params) == 2 for layer in dense):
        raise Unavailable("scikit-learn has dense layers with biases only")
    if task.has_answers and last.b.size == 2:
        raise Unavailable("scikit-learn has one output for two classes, not two")
    if len(activations) != 1 or not activations <= _ACTIVATIONS.keys():
        raise Unavailable("scikit-learn has hidden layers of one activation: ReLU, sigmoid or tanh")
    widths = tuple(layer.b.size for layer in dense[:-1])
    options = {"hidden_layer_sizes": widths, "activation": _ACTIVATIONS[activations.pop()]}
    numbers: dict[str, Any]
    match optimizer:
        case Adam() if type(optimizer) is Adam:
            betas = {"beta_1": optimizer.beta_1, "beta_2": optimizer.beta_2}
            numbers = {"solver": "adam", "epsilon": optimizer.epsilon} | betas
        case SGD():
            momentum = {"momentum": optimizer.mu, "nesterovs_momentum": optimizer.nesterov}
            numbers = {"solver": "sgd", "learning_rate": "constant"} | momentum
        case _:
            raise Unavailable(f"scikit-learn has Adam and SGD, not {type(optimizer).__name__}")
    return options | numbers | {"learning_rate_init": optimizer.eta}
