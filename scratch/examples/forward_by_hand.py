"""Forward propagation by hand: from the inputs to the output, node by node.

Inputs (−1, 2). Two hidden nodes weigh them by (3, 3) and by (1, 5), the output node weighs the
hidden ones by (2, −1). Each hidden node keeps its sum if it is positive, that is the ReLU:

>>> relu(4), relu(-2)
(4, 0)
>>> hidden = [relu(-1 * 3 + 2 * 3), relu(-1 * 1 + 2 * 5)]
>>> hidden, hidden[0] * 2 + hidden[1] * -1
([3, 9], -3)

With matrices it is two products. A node's weights are a COLUMN of W, so that one product makes the
sums of all nodes, and for as many rows of inputs as there are:

>>> W1, W2 = np.array([[3, 1], [3, 5]]), np.array([[2], [-1]])
>>> relu(np.array([[-1, 2]]) @ W1) @ W2
array([[-3]])

The layers `Dense` and `ReLU` are these products and this function; with `Tanh` in the ReLU's place
the same weights make another network:

>>> network([W1, W2], ReLU).forward(np.array([[-1.0, 2.0]]))
array([[-3.]])
>>> round(network([W1, W2], Tanh).forward(np.array([[-1.0, 2.0]])).item(), 12)
0.990109537833

A single number can be given to both inputs, which weighs it by both weights of a node. Two such
rows, −1 and 2, go through together:

>>> network([W1, W2], ReLU).forward(np.array([[-1.0, -1.0], [2.0, 2.0]])).ravel()
array([ 0., 12.])

And a deeper network is one more product: (3, 5) through nodes (2, 4) and (4, −5), whose sums 26 and
−13 become 26 and 0, then through (−1, 1) and (2, 2), then (2, 7).

>>> deeper = network([np.array([[2, 4], [4, -5]]), np.array([[-1, 2], [1, 2]]), [[2], [7]]], ReLU)
>>> deeper.forward(np.array([[3.0, 5.0]]))
array([[364.]])
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from scratch import Dense, Layer, ReLU, Sequential, Tanh


def relu(z: Any) -> Any:
    """Return max(z, 0), for a number or element by element."""
    return z * (z > 0)


def network(weights: Sequence[Any], activation: type[Layer]) -> Sequential:
    """Build a network without biases: a matrix, an activation, a matrix, ..., a matrix."""
    layers: list[Layer] = []
    for W in weights:
        layers += [Dense(*np.shape(W), bias=False), activation()]
    result = Sequential(*layers[:-1])
    result.set_weights([np.array(W) for W in weights])
    return result


def show(network: Sequential, x: Sequence[Sequence[float]]) -> np.ndarray:
    """Print what each layer makes of the rows x, and return what the last one does."""
    a = np.array(x, dtype=float)
    print(f"x = {a.tolist()}")
    for layer in network.layers:
        product = " @ ".join(["", *(str(W.astype(int).tolist()) for W in layer.params)])
        a = layer.forward(a)
        print(f"  {type(layer).__name__}{product}: {a.tolist()}")
    return a


def main() -> None:
    """Print the way of every input through the networks, and check the published outputs."""
    W1, W2 = np.array([[3, 1], [3, 5]]), np.array([[2], [-1]])
    with_relu, with_tanh = network([W1, W2], ReLU), network([W1, W2], Tanh)
    assert show(with_relu, [[-1, 2]]) == -3
    assert np.isclose(np.tanh(3), 0.9950547536867305, rtol=1e-15)  # a last digit of tanh
    # 1e-14: the digits published
    assert np.isclose(show(with_tanh, [[-1, 2]]), 0.99010953783342, rtol=1e-14)
    assert show(with_relu, [[-1, -1], [2, 2]]).ravel().tolist() == [0, 12]
    deeper = network([[[2, 4], [4, -5]], [[-1, 2], [1, 2]], [[2], [7]]], ReLU)
    assert show(deeper, [[3, 5]]) == 364


if __name__ == "__main__":
    main()
