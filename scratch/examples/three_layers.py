"""Three layers, forward only: from two inputs to two probabilities.

Every layer does the same: z = x W + b, then an activation. The shapes have to meet, (1, 2) times
(2, 3), (3, 2) and (2, 2):

>>> x = np.array([[2.0, 1.0]])
>>> a1 = sigmoid(x @ W1 + b1)
>>> a2 = sigmoid(a1 @ W2 + b2)
>>> z3 = a2 @ W3 + b3
>>> a1.shape, a2.shape, z3.shape
((1, 3), (1, 2), (1, 2))

The last activation is the softmax eᶻₖ / Σⱼ eᶻⱼ: positive numbers that add up to 1, in the order of
z. The network thinks that class 1 is the likelier one.

>>> softmax(z3).round(8)
array([[0.40442364, 0.59557636]])

`Sequential` chains the layers, and remembers what the way back will need:

>>> build().forward(x).round(8)
array([[0.40442364, 0.59557636]])
"""

import numpy as np

from scratch import Dense, Sequential, Sigmoid, Softmax, sigmoid, softmax

W1, b1 = np.array([[0.1, 0.3, 0.5], [0.2, 0.4, 0.6]]), np.array([0.1, 0.2, 0.3])
W2, b2 = np.array([[0.1, 0.4], [0.2, 0.5], [0.3, 0.6]]), np.array([0.1, 0.2])
W3, b3 = np.array([[0.1, 0.3], [0.2, 0.4]]), np.array([0.1, 0.2])


def build() -> Sequential:
    """Build the network of the three layers."""
    network = Sequential(
        *(Dense(2, 3), Sigmoid()),
        *(Dense(3, 2), Sigmoid()),
        *(Dense(2, 2), Softmax()),
    )
    network.set_weights([W1, b1, W2, b2, W3, b3])
    return network


def main() -> None:
    """Print every layer's z and a, and check the published probabilities."""
    x = a = np.array([[2.0, 1.0]])
    print(f"x = {x.tolist()}")
    for k, (W, b) in enumerate([(W1, b1), (W2, b2), (W3, b3)], start=1):
        z = a @ W + b
        a = sigmoid(z) if k < 3 else softmax(z)
        print(f"z{k} = {z.round(8).tolist()}, a{k} = {a.round(8).tolist()}")
    by_hand = a
    assert by_hand[0].round(8).tolist() == [0.40442364, 0.59557636]
    assert np.array_equal(build().forward(x), by_hand)


if __name__ == "__main__":
    main()
