"""The neuron, in pure Python: no NumPy, no matrices, nothing but numbers and lists.

    a = σ(w₁x₁ + ... + w_d x_d + b),   σ(z) = 1 / (1 + e⁻ᶻ)

A neuron weighs its inputs, adds an offset and squeezes the sum into 0..1; a layer is neurons with
the same inputs; in a network each layer's inputs are the outputs of the one before. To learn, every
row is sent forward and its error sent back; then each weight takes one step against its summed
gradient: full-batch gradient descent.

The file imports only the standard library, and runs on its own wherever Python does.

>>> Neuron([7.0, 3.0], bias=-5.0).forward([1.0, 1.0])  # σ(7 + 3 − 5)
0.9933071490757153
"""

import math
import random
from collections.abc import Sequence

__all__ = ["Neuron", "NeuronNetwork"]

Row = Sequence[float]
Weights = Sequence[Sequence]  # matrices and biases, as nested lists


def sigmoid(z: float) -> float:
    """Return σ(z) = 1 / (1 + e⁻ᶻ); −z is limited to 709, above which the exponential overflows.

    >>> sigmoid(0.0), sigmoid(1e4), 0 < sigmoid(-1e4) < 1e-300
    (0.5, 1.0, True)
    """
    return 1 / (1 + math.exp(min(-z, 709.0)))


class Neuron:
    """One neuron: a = σ(z) with z = w₁x₁ + ... + w_d x_d + b; with `bias=None` there is no b.

    Gradients, with da = dL/da:  dz = da a (1 − a),  dwⱼ = dz xⱼ,  db = dz. They add up over the
    rows until the next `forget`.
    Source: Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors",
    Nature 323, 1986, equations 1 to 8.
    """

    def __init__(self, weights: Row, bias: float | None = 0.0) -> None:
        self.w, self.b = list(weights), bias
        self.forget()

    def forward(self, x: Row) -> float:
        """Return a for one row x, and remember both."""
        z = 0.0
        for w_j, x_j in zip(self.w, x, strict=True):
            z += w_j * x_j
        if self.b is not None:
            z += self.b
        self.x, self.a = x, sigmoid(z)
        return self.a

    def backward(self, da: float) -> None:
        """Compute dz for the latest row, and add its part to dw and db."""
        dz = self.dz = da * (self.a * (1 - self.a))
        for j, x_j in enumerate(self.x):
            self.dw[j] += dz * x_j
        self.db += dz

    def step(self, rate: float) -> None:
        """Take the step w ← w − rate · dw, b ← b − rate · db."""
        self.w = [w_j - rate * dw_j for w_j, dw_j in zip(self.w, self.dw, strict=True)]
        if self.b is not None:
            self.b -= rate * self.db

    def forget(self) -> None:
        """Set dw and db to zero."""
        self.dw, self.db = [0.0] * len(self.w), 0.0


class NeuronNetwork:
    """Layers of neurons, trained by full-batch gradient descent on the squared error.

    The loss is the mean over n rows and k outputs, L = 1/(nk) Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)², or with
    `mean=False` half the sum, L = ½ Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)².

    `weights` are the initial ones: for each layer the matrix (d_in, d_out), a list of d_in rows,
    and after it, unless the layer has none, the d_out biases. Raises ValueError if a shape does not
    fit.

    >>> network = NeuronNetwork.draw(random.Random(0), [2, 4, 1])
    >>> round(network.predict([[0.0, 0.0]])[0][0], 8)
    0.55882367
    >>> X, y = [[0, 0], [0, 1], [1, 0], [1, 1]], [[0], [1], [1], [1]]
    >>> losses = network.fit(X, y, steps=500, learning_rate=10.0)
    >>> [round(loss, 4) for loss in (losses[0], losses[-1])]
    [0.2261, 0.0001]
    >>> [round(a) for (a,) in network.predict(X)]
    [0, 1, 1, 1]
    """

    def __init__(self, weights: Weights, *, mean: bool = True) -> None:
        self.weights, self.mean = weights, mean

    @classmethod
    def draw(
        cls, rng: random.Random, sizes: Sequence[int], *, mean: bool = True
    ) -> "NeuronNetwork":
        """Draw w ~ U[-0.5, 0.5) neuron by neuron, for layers of these sizes; biases are zero."""
        weights: list[Sequence] = []
        for d_in, d_out in zip(sizes, sizes[1:], strict=False):
            neurons = [[rng.random() - 0.5 for _ in range(d_in)] for _ in range(d_out)]
            weights += [_transpose(neurons), [0.0] * d_out]
        return cls(weights, mean=mean)

    @property
    def weights(self) -> list[Sequence]:
        """The current weights, in new lists; can be set to lists of the same layout."""
        weights: list[Sequence] = []
        for layer in self.layers:
            weights.append(_transpose([neuron.w for neuron in layer]))
            if layer[0].b is not None:
                weights.append([neuron.b for neuron in layer])
        return weights

    @weights.setter
    def weights(self, weights: Weights) -> None:
        self.layers = _as_layers(weights)

    def forward(self, x: Row) -> list[float]:
        """Return the outputs for one row."""
        for layer in self.layers:
            x = [neuron.forward(x) for neuron in layer]
        return list(x)

    def backward(self, da: Row) -> None:
        """Give each neuron its part of the gradient, for the latest row and da = dL/d(outputs)."""
        for depth in reversed(range(len(self.layers))):
            layer = self.layers[depth]
            for neuron, da_k in zip(layer, da, strict=True):
                neuron.backward(da_k)
            if depth:  # dxⱼ = Σₖ dzₖ wₖⱼ, over the neurons k of the layer
                inputs = range(len(layer[0].w))
                da = [math.fsum([k.dz * k.w[j] for k in layer]) for j in inputs]

    def loss(self, outputs: Sequence[Row], y: Sequence[Row], w: Row | None = None) -> float:
        """Return L for the outputs a and the targets y, both n rows of k."""
        total = 0.0
        for a_i, y_i, w_i in zip(outputs, y, [1.0] * len(y) if w is None else w, strict=True):
            for a, target in zip(a_i, y_i, strict=True):
                total += w_i * (a - target) ** 2
        return total / self._divisor(outputs)

    def step(
        self, X: Sequence[Row], y: Sequence[Row], learning_rate: float, w: Row | None = None
    ) -> tuple[float, list[list[float]]]:
        """Take one step on all rows; return the loss and the outputs as they were before it.

        X holds n rows of d_in numbers, y n rows of k; row i has the weight w[i], by default 1.
        Raises ValueError if there are no rows, or if X, y and w are not equally long.
        """
        if not len(X):
            raise ValueError("X must hold at least one row, got none")
        neurons = [neuron for layer in self.layers for neuron in layer]
        for neuron in neurons:
            neuron.forget()
        outputs = []
        for x, y_i, w_i in zip(X, y, [1.0] * len(X) if w is None else w, strict=True):
            a = self.forward(x)
            self.backward([2 * w_i * (a_k - y_k) for a_k, y_k in zip(a, y_i, strict=True)])
            outputs.append(a)
        for neuron in neurons:
            neuron.step(learning_rate / self._divisor(outputs))  # they hold dS for S = m L
        return self.loss(outputs, y, w), outputs

    def fit(
        self, X: Sequence[Row], y: Sequence[Row], steps: int, learning_rate: float
    ) -> list[float]:
        """Take `steps` steps on all rows; return the loss before each of them."""
        return [self.step(X, y, learning_rate)[0] for _ in range(steps)]

    def predict(self, X: Sequence[Row]) -> list[list[float]]:
        """Return the outputs for each row."""
        return [self.forward(x) for x in X]

    def _divisor(self, outputs: Sequence[Row]) -> int:
        """Return m for L = 1/m Σᵢ wᵢ Σₖ (aᵢₖ − yᵢₖ)²: nk, or 2."""
        return len(outputs) * len(self.layers[-1]) if self.mean else 2


def _transpose(rows: Sequence[Row]) -> list[list[float]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _as_layers(weights: Weights) -> list[list[Neuron]]:
    """Make neurons of matrices (d_in, d_out) and of the biases (d_out,) behind some of them."""
    layers: list[list[Neuron]] = []
    for i, array in enumerate(weights):
        if not len(array):
            raise ValueError(f"weights[{i}]: expected numbers, got none")
        if hasattr(array[0], "__len__"):
            if len({len(row) for row in array}) > 1:
                raise ValueError(f"weights[{i}]: expected rows of equal length")
            if layers and len(array) != len(layers[-1]):
                raise ValueError(f"weights[{i}]: expected {len(layers[-1])} rows, got {len(array)}")
            layers.append([Neuron(column, bias=None) for column in _transpose(array)])
        else:
            if not layers or layers[-1][0].b is not None:
                raise ValueError(f"weights[{i}]: expected a matrix, got {len(array)} numbers")
            if len(array) != len(layers[-1]):
                raise ValueError(
                    f"weights[{i}]: expected {len(layers[-1])} biases, got {len(array)}"
                )
            for neuron, b in zip(layers[-1], array, strict=True):
                neuron.b = b
    if not layers:
        raise ValueError("weights must hold at least one matrix, got none")
    return layers
