"""Products and sums of many rows, in the form that BLAS computes soonest.

- OpenBLAS copies what it multiplies into blocks, unless there are at most a million
  multiplications. A product of a few million takes up to 1.7 times as long as its rows in parts,
  each of them a small product. Xᵀ dz, the sum over many rows, OpenBLAS itself makes in two halves:
  so it is the sum of the products of both, and these are cut along their larger side.
- A small product with a transposed matrix takes up to 1.7 times as long as one with the same matrix
  in rows. Of many rows that is more than the copy costs.
- The sum of all rows, which is the gradient of a bias, is a product with ones, five to ten times as
  fast as NumPy's own. There are two rows of ones: a single one NumPy gives to another function of
  BLAS, which sums in another order.

It is done only for shapes where random numbers give equal bits.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np

from scratch.compiler.calls import Call, copy_into
from scratch.compiler.memory import aligned

__all__ = ["rearrange_rows"]

_SMALL = 10**6  # multiplications of a product that OpenBLAS computes from where its matrices are
_LARGE = 4 * _SMALL  # of more, copying is a smaller part, and several threads may share them
_FEWEST = 16  # rows of a part, or of a sum
_MANY, _FEW = 128, 2**13  # rows for which a transposed matrix of so many numbers is copied
_TRIALS = 64  # numbers, at least, that have to be equal


def rearrange_rows(calls: Sequence[Call]) -> list[Call]:
    """Return calls that do the same, products and sums of many rows in the faster form.

    >>> X, W, out = np.ones((400, 64)), np.ones((64, 64)), np.empty((400, 64))
    >>> (call,) = rearrange_rows([Call(np.matmul, (X, W), out, {})])
    >>> call.out.shape
    (2, 200, 64)
    """
    forms = _product, _gradient, _sum
    return [new for call in calls for new in next(filter(None, (f(call) for f in forms)), [call])]


def _product(call: Call) -> list[Call]:
    """Return X W in parts, after a copy of W into rows; nothing if it is fast as it is."""
    if call.function is not np.matmul or not _are_matrices(*call.arrays):
        return []
    (X, W), out = call.inputs, call.out
    (n, d), k, is_transposed = X.shape, W.shape[1], not W.flags.c_contiguous
    parts = _parts(n, d * k)
    is_slow = parts and n >= _MANY and W.size <= _FEW if is_transposed else parts > 1
    in_rows = X.flags.c_contiguous and W.T.flags.c_contiguous == is_transposed
    if not (is_slow and in_rows and _equal_products(n, d, k, is_transposed, X.dtype)):
        return []
    copied = []
    if is_transposed:
        rows = aligned(W.shape, W.dtype)
        copied, W = [Call(copy_into, (W,), rows, {})], rows
    if parts > 1:
        X, out = X.reshape(parts, -1, d), out.reshape(parts, -1, k)
    return [*copied, call._replace(inputs=(X, W), out=out)]


def _gradient(call: Call) -> list[Call]:
    """Return Xᵀ dz in parts; nothing if it is small or large, or has other bits in parts."""
    if call.function is not np.matmul or not _are_matrices(*call.arrays):
        return []
    (d, n), k, X = call.inputs[0].shape, call.out.shape[1], call.inputs[0].T
    in_rows = X.flags.c_contiguous and call.inputs[1].flags.c_contiguous
    if not in_rows or not _SMALL < d * n * k <= _LARGE:
        return []
    for halves in (1, 2):
        cuts = (c for c in range(1, max(d, k) // _FEWEST + 1) if max(d, k) % c == 0)
        cut = next((c for c in cuts if d * n * k <= _SMALL * halves * c), 0)
        if cut and n % halves == 0 and _equal_gradients(d, n, k, halves, cut, X.dtype):
            return _gradient_in_parts(call, halves, cut)
    return []


def _gradient_in_parts(call: Call, halves: int, cut: int) -> list[Call]:
    """Return Xᵀ dz as the sum of the products of some halves of the rows, X or dz cut as well."""
    (XT, dz), out = call.inputs, call.out
    (d, n), k = XT.shape, dz.shape[1]
    of_X, of_dz = (1, cut) if k >= d else (cut, 1)
    X = XT.T.reshape(halves, n // halves, of_X, d // of_X).transpose(0, 2, 3, 1)
    dz = dz.reshape(halves, n // halves, of_dz, k // of_dz).transpose(0, 2, 1, 3)
    sums = out[None] if halves == 1 else aligned((halves, d, k), out.dtype)
    places = sums.reshape(halves, of_X, d // of_X, of_dz, k // of_dz).swapaxes(2, 3)
    places = places[:, 0] if of_X == 1 else places[:, :, 0]
    products = call._replace(inputs=(X, dz), out=places)
    return [products] if halves == 1 else [products, Call(np.add, (sums[0], sums[1]), out, {})]


def _sum(call: Call) -> list[Call]:
    """Return the sum of the rows of X as a product with ones; nothing if there are few."""
    if call.function != np.add.reduce or call.options.get("axis", 0) != 0:
        return []
    (X,), out = call.inputs, call.out
    if not (X.flags.c_contiguous and out.flags.c_contiguous and X.ndim > 1):
        return []
    X = X.reshape(len(X), -1)
    of_one_type = X.dtype == out.dtype and X.dtype.kind == "f"
    is_small = len(X) >= _FEWEST and 2 * X.size <= _SMALL
    if not (of_one_type and is_small and _equal_sums(*X.shape, X.dtype)):
        return []
    ones, twice = np.ones((2, len(X)), X.dtype), aligned((2, X.shape[1]), X.dtype)
    first = twice[0].reshape(out.shape)
    return [Call(np.matmul, (ones, X), twice, {}), Call(copy_into, (first,), out, {})]


def _are_matrices(*arrays: np.ndarray) -> bool:
    """Tell whether all are matrices of one type, the last of them in rows."""
    of_one_type = len({a.dtype for a in arrays}) == 1
    return of_one_type and all(a.ndim == 2 for a in arrays) and arrays[-1].flags.c_contiguous


def _parts(n: int, of_a_row: int) -> int:
    """Return into how many equal parts n rows are cut to make small products; 0: into none.

    >>> _parts(400, 64 * 64), _parts(200, 64 * 64), _parts(199, 64 * 640)
    (2, 1, 0)
    """
    if n * of_a_row > _LARGE:
        return 0
    enough = (p for p in range(1, n // _FEWEST + 1) if n // p * of_a_row <= _SMALL)
    return next((p for p in enough if n % p == 0), 0)


@cache
def _equal_products(n: int, d: int, k: int, is_transposed: bool, dtype: np.dtype) -> bool:
    """Tell whether (n, d) times (d, k) has the same bits in parts, and with a matrix in rows."""
    rng, parts = np.random.default_rng(0), _parts(n, d * k)
    for _ in range(-(-_TRIALS // (n * k))):
        X, WT = (rng.normal(size=(rows, d)).astype(dtype) for rows in (n, k))
        rows, other = np.ascontiguousarray(WT.T), np.empty((n, k), dtype)
        np.matmul(X.reshape(parts, -1, d), rows, other.reshape(parts, -1, k))
        if X.dot(WT.T if is_transposed else rows).tobytes() != other.tobytes():
            return False
    return True


@cache
def _equal_gradients(d: int, n: int, k: int, halves: int, cut: int, dtype: np.dtype) -> bool:
    """Tell whether (n, d)ᵀ times (n, k) has the same bits in parts."""
    rng = np.random.default_rng(0)
    for _ in range(-(-_TRIALS // (d * k))):
        X, dz = (rng.normal(size=(n, columns)).astype(dtype) for columns in (d, k))
        whole = Call(np.matmul, (X.T, dz), np.empty((d, k), dtype), {})
        for call in _gradient_in_parts(whole, halves, cut):
            call.function(*call.inputs, out=call.out)
        if X.T.dot(dz).tobytes() != whole.out.tobytes():
            return False
    return True


@cache
def _equal_sums(n: int, d: int, dtype: np.dtype) -> bool:
    """Tell whether the sum of rows (n, d) has the same bits as a product with ones."""
    rng, ones = np.random.default_rng(0), np.ones((2, n), dtype)
    for _ in range(-(-_TRIALS // d)):
        X = rng.normal(size=(n, d)).astype(dtype)
        if X.sum(axis=0).tobytes() != ones.dot(X)[0].tobytes():
            return False
    return True
