"""How a reader of a weight file knows that it has built the same network: by what it answers.

Weights fit every network of their shapes, whatever its activations are. So a file also holds
made-up rows, what the saved network answered to them, and how far from that another implementation
of the same network may be. The rows are small and large, and each has its opposite, so that there
are rows on both sides of wherever an activation bends.

The limit is a hundred times what one rounding of every weight does to the answers. Implementations,
which sum in different orders, were at most six such roundings apart: on every experiment's page, at
every scale, in float64 and float32.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from frameworks.adapter import Adapter

__all__ = ["Check", "checks_of", "numbers", "tokens"]

_SCALES = (1e-3, 1, 1, 3, 30, 300, 1e4, 1e6)  # of the rows; most data lie around 1
_MASKED = (0.0, -1.0, 1.0)  # what a mask may look for in steps that are padding
_PADDING = 13  # the lowest tokens, of which one may stand for padding
_ROUNDINGS = 100  # allowed; six were seen
_CLOSE = {"float64": 1e-9, "float32": 1e-3}  # of older files, relative to the largest output


class Check(NamedTuple):
    """Rows for a network, its answers, and how far those of another implementation may be."""

    inputs: np.ndarray  # (n, ...)
    outputs: np.ndarray  # (n, ...)
    limits: np.ndarray  # (n,), absolute

    @classmethod
    def without_limits(cls, inputs: np.ndarray, outputs: np.ndarray) -> "Check":
        """Return the check of an older file, which holds no limits."""
        largest = float(np.abs(outputs).max(initial=0.0))
        limit = _CLOSE.get(str(outputs.dtype), 0.0) * (largest or 1.0)
        return cls(inputs, outputs, np.full(len(outputs), limit))

    def distance(self, outputs: np.ndarray) -> float:
        """Return the largest distance of a row's outputs from the check's, relative to the latter.

        Rows within their limits count as 0, and outputs of another shape, or infinite, as infinite.
        """
        ours, theirs = np.asarray(self.outputs, float), np.asarray(outputs, float)
        if ours.shape != theirs.shape or not (np.isfinite(ours) & np.isfinite(theirs)).all():
            return float("inf")
        with np.errstate(over="ignore"):
            apart, largest = _largest(ours - theirs), _largest(ours)
            relative = apart / np.where(largest, largest, 1.0)
        return float(relative[~(apart <= self.limits)].max(initial=0.0))


def numbers(shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """Return rows (n, *shape) of numbers, each followed by its opposite; always the same.

    If they have steps, some rows end in such as a mask may leave out.
    """
    scales = _SCALES + (1,) * len(_MASKED) * (len(shape) > 1)
    drawn = np.random.default_rng(0).standard_normal((len(scales), *shape))
    scaled = (drawn.T * scales).T
    pairs = np.stack([scaled, -scaled], axis=1)
    for pair, value in zip(pairs[len(_SCALES) :], _MASKED, strict=False):
        pair[:, shape[0] // 2 :] = value
    return pairs.reshape(-1, *shape).astype(dtype)


def tokens(shape: tuple[int, ...], dtype: str, count: int) -> np.ndarray:
    """Return rows (16, *shape) of the tokens 0 to count - 1; always the same.

    Two are of the first two tokens alone. The others end in one each that may stand for padding,
    which a mask leaves out: the lowest, and the last.
    """
    rng = np.random.default_rng(0)
    endings = [*range(_PADDING), count - 1]
    rows = rng.integers(count, size=(2 + len(endings), *shape))
    rows[:2] = rng.integers(min(2, count), size=(2, *shape))
    for row, token in zip(rows[2:], endings, strict=True):
        row[..., shape[-1] // 2 :] = token % count
    return rows.astype(dtype)


def checks_of(adapter: "Adapter", rows: list[np.ndarray]) -> dict[int, Check]:
    """Return the checks of an adapter's networks, by their numbers, and round its weights.

    `rows` are tried in turn on the first network, which has to take some of them: what it raises is
    raised. The others of a program are checked if they take the same rows, or rows like the outputs
    of one before them.
    """
    answered: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for network in range(len(adapter.parts.networks)):
        returned = sorted({outputs.shape[1:] for _, outputs in answered.values()})
        for each in [*rows, *(numbers(shape, adapter.dtype) for shape in returned)]:
            try:
                answered[network] = each, _outputs(adapter, each, network)
                break
            except Exception as error:  # of a framework's own, or the user's
                failed = error
        if not answered:
            raise failed
    adapter.set_weights([_rounded(each) for each in adapter.get_weights()])
    return {i: _check(*pair, _outputs(adapter, pair[0], i)) for i, pair in answered.items()}


def _outputs(adapter: "Adapter", rows: np.ndarray, network: int) -> np.ndarray:
    with np.errstate(all="ignore"):  # large rows may overflow
        return adapter.outputs(rows, network)


def _check(rows: np.ndarray, outputs: np.ndarray, after_rounding: np.ndarray) -> Check:
    """Return the check of a network on those rows where its answers are finite."""
    with np.errstate(all="ignore"):
        moved, largest = _largest(outputs - np.asarray(after_rounding, float)), _largest(outputs)
    one = np.maximum(moved, np.finfo(outputs.dtype).eps * largest)  # rounding, at the least
    # A row and its opposite share their limit: the answer to one of them may be 0 by chance.
    limits = _ROUNDINGS * np.repeat(one.reshape(-1, 2).max(axis=1), 2)
    finite = np.isfinite(limits)
    if not finite.any():
        raise ValueError("they are not finite")
    return Check(rows[finite], outputs[finite], limits[finite])


def _rounded(weights: np.ndarray) -> np.ndarray:
    """Return weights of which each is one rounding up or down."""
    signs = np.random.default_rng(0).choice([-1.0, 1.0], weights.shape)
    return (weights * (1 + np.finfo(weights.dtype).eps * signs)).astype(weights.dtype)


def _largest(outputs: np.ndarray) -> np.ndarray:
    """Return the largest magnitude of each row's outputs (n, ...) as (n,)."""
    return np.abs(outputs).reshape(len(outputs), -1).max(axis=1, initial=0.0)
