"""A computational graph: every number remembers how it was made, and derivatives follow.

    L = f(x, W, ...),   dL/dx = Σ over the nodes v made from x of dL/dv ∂v/∂x

`Node` holds an array, the nodes it was made from, and for each of these the function that turns
dL/dv into its share of dL/dx. `backward` calls them, from the result back to the inputs: the chain
rule in reverse. Each operation below is one line of mathematics beside its derivative.

This is the second derivation of every gradient in `scratch.layers` and `scratch.losses`, and shares
no code with them. It is meant for reading and for checking, in float64, not for speed.
Source: Linnainmaa, "Taylor expansion of the accumulated rounding error", BIT 16, 1976; as a tape
of operations, Griewank and Walther, "Evaluating derivatives", 2nd ed., SIAM 2008, chapter 3.

>>> x, y, z = Node(1), Node(3), Node(-3)
>>> p = x + y
>>> g = p * z
>>> g.backward()
>>> [float(node.value) for node in (p, g)]
[4.0, -12.0]
>>> [float(node.grad) for node in (p, z, x, y)]
[-3.0, 4.0, -3.0, -3.0]
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, Union

import numpy as np

__all__ = ["Node"]

Axis = int | tuple[int, ...] | None
Operand = Union["Node", np.ndarray, float]
Share = Callable[[np.ndarray], np.ndarray]  # from dL/dv to the part of dL/dx that passes through v


class Node:
    """An array `value`, how it was made, and after `backward` its gradient `grad` = dL/d(value).

    Arithmetic is NumPy's, element by element with broadcasting; the other operand may be a node, an
    array or a number. Values are float64.
    """

    __array_ufunc__ = None  # NumPy leaves `array + node` to the node
    grad: np.ndarray

    def __init__(self, value: Any, *made_from: tuple["Node", Share]) -> None:
        self.value = np.array(value, np.float64)
        self.made_from = made_from
        self.depth: int = 1 + max((node.depth for node, _ in made_from), default=0)

    def __repr__(self) -> str:
        return f"Node({self.value.tolist()})"

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return self.value.shape

    def backward(self, dL: Any = 1.0) -> None:
        """Set `grad` of this node and of all that it was made from, for an L with dL/d(self) = dL.

        By default L is this node, which then holds a single number; otherwise `dL` has its shape.
        Every call starts from zero. Raises ValueError for another shape of `dL`.

        >>> x = Node([1.0, 2.0])
        >>> (x * x).backward([1.0, 10.0])
        >>> x.grad
        array([ 2., 40.])
        """
        if np.shape(dL) != self.shape:
            raise ValueError(f"dL must have the shape {self.shape}, got {np.shape(dL)}")
        nodes = self._ancestors()
        for node in nodes:
            node.grad = np.zeros(node.shape)
        self.grad = np.array(dL, np.float64)
        for node in nodes:
            for source, share in node.made_from:
                source.grad += _sum_to(share(node.grad), source.shape)

    def _ancestors(self) -> list["Node"]:
        """Return this node and all its ancestors, each node before those that it was made from."""
        found, left = {self}, [self]
        while left:
            new = {source for source, _ in left.pop().made_from} - found
            found |= new
            left += new
        return sorted(found, key=lambda node: -node.depth)

    # Arithmetic. A share may have the broadcast shape: `backward` sums it.

    def __add__(self, other: Operand) -> "Node":
        a, b = self, _as_node(other)
        return Node(a.value + b.value, (a, lambda g: g), (b, lambda g: g))

    def __mul__(self, other: Operand) -> "Node":
        a, b = self, _as_node(other)
        return Node(a.value * b.value, (a, lambda g: g * b.value), (b, lambda g: g * a.value))

    def __truediv__(self, other: Operand) -> "Node":
        a, b = self, _as_node(other)
        q = a.value / b.value
        return Node(q, (a, lambda g: g / b.value), (b, lambda g: -g * q / b.value))

    def __pow__(self, p: float) -> "Node":
        return Node(self.value**p, (self, lambda g: g * p * self.value ** (p - 1)))

    def __matmul__(self, other: Operand) -> "Node":
        a, b = self, _as_node(other)  # (..., n, m) and (..., m, k)
        return Node(
            a.value @ b.value,
            (a, lambda g: g @ b.value.swapaxes(-1, -2)),
            (b, lambda g: a.value.swapaxes(-1, -2) @ g),
        )

    def __neg__(self) -> "Node":
        return self * -1

    def __sub__(self, other: Operand) -> "Node":
        return self + -_as_node(other)

    __radd__ = __add__
    __rmul__ = __mul__

    def __rsub__(self, other: Operand) -> "Node":
        return -self + other

    def __rtruediv__(self, other: Operand) -> "Node":
        return _as_node(other) / self

    def __rmatmul__(self, other: Operand) -> "Node":
        return _as_node(other) @ self

    # Functions, element by element.

    def exp(self) -> "Node":
        """Return eˣ; its derivative is eˣ."""
        e = np.exp(self.value)
        return Node(e, (self, lambda g: g * e))

    def log(self) -> "Node":
        """Return log x; its derivative is 1/x."""
        return Node(np.log(self.value), (self, lambda g: g / self.value))

    def tanh(self) -> "Node":
        """Return tanh x; its derivative is 1 − tanh² x."""
        t = np.tanh(self.value)
        return Node(t, (self, lambda g: g * (1 - t**2)))

    def erf(self) -> "Node":
        """Return the error function of x; its derivative is 2/√π e^−x²."""
        values = np.array([math.erf(x) for x in self.value.flat]).reshape(self.shape)
        return Node(values, (self, lambda g: g * 2 / math.sqrt(math.pi) * np.exp(-(self.value**2))))

    def sigmoid(self) -> "Node":
        """Return 1/(1 + e⁻ˣ) as ½ (1 + tanh ½x), which cannot overflow."""
        return 0.5 + 0.5 * (0.5 * self).tanh()

    def relu(self) -> "Node":
        """Return max(x, 0); its derivative is 1 where x > 0, and 0 elsewhere, x = 0 included."""
        return Node(np.where(self.value > 0, self.value, 0), (self, lambda g: g * (self.value > 0)))

    # Sums, and functions of them.

    def sum(self, axis: Axis = None, keepdims: bool = False) -> "Node":
        """Return the sum over the axes, by default over all; each term has the derivative 1."""
        total = self.value.sum(axis, keepdims=True)
        spread = Node(total, (self, lambda g: np.broadcast_to(g, self.shape)))
        return spread if keepdims else spread.reshape(np.squeeze(total, axis).shape)

    def mean(self, axis: Axis = None, keepdims: bool = False) -> "Node":
        """Return the sum divided by the number of terms."""
        total = self.sum(axis, keepdims)
        return total / (self.value.size / total.value.size)

    def log_softmax(self, axis: int = -1) -> "Node":
        """Return x − log Σ eˣ. Subtracting the maximum changes nothing: it is a constant."""
        x = self - self.value.max(axis, keepdims=True)
        return x - x.exp().sum(axis, keepdims=True).log()

    # Rearranging elements: each gradient goes back to where its element came from.

    def reshape(self, shape: int | tuple[int, ...]) -> "Node":
        """Return the same elements in another shape."""
        return Node(self.value.reshape(shape), (self, lambda g: g.reshape(self.shape)))

    def transpose(self, axes: Sequence[int] | None = None) -> "Node":
        """Return the array with its axes in the given order, by default reversed."""
        order = tuple(axes) if axes is not None else tuple(range(self.value.ndim))[::-1]
        return Node(
            self.value.transpose(order), (self, lambda g: g.transpose(np.argsort(order).tolist()))
        )

    def __getitem__(self, index: Any) -> "Node":
        def put_back(g: np.ndarray) -> np.ndarray:
            dx = np.zeros(self.shape)
            np.add.at(dx, index, g)  # sums if an element was taken more than once
            return dx

        return Node(self.value[index], (self, put_back))

    def max(self, axis: int) -> "Node":
        """Return the maximum along an axis: one element, the first of equal ones.

        >>> x = Node([[2.0, 7.0, 7.0]])
        >>> x.max(axis=1).sum().backward()
        >>> x.grad
        array([[0., 1., 0.]])
        """
        first = np.expand_dims(self.value.argmax(axis), axis)
        index = list(np.ogrid[tuple(slice(d) for d in first.shape)])
        index[axis] = first
        picked = self[tuple(index)]
        return picked.reshape(np.squeeze(picked.value, axis).shape)

    def pad(self, width: Sequence[tuple[int, int]]) -> "Node":
        """Return the array with (before, after) zeros along each axis."""
        inside = tuple(slice(b, b + d) for (b, _), d in zip(width, self.shape, strict=True))
        return Node(np.pad(self.value, width), (self, lambda g: g[inside]))

    def windows(self, size: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> "Node":
        """Return the windows (n, oh, ow, kh, kw, c) of size (kh, kw) of images (n, h, w, c).

        Neighbouring windows share elements: a convolution is their product with a kernel (kh, kw,
        c, d) summed over the last three axes, pooling a maximum or a mean over kh and kw.

        >>> image = Node(np.arange(4.0).reshape(1, 2, 2, 1))
        >>> image.windows((1, 2)).shape
        (1, 2, 1, 1, 2, 1)
        """
        rows, columns = (
            np.arange(0, d - k + 1, s)[:, None] + np.arange(k)
            for d, k, s in zip(self.shape[1:3], size, stride, strict=True)
        )
        return self[:, rows[:, None, :, None], columns[None, :, None, :]]


def _as_node(x: Operand) -> Node:
    return x if isinstance(x, Node) else Node(x)


def _sum_to(g: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Undo broadcasting: an element that was used several times gets the sum of its gradients."""
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    return g.sum(axis=tuple(i for i, d in enumerate(shape) if d == 1 != g.shape[i]), keepdims=True)
