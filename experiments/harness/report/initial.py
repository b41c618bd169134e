"""The weights that a training starts from: each array's rule, its range, and how it came out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from markupsafe import Markup

from experiments.harness.page_code import named
from experiments.harness.records.arrays import digest
from experiments.harness.report.equations import Built, built
from experiments.harness.report.layer_equations import is_known
from experiments.harness.report.recognised_draws import RememberingGenerator, rule_of
from experiments.harness.report.trained import Trained
from frameworks.draws import Draws
from frameworks.errors import RequestError
from frameworks.program import Parts, Program
from scratch import Layer, Sequential, layers

__all__ = ["Start", "StartingPoint", "starting_points"]

_BINS, _WIDTH, _HEIGHT = 24, 72, 18


@dataclass(frozen=True)
class Start:
    """One array of initial weights."""

    name: str
    shape: str
    rule: str
    ends: str  # the smallest and the largest number; empty for constants
    histogram: Markup  # empty for a few numbers


@dataclass(frozen=True)
class StartingPoint:
    """Where a training starts from; `title` names its phases where there are several."""

    title: str
    seed: str
    arrays: list[Start]
    note: str = ""


def starting_points(trained: Trained) -> list[StartingPoint]:
    """Return the initial weights of the first seed: one entry for all phases that share them.

    None in native mode, in which every implementation draws its own.
    """
    if trained.head.mode != "lockstep":
        return []
    stages = built(trained)
    try:
        drawn = {each.phase.name: _drawn(trained, each) for each in stages}
    except RequestError:
        return []
    found: dict[str, tuple[list[str], StartingPoint]] = {}
    for phase, _, parts in stages:
        seed = f"{trained.head.seed}" + (f", stream {phase.stream}" if phase.stream else "")
        if phase.weights is not None:
            point = StartingPoint("", seed, [], "It goes on from weights of an earlier phase.")
        else:
            rng, weights = drawn[phase.name]
            arrays = _starts(_all_names(parts), weights, rng)
            point = StartingPoint("", seed, arrays, _changed(trained, drawn))
        found.setdefault(str(point), ([], point))[0].append(phase.name)
    return [
        replace(point, title=", ".join(names) if len(found) > 1 else "")
        for names, point in found.values()
    ]


def _drawn(trained: Trained, stage: Built) -> tuple[RememberingGenerator, list[np.ndarray]]:
    """Return what a phase draws, and the generator that it drew from."""
    phase, spec, parts = stage
    rng = RememberingGenerator(Draws(phase.seed(trained.head.seed)).weights.bit_generator)
    if phase.weights is not None:
        return rng, []
    page = trained.experiment
    assert page is not None
    with named(f"initial_weights() of {page.name} failed", page.source):
        return rng, [np.asarray(array) for array in parts.initial_weights(spec, rng)]


def _changed(
    trained: Trained, drawn: dict[str, tuple[RememberingGenerator, list[np.ndarray]]]
) -> str:
    """Return a sentence where the run's record tells of other weights; else nothing."""
    seed, dtype = trained.head.seed, trained.head.dtype
    now = digest(*(W.astype(dtype) for _, weights in drawn.values() for W in weights))
    done = [each.record for each in trained.done if each.record.seed == seed]
    then = {record.digests.initial_weights for record in done if record.digests}
    return "" if then <= {now} else "The code has changed: this run started from other weights."


def _all_names(parts: Parts | Program) -> list[str]:
    called = getattr(parts, "names", ()) or [""] * len(parts.networks)
    return [
        f"{which}{', ' * bool(which)}{name}"
        for which, network in zip(called, parts.networks, strict=True)
        for name in _names(network)
    ]


def _starts(names: list[str], weights: list[np.ndarray], rng: RememberingGenerator) -> list[Start]:
    """Return a row for each array; those that hold the same constant share one."""
    if len(names) != len(weights):  # a network of a user's page, with layers of its own
        names = [f"array {i}" for i in range(len(weights))]
    rows: dict[str, Start] = {}
    for name, W in zip(names, weights, strict=True):
        shape, rule = " × ".join(map(str, W.shape)), rule_of(W, rng)
        is_constant = W.size == 1 or np.ptp(W) == 0
        known = rows.get(rule) if is_constant else None
        if known:
            name, shape = f"{known.name}, {name}", f"{known.shape}, {shape}"
        ends = "" if is_constant else f"{W.min():.3g} to {W.max():.3g}".replace("-", "−")
        start = Start(name, shape, rule, ends, _histogram(W, name))
        rows[rule if is_constant else name] = start
    return list(rows.values())


def _names(network: Layer) -> list[str]:
    """Return a name for each array of a network: a letter, and the number of its layer.

    >>> from scratch import Dense, LayerNorm
    >>> _names(Sequential(Dense(2, 4), LayerNorm(4, epsilon=1e-5)))
    ['W₁', 'b₁', 'γ₂', 'β₂']
    """
    found = []
    for k, layer in enumerate((each for each in _leaves(network) if each.params), 1):
        below = "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(k))
        found += [letter.replace("ₖ", below) for letter in _letters(layer)]
    return found


def _letters(layer: Layer) -> list[str]:
    """Return the names of a layer's arrays, with ₖ for its number."""
    axes = [p.ndim for p in layer.params]
    if isinstance(layer, layers.SelfAttention):
        both = ("Wₖ", "bₖ") if len(axes) == 8 else ("Wₖ",)
        return [f"{letter} of {which}" for which in "qkvo" for letter in both]
    if isinstance(layer, layers.PositionEmbedding):
        return ["Pₖ"]
    if not is_known(layer):
        return [f"{type(layer).__name__}, array {i}" for i in range(len(axes))]
    if 2 > max(axes):
        return ["γₖ", "βₖ"][: len(axes)]
    names = {2: iter(("Wₖ", "Uₖ", "W′ₖ", "U′ₖ")), 1: iter(("bₖ", "b′ₖ"))}
    return [next(names[min(each, 2)]) for each in axes]


def _leaves(layer: Layer) -> Iterator[Layer]:
    if isinstance(layer, Sequential):
        for each in layer.layers:
            yield from _leaves(each)
    elif not hasattr(layer, "original"):
        yield layer


def _histogram(W: np.ndarray, name: str) -> Markup:
    """Draw how the numbers of an array are distributed; nothing for a few values."""
    if len(np.unique(W)) < 2 * _BINS:
        return Markup()
    counts, edges = np.histogram(W, bins=_BINS)
    heights = np.round(counts / counts.max() * _HEIGHT, 1)
    step = _WIDTH // _BINS
    bars = "".join(f"M{i * step} {_HEIGHT}v{-h:g}h{step}V{_HEIGHT}" for i, h in enumerate(heights))
    words = f"Histogram of {name} from {edges[0]:.3g} to {edges[-1]:.3g}"
    return Markup(
        '<svg class="histogram" role="img" aria-label="{}" viewBox="0 0 {} {}"><path d="{}"/></svg>'
    ).format(words, _WIDTH, _HEIGHT, bars)
