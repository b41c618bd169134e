"""Many small products at once, in the form that BLAS computes soonest.

A product of stacked matrices is a call of BLAS for each of them, and these calls are the larger
part of a step of many trainings, and much of attention's. Two products take far longer than their
arithmetic:

- A Bᵀ, a gradient by the inputs of a layer or q kᵀ of a head, takes two to three times as long as a
  product with a matrix that lies in rows. So Bᵀ is copied into rows first, by one call for all.
- u vᵀ, the same gradient where the layer has one output, NumPy does not leave to BLAS, and takes up
  to seven times as long. With a column and a row of zeros it does, and adds zeros:

      u vᵀ = [u 0] [v 0]ᵀ

It is done only for shapes where random numbers give equal bits.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from scratch.compiler.calls import Call, copy_into
from scratch.compiler.memory import aligned

__all__ = ["rearrange"]

_LARGEST = 4096  # numbers of a matrix that is copied; the copy of a larger one would cost more


def rearrange(calls: Sequence[Call]) -> list[Call]:
    """Return calls on stacked arrays (s, ...) that do the same, products in the faster form.

    >>> A, B, out = np.ones((9, 4, 2)), np.ones((9, 3, 2)), np.empty((9, 4, 3))
    >>> [call.function.__name__ for call in rearrange([Call(np.matmul, (A, B.mT), out, {})])]
    ['copy_into', 'matmul']
    """
    return [new for call in calls for new in _rearranged(call)]


def _rearranged(call: Call) -> list[Call]:
    A, B, *_ = (*call.inputs, call.out, call.out)
    if call.function is not np.matmul or A.ndim < 3 or A.shape[:-2] != B.shape[:-2]:
        return [call]
    if np.may_share_memory(A, B):  # A Aᵀ, of which BLAS computes a half
        return [call]
    (*stack, n, d), k = A.shape, B.shape[-1]
    is_small = max(n * d, d * k) <= _LARGEST and A.dtype == B.dtype == call.out.dtype
    is_slow = d == 1 or (_in_rows(A) and _in_rows(B.mT) and not _in_rows(B))
    if not (is_small and is_slow and _give_equal_bits(n, d, k, B.dtype)):
        return [call]
    rows = _zeros((*stack, max(d, 2), k), B.dtype)
    copied = [Call(copy_into, (B,), rows[..., :d, :], {})]
    if d == 1:
        columns = _zeros((*stack, n, 2), A.dtype)
        copied.append(Call(copy_into, (A,), columns[..., :1], {}))
        A = columns
    return [*copied, call._replace(inputs=(A, rows))]


def _in_rows(A: np.ndarray) -> bool:
    return A.strides[-1] == A.itemsize


def _zeros(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    zeros = aligned(shape, dtype)
    zeros[...] = 0
    return zeros


@cache
def _give_equal_bits(n: int, d: int, k: int, dtype: np.dtype) -> bool:
    """Tell whether (n, d) times (d, k) has the same bits in both forms.

    The order in which BLAS sums depends on the shapes, not on the numbers: see `rewriting`.
    """
    rng = np.random.default_rng(0)
    for _ in range(64):
        A, BT = (rng.normal(size=(1, rows, d)).astype(dtype) for rows in (n, k))
        A[:, 0, 0] = -0.0
        one, other = (np.empty((1, n, k), dtype) for _ in range(2))
        if d == 1:
            zeros = np.zeros((1, max(n, k), 1), dtype)
            A2, BT2 = (np.concatenate([a, zeros[:, : a.shape[1]]], axis=2) for a in (A, BT))
        else:
            A2, BT2 = A, BT
        np.matmul(A, BT.mT, one)
        np.matmul(A2, np.ascontiguousarray(BT2.mT), other)
        if one.tobytes() != other.tobytes():
            return False
    return True
