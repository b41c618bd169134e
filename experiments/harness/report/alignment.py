"""Columns of lines side by side, so that lines that correspond face each other."""

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from functools import lru_cache

__all__ = ["align"]

Row = list[int | None]  # the number of a line of each column, None where it has none

_ALIKE = 0.45  # from here on two lines are said to correspond
_MODULE = re.compile(r"\b\w+\.(?=[A-Z])")  # nn.ReLU and layers.ReLU are the same to a reader


def align(columns: Sequence[Sequence[str]]) -> list[Row]:
    """Return rows that hold every line of every column once, in order.

    Each column is aligned in turn with the rows so far, such that the sum of the likenesses of
    facing lines is largest (Needleman and Wunsch, 1970, without a cost for gaps).

    >>> align([["a = 1", "b = 2"], ["a = 1", "extra()", "b = 3"]])
    [[0, 0], [None, 1], [1, 2]]
    """
    rows: list[Row] = [[i] for i in range(len(columns[0]))]
    for number, column in enumerate(columns[1:], 1):
        texts = [
            [columns[c][line] for c, line in enumerate(row) if line is not None] for row in rows
        ]
        score = [[max(_likeness(text, line) for text in row) for line in column] for row in texts]
        empty: Row = [None] * number
        rows = [
            [*(empty if i is None else rows[i]), j]
            for i, j in _best_path(score, len(rows), len(column))
        ]
    return rows


def _best_path(score: list[list[float]], n: int, m: int) -> list[tuple[int | None, int | None]]:
    """Return the pairs (i, j), in order, that sum to the most; None faces a gap."""
    best = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in reversed(range(n)):
        for j in reversed(range(m)):
            best[i][j] = max(best[i + 1][j], best[i][j + 1], score[i][j] + best[i + 1][j + 1])
    path: list[tuple[int | None, int | None]] = []
    i = j = 0
    while i < n or j < m:
        if i < n and j < m and score[i][j] > 0 and best[i][j] == score[i][j] + best[i + 1][j + 1]:
            path.append((i, j))
            i, j = i + 1, j + 1
        elif j == m or (i < n and best[i][j] == best[i + 1][j]):
            path.append((i, None))
            i += 1
        else:
            path.append((None, j))
            j += 1
    return path


@lru_cache(maxsize=10_000)
def _likeness(a: str, b: str) -> float:
    """Return how alike two lines are, 0 to 1; 0 where they do not correspond."""
    a, b = (_MODULE.sub("", line.strip()) for line in (a, b))
    if not a or not b:
        return 0.1 * (a == b)
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    if matcher.real_quick_ratio() < _ALIKE:
        return 0.0
    ratio = matcher.ratio()
    return ratio if ratio >= _ALIKE else 0.0
