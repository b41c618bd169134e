"""The computational graph: its operations against central differences and numbers by hand."""

import numpy as np
import pytest

from scratch import Node

from .closeness import assert_close, assert_is_gradient

A, B = (3, 4), (2, 3, 4)  # shapes

# the methods that each case goes through, the shapes of its operands, and the expression
CASES = {
    "sum of equal shapes": ("__add__", [A, A], lambda x, y: x + y),
    "sum of broadcast rows": ("__add__", [A, (4,)], lambda x, y: x + y),
    "sum of broadcast columns": ("__add__", [(3, 1), (1, 4)], lambda x, y: x + y),
    "sum with a single number": ("__add__", [(), B], lambda x, y: x + y),
    "sum with an array in front": ("__radd__", [A], lambda x: np.ones(B) + x),
    "difference": ("__sub__", [B, (1, 4)], lambda x, y: x - y),
    "difference with a number in front": ("__rsub__", [A], lambda x: 2.0 - x),
    "negative": ("__neg__", [A], lambda x: -x),
    "product": ("__mul__", [B, (3, 1)], lambda x, y: x * y),
    "product of a node with itself": ("__mul__", [A], lambda x: x * x),
    "product with an array in front": ("__rmul__", [A], lambda x: np.ones(B) * x),
    "quotient": ("__truediv__", [A, B], lambda x, y: x / (y * y + 1)),
    "quotient with an array in front": ("__rtruediv__", [A], lambda x: np.ones(B) / (x * x + 1)),
    "power": ("__pow__", [A], lambda x: x**3),
    "square root": ("__pow__", [A], lambda x: (x * x + 1) ** 0.5),
    "matrix product": ("__matmul__", [A, (4, 2)], lambda x, y: x @ y),
    "matrix products with one matrix": ("__matmul__", [B, (4, 2)], lambda x, y: x @ y),
    "matrix products in pairs": ("__matmul__", [B, (2, 4, 2)], lambda x, y: x @ y),
    "matrix product with an array behind": ("__matmul__", [A], lambda x: x @ np.ones((4, 2))),
    "matrix product with an array in front": ("__rmatmul__", [A], lambda x: np.ones((2, 3)) @ x),
    "exp": ("exp", [A], lambda x: x.exp()),
    "log": ("log", [A], lambda x: (x * x + 1).log()),
    "tanh": ("tanh", [A], lambda x: x.tanh()),
    "error function": ("erf", [A], lambda x: x.erf()),
    "sigmoid": ("sigmoid", [A], lambda x: x.sigmoid()),
    "relu": ("relu", [A], lambda x: x.relu()),
    "sum of all": ("sum", [B], lambda x: x.sum()),
    "sum over one axis": ("sum", [B], lambda x: x.sum(1)),
    "sum over two axes, kept": ("sum", [B], lambda x: x.sum((0, 2), keepdims=True)),
    "mean of all": ("mean", [B], lambda x: x.mean()),
    "mean over the last axis": ("mean", [B], lambda x: x.mean(-1)),
    "mean over two axes, kept": ("mean", [B], lambda x: x.mean((0, 1), keepdims=True)),
    "log-softmax": ("log_softmax", [A], lambda x: x.log_softmax()),
    "log-softmax over the first axis": ("log_softmax", [A], lambda x: x.log_softmax(0)),
    "reshape": ("reshape", [B], lambda x: x.reshape((4, 6))),
    "transpose": ("transpose", [B], lambda x: x.transpose()),
    "transpose in a given order": ("transpose", [B], lambda x: x.transpose((2, 0, 1))),
    "slice": ("__getitem__", [B], lambda x: x[:, 1:, ::2]),
    "rows taken several times": ("__getitem__", [A], lambda x: x[np.array([2, 0, 2, 2])]),
    "one element a row": ("__getitem__", [A], lambda x: x[np.arange(3), np.array([1, 3, 0])]),
    "maximum over the first axis": ("max", [B], lambda x: x.max(0)),
    "maximum over the last axis": ("max", [B], lambda x: x.max(-1)),
    "maximum of a vector": ("max", [(5,)], lambda x: x.max(0)),
    "padding": ("pad", [A], lambda x: x.pad([(1, 2), (0, 3)])),
    "windows": ("windows", [(2, 4, 5, 3)], lambda x: x.windows((3, 2))),
    "windows that skip": ("windows", [(1, 5, 6, 1)], lambda x: x.windows((2, 2), (2, 3))),
}


@pytest.mark.parametrize("case", CASES)
def test_derivative_matches_central_difference(case):
    _, shapes, f = CASES[case]
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=shape) for shape in shapes]
    nodes = [Node(x) for x in arrays]
    result = f(*nodes)
    dL = rng.normal(size=result.shape)
    result.backward(dL)
    for node, x in zip(nodes, arrays, strict=True):
        assert_is_gradient(node.grad, lambda: np.sum(dL * f(*map(Node, arrays)).value), x)


def test_every_operation_has_a_case():
    plumbing = {"__init__", "__repr__", "backward", "_ancestors"}
    operations = {name for name, value in vars(Node).items() if callable(value)} - plumbing
    assert operations == {method for method, _, _ in CASES.values()}


def test_values_are_those_of_numpy():
    x, y = np.random.default_rng(0).normal(size=(2, 3, 4))
    a, b = Node(x), Node(y)
    for node, expected in [
        (a - b, x - y),
        (1 / a, 1 / x),
        (a / b, x / y),
        (a**2, x**2),
        (a.exp(), np.exp(x)),
        (a.relu(), np.maximum(x, 0)),
        (a.sum(0), x.sum(0)),
        (a.max(1), x.max(1)),
        (a[:, 1], x[:, 1]),
        (a.transpose(), x.T),
        (a.pad([(1, 0), (0, 2)]), np.pad(x, [(1, 0), (0, 2)])),
    ]:
        assert np.array_equal(node.value, expected)
    assert_close(a.mean((0, 1)).value, x.mean(), 1e-15)  # one rounding, in the division
    sigma = 1 / (1 + np.exp(-x))
    assert_close(a.sigmoid().value, sigma, 1e-15)  # two roundings of numbers up to 1


def test_windows_are_those_of_numpy():
    x = np.random.default_rng(0).normal(size=(2, 5, 6, 3))
    expected = np.lib.stride_tricks.sliding_window_view(x, (3, 2), axis=(1, 2))
    expected = np.moveaxis(expected, 3, -1)
    assert np.array_equal(Node(x).windows((3, 2)).value, expected)
    assert np.array_equal(Node(x).windows((3, 2), (2, 3)).value, expected[:, ::2, ::3])


def test_axes_are_those_of_numpy():
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    a = Node(x)
    assert np.array_equal(a.transpose((2, 0, 1)).value, x.transpose(2, 0, 1))
    assert np.array_equal(a.log_softmax().value, a.log_softmax(2).value)


def test_padding_and_windows_name_every_axis():
    with pytest.raises(ValueError, match="argument"):
        Node(np.zeros((2, 2))).pad([(1, 1)])  # NumPy would pad both axes alike
    with pytest.raises(ValueError, match="argument"):
        Node(np.zeros((1, 2, 2, 1))).windows((2, 2), (1,))


def test_broadcast_operands_collect_what_every_use_sends_back():
    # each of the 2 numbers in the column meets 3 in the row, and the other way round
    x, y = Node([[1.0], [2.0]]), Node([10.0, 20.0, 30.0])
    (x * y).backward([[1, 1, 1], [1, 1, 1]])
    assert x.grad.tolist() == [[60], [60]]
    assert y.grad.tolist() == [3, 3, 3]


def test_network_of_2_2_1_gives_every_gradient_by_hand():
    # x = (1, 2):  z1 = (1 + 4 + 0.5, -1 + 2 - 2) = (5.5, -1), a1 = (5.5, 0), z2 = 11 - 10 = 1
    # L = (1 - 3)² = 4, dz2 = 2 (1 - 3) = -4
    # dW2 = a1 dz2 = (-22, 0), db2 = -4, da1 = -4 (2, 3) = (-8, -12), dz1 = (-8, 0)
    # dW1 = x dz1 = ((-8, 0), (-16, 0)), db1 = (-8, 0), dx = W1 dz1 = (-8, -16)
    x, W1, b1 = Node([[1, 2]]), Node([[1, -1], [2, 1]]), Node([0.5, -2])
    W2, b2 = Node([[2], [3]]), Node([-10])
    L = (((x @ W1 + b1).relu() @ W2 + b2 - 3) ** 2).sum()
    L.backward()
    assert L.value == 4
    assert (W2.grad.tolist(), b2.grad.tolist()) == ([[-22], [0]], [-4])
    assert (W1.grad.tolist(), b1.grad.tolist()) == ([[-8, 0], [-16, 0]], [-8, 0])
    assert x.grad.tolist() == [[-8, -16]]


def test_convolution_by_hand():
    # the kernel (1, 10) over the image ((1, 2, 3), (4, 5, 6)): neighbours, right one times 10
    image, kernel = Node(np.arange(1.0, 7).reshape(1, 2, 3, 1)), Node([[1], [10]])
    a = image.windows((1, 2)).reshape((4, 2)) @ kernel
    assert a.value.ravel().tolist() == [21, 32, 54, 65]
    a.sum().backward()
    assert kernel.grad.ravel().tolist() == [1 + 2 + 4 + 5, 2 + 3 + 5 + 6]
    assert image.grad.ravel().tolist() == [1, 11, 10, 1, 11, 10]


def test_node_used_twice_gets_both_shares():
    # L = (x + x²)(x): 2x + 3x² at 2
    x = Node(2)
    ((x + x**2) * x).backward()
    assert x.grad == 2 * 2 + 3 * 4


def test_backward_starts_from_zero_every_time():
    x = Node(3)
    L = x * x
    for _ in range(2):
        L.backward()
        assert x.grad == 6
    (5 * x).backward()
    assert x.grad == 5


def test_array_is_copied_into_its_node():
    array = np.array([1.0])
    x = Node(array)
    L = (x * x).sum()
    array[:] = 100
    L.backward()
    assert x.grad == [2]


@pytest.mark.parametrize(
    ("axis", "gradient"), [(0, [[0, 1, 1], [1, 0, 0]]), (1, [[0, 1, 0], [1, 0, 0]])]
)
def test_of_equal_maxima_the_first_gets_the_gradient(axis, gradient):
    x = Node([[2, 7, 7], [7, 7, 7]])
    x.max(axis).sum().backward()
    assert x.grad.tolist() == gradient


def test_relu_has_no_gradient_at_zero():
    x = Node([-1, 0, 1])
    x.relu().sum().backward()
    assert x.grad.tolist() == [0, 0, 1]


def test_far_logits_overflow_nowhere():
    x = Node([[1e4, -1e4]])
    for y, value in [(x.sigmoid(), [1, 0]), (x.log_softmax(), [0, -2e4]), (x.tanh(), [1, -1])]:
        y.sum().backward()
        assert y.value.tolist() == [value]
        assert np.isfinite(x.grad).all()


def test_chain_of_30000_nodes_needs_no_recursion():
    x = y = Node(1)
    for _ in range(30_000):
        y = y + x
    y.backward()
    assert (y.value, x.grad) == (30_001, 30_001)


def test_result_with_several_elements_needs_its_upstream_gradient():
    with pytest.raises(ValueError, match=r"dL must have the shape \(2,\), got \(\)"):
        Node([1, 2]).backward()


def test_empty_arrays_pass_through():
    x, W = Node(np.empty((0, 3))), Node(np.ones((3, 2)))
    (x @ W).relu().sum().backward()
    assert (x.grad.shape, W.grad.tolist()) == ((0, 3), np.zeros((3, 2)).tolist())
