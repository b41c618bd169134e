"""Sequences that a network answers with, and where its attention looked for them."""

from dataclasses import dataclass

import numpy as np

from datasets import Dataset, Sequences
from experiments.harness.report.svg import Figure, figure, plain, to_svg
from experiments.harness.report.trained import Trained
from frameworks.scratch.walking import leaves
from frameworks.spec_values import as_setting
from scratch import SelfAttention

__all__ = ["Answered", "draw_attention", "sequences"]

_SHOWN, _MOST_WRONG = 8, 24
_PICTURED = 2  # sequences whose attention is drawn


@dataclass(frozen=True)
class Answered:
    """Some test rows with every implementation's answers, and how many are right."""

    columns: list[str]
    rows: list[list[str]]
    words: str


def sequences(trained: Trained) -> Answered | None:
    """Return some test rows, and those that any implementation answers wrong."""
    data, found = trained.data, trained.found("predictions")
    if data is None or not isinstance(data.targets, Sequences) or not found:
        return None
    asked, true = _questions(data), data.y_test[:, -data.targets.answer :]
    wrong = {name: (answers != true).any(axis=1) for name, answers in found.items()}
    missed = np.flatnonzero(np.any([*wrong.values()], axis=0))[:_MOST_WRONG]
    shown = list(dict.fromkeys([*missed.tolist(), *_spread(len(true), _SHOWN)]))
    rows = [
        [_text(data, asked[i]), _text(data, true[i]), *(_text(data, a[i]) for a in found.values())]
        for i in shown
    ]
    counts = (f"{name} {int((~w).sum())} of {len(w)}" for name, w in wrong.items())
    words = f"Test sequences; right answers: {', '.join(counts)}"
    return Answered(["question", "answer", *found], rows, words)


def draw_attention(trained: Trained) -> list[Figure]:
    """Draw the attention of each head for some test rows; nothing without attention.

    The weights are those of the first implementation's training; build_scratch computes with them,
    unless it has been edited since.
    """
    data, page, done = trained.data, trained.experiment, trained.first_seed()
    if data is None or not isinstance(data.targets, Sequences) or page is None:
        return []
    if page.is_users or trained.edited:
        return []
    weights = [w for name, w in done[0].arrays.items() if name.startswith("weights.")]
    page = page.changed(as_setting(done[0].record.setting))
    parts = page.blueprint.builders["scratch"](spec=page.spec_for(data))
    parts.network.bind(weights[0].dtype)
    parts.network.set_weights([done[0].arrays[f"weights.{i}"] for i in range(len(weights))])
    shown = _spread(len(data.X_test), _PICTURED)
    parts.network.forward(data.X_test[shown].astype(weights[0].dtype))
    layers = [each for each in leaves(parts.network) if isinstance(each, SelfAttention)]
    return [
        _heads(trained, f"{_text(data, data.X_test[row])}, layer {number}", layer.weights[i])
        for number, layer in enumerate(layers, 1)
        for i, row in enumerate(shown)
    ]


def _heads(trained: Trained, which: str, weights: np.ndarray) -> Figure:
    """Draw the weights (h, t, t) of all heads side by side: white 0, dark 1."""
    joined = np.hstack([np.pad(each, ((0, 0), (0, 1)), constant_values=np.nan) for each in weights])
    heads, t, _ = weights.shape
    tokens = which.partition(",")[0]
    with figure(2.4 * heads, 2.5, left=0.35, right=0.05, bottom=0.35) as (drawn, axes):
        axes.grid(False)
        axes.imshow(joined[:, :-1], cmap="Purples", vmin=0, vmax=1, interpolation="none")
        places = [head * (t + 1) + i for head in range(heads) for i in range(t)]
        axes.set_xticks(places, list(plain(tokens)) * heads)
        axes.set_yticks(range(t), list(plain(tokens)))
        axes.tick_params(length=0, labelsize=7)
        caption = f"Attention for {tokens}: each row is a position that is read, each column one "
        caption += f"that it looks at; {heads} heads, white 0, dark 1."
        return Figure(caption, to_svg(drawn, trained.title, f"{which}: {caption}"), which)


def _spread(n: int, count: int) -> list[int]:
    """Return rows all over the n: their middle parts, as their first are much alike."""
    return [n * (2 * i + 1) // (2 * count) for i in range(count)]


def _questions(data: Dataset) -> np.ndarray:
    assert isinstance(data.targets, Sequences)
    return data.X_test[:, : data.X_test.shape[1] - data.targets.answer + 1].astype(int)


def _text(data: Dataset, tokens: np.ndarray) -> str:
    assert isinstance(data.targets, Sequences)
    return "".join(data.targets.tokens[int(i)] for i in tokens)
