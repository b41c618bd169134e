"""The same numbers by fewer calls.

Where both W and b, or their gradients, lie one after the other, a layer's bias is one more row of
its matrix, and belongs to an input that is always one:

    X W + b = [X 1] [W; b]        [Xᵀ dz; Σᵢ dzᵢ] = [X 1]ᵀ dz

That saves two calls for a product of one more column. BLAS may well sum it in another order, and
then the last digits differ: it is done only for shapes where random numbers give equal bits.
"""

from collections import Counter
from collections.abc import Sequence
from functools import cache

import numpy as np

from scratch.compiler.calls import Call, copy_into, is_same
from scratch.compiler.tracing import Trace

__all__ = ["give_equal_bits", "rewrite"]

_LARGEST = 4096  # numbers of an input beside which a column of ones is put; copying more costs more


def rewrite(
    trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray]
) -> tuple[list[Call], list[np.ndarray]]:
    """Return calls that do the same, and arrays of ones (n, d + 1) that they put an input into."""
    calls = _join_signs(calls)
    biased = _Biases(trace, calls, results)
    return biased.rewritten(), biased.made


def _join_signs(calls: Sequence[Call]) -> list[Call]:
    """Write −|x| as x with the sign of −1."""
    joined: list[Call] = []
    for call in calls:
        before = joined[-1] if joined else None
        if (
            before is not None
            and (call.function, before.function) == (np.negative, np.absolute)
            and is_same(call.inputs[0], before.out)
        ):
            inputs = before.inputs[0], np.array(-1, call.out.dtype)
            call = call._replace(function=np.copysign, inputs=inputs)
        joined.append(call)
    return joined


class _Biases:
    """The pairs of calls that products with one more column can stand for."""

    def __init__(self, trace: Trace, calls: Sequence[Call], results: Sequence[np.ndarray]) -> None:
        self.trace, self.calls = trace, calls
        self.made: list[np.ndarray] = []
        read = [*(a for call in calls for a in call.inputs), *results]
        self.read = Counter(map(trace.block, read))
        self.padded = list(trace.padded)

    def rewritten(self) -> list[Call]:
        """Return the calls, each pair as one."""
        done: list[Call] = []
        for call in self.calls:
            pair = (done[-1], call) if done else None
            joined = pair and (self._forward(*pair) or self._backward(*pair))
            done[len(done) - bool(joined) :] = joined or [call]
        return done

    def _forward(self, product: Call, sum_: Call) -> list[Call]:
        """Join z = X W and z + b, if these are the two calls."""
        if product.function is not np.matmul or sum_.function is not np.add:
            return []
        (X, W), (z, b) = product.inputs, sum_.inputs
        if not is_same(z, product.out) or self.read[self.trace.block(z)] > 1:
            return []
        Wb = self._rows_and_one(W, b)
        if Wb is None or sum_.out.shape != z.shape or not give_equal_bits(X, W, z, sum_.out):
            return []
        copied, ones = self._with_ones(X)
        return [*copied, product._replace(inputs=(ones, Wb), out=sum_.out)]

    def _backward(self, product: Call, sum_: Call) -> list[Call]:
        """Join dW = Xᵀ dz and db = Σᵢ dzᵢ, if these are the two calls."""
        is_sum = sum_.function == np.add.reduce and sum_.options.get("axis", 0) == 0
        if product.function is not np.matmul or not is_sum:
            return []
        XT, dz = product.inputs
        dWb = self._rows_and_one(product.out, sum_.out)
        ones = self._find(XT.T)
        if dWb is None or ones is None or not is_same(dz, sum_.inputs[0]):
            return []
        if not give_equal_bits(XT.T, product.out, dz):
            return []
        return [product._replace(inputs=(ones.T, dz), out=dWb)]

    def _rows_and_one(self, W: np.ndarray, b: np.ndarray) -> np.ndarray | None:
        """Return [W; b] (d + 1, k) if b (k,) lies after W (d, k) in the same memory."""
        block = self.trace.block(W)
        one_after_the_other = (
            W.ndim == 2
            and (b.shape, b.dtype) == (W.shape[1:], W.dtype)
            and b.ctypes.data == W.ctypes.data + W.nbytes
            and block is not None
            and block is self.trace.block(b)
        )
        if not one_after_the_other or not all(a.flags.c_contiguous for a in (W, b, block.base)):  # type: ignore[union-attr]
            return None
        memory, shape = block.base, (len(W) + 1, W.shape[1])  # type: ignore[union-attr]
        return np.ndarray(shape, W.dtype, memory.data, W.ctypes.data - memory.ctypes.data)

    def _with_ones(self, X: np.ndarray) -> tuple[list[Call], np.ndarray]:
        """Return [X 1], and the call that puts X there, if it has to be put there."""
        ones = self._find(X)
        if ones is not None:
            return [], ones
        ones = np.ones((len(X), X.shape[1] + 1), X.dtype)
        self.trace.watch(ones)
        self.made.append(ones)
        self.padded.append((X, ones))
        return [Call(copy_into, (X,), ones[:, :-1], {})], ones

    def _find(self, X: np.ndarray) -> np.ndarray | None:
        return next((ones for a, ones in self.padded if is_same(a, X)), None)


def give_equal_bits(X: np.ndarray, W: np.ndarray, *others: np.ndarray) -> bool:
    """Tell whether a column of ones beside X gives what is summed without it, bit for bit."""
    of_one_type = len({a.dtype for a in (X, W, *others)}) == 1
    in_rows = all(a.ndim == 2 and a.strides[1] == a.itemsize for a in (X, W, *others))
    if not of_one_type or not in_rows or X.size > _LARGEST:
        return False
    return _equal_bits(*X.shape, W.shape[1], W.dtype)


@cache
def _equal_bits(n: int, d: int, k: int, dtype: np.dtype) -> bool:
    """Tell whether products with one more column give the bits of those without, and of the sums.

    The order in which BLAS sums depends on the shapes, not on the numbers. Where it is another one,
    about every second sum is rounded otherwise, so that 64 trials do not fail to show it.
    """
    rng, shapes = np.random.default_rng(0), ((n, d), (d, k), (k,), (n, k))
    for _ in range(64):
        X, W, b, dz = (rng.normal(size=shape).astype(dtype) for shape in shapes)
        ones, Wb = np.column_stack([X, np.ones(n, dtype)]), np.vstack([W, b])
        pairs = [
            (X @ W + b, ones.dot(Wb)),
            (X.T @ dz, ones.T.dot(dz)[:-1]),
            (dz.sum(axis=0), ones.T.dot(dz)[-1]),
        ]
        if any(one.tobytes() != other.tobytes() for one, other in pairs):
            return False
    return True
