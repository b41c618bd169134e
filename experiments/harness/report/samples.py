"""Generated samples against the distribution that they are to have, and what judges them."""

from typing import Any

import numpy as np
from matplotlib.ticker import MaxNLocator

from datasets import Samples
from experiments.harness.report.svg import (
    INK,
    LIMIT,
    MUTED,
    SERIES,
    Figure,
    draw_line,
    figure,
    line_styles,
    to_svg,
)
from experiments.harness.report.trained import Trained

__all__ = ["draw_samples"]

_BARS, _POINTS = 40, 200
_TOLD_APART = 2 * np.log(2), np.log(2)  # the losses where a discriminator tells nothing apart


def draw_samples(trained: Trained) -> list[Figure]:
    """Draw the samples of each implementation, and its losses; nothing for other tasks."""
    if trained.data is None or not isinstance(trained.data.targets, Samples):
        return []
    d = trained.data.y_test.shape[1]
    found = {
        name: x
        for name, x in trained.found("outputs").items()
        if x.ndim == 2 and x.shape[1] == d and np.isfinite(x).all()
    }
    if not found:
        return []
    if d > 1:
        planes = [_in_the_plane(trained, name, x) for name, x in found.items()]
        return [*planes, *_losses(trained)]
    judged = [_discriminator(trained)] if trained.found("line_outputs") else []
    return [_density(trained, trained.data.targets, found), *judged, *_losses(trained)]


def _density(trained: Trained, targets: Samples, found: dict[str, np.ndarray]) -> Figure:
    """Draw a histogram of each implementation's samples over the true density."""
    assert trained.data is not None
    rows = np.vstack([trained.data.y_test, *found.values()])
    line = np.linspace(rows.min(), rows.max(), _POINTS).reshape(-1, 1)
    styles, words = line_styles(trained.implementations), []
    with figure() as (drawn, axes):
        axes.fill_between(line[:, 0], targets.density(line), color=MUTED, alpha=0.3, linewidth=0)
        for name, x in found.items():
            style, ends = styles[name], (line[0, 0], line[-1, 0])
            options = {"color": SERIES[style.colour], "linewidth": style.width / 1.5}
            axes.hist(x[:, 0], bins=_BARS, range=ends, density=True, histtype="step", **options)
            words.append(f"{name} mean {x.mean():.3f}, standard deviation {x.std():.3f}")
        axes.set_xlabel("sample")
        axes.set_ylabel("density")
        caption = f"Shaded: the true density. Lines: histograms of samples; {'; '.join(words)}."
        return Figure(caption, to_svg(drawn, trained.title, caption), "Samples")


def _discriminator(trained: Trained) -> Figure:
    """Draw the probability that each discriminator gives a number of being a true sample."""
    styles = line_styles(trained.implementations)
    lines = trained.found("line")
    with figure() as (drawn, axes):
        for position, (name, z) in enumerate(trained.found("line_outputs").items()):
            p = 1 / (1 + np.exp(-np.clip(z[:, 0], -50, 50)))
            draw_line(axes, lines[name][:, 0], p, styles[name], position)
        axes.axhline(0.5, color=LIMIT, linewidth=0.9, linestyle=":")
        axes.set_ylim(0, 1)
        axes.set_xlabel("sample")
        axes.set_ylabel("D(sample)")
        caption = "The discriminator's probability that a number is a true sample, after training."
        caption += " Dotted: 1/2, where it can tell nothing apart."
        return Figure(caption, to_svg(drawn, trained.title, caption), "Discriminator")


def _losses(trained: Trained) -> list[Figure]:
    """Draw both losses of the first implementation, with where they end if nothing can be told."""
    first = trained.first_seed()[0]
    both = first.history.loss, getattr(first.history, "generator_loss", None) or []
    if len(both[1]) < 2:
        return []
    with figure() as (drawn, axes):
        named = zip(
            ("discriminator", "generator"), both, (INK, SERIES[1]), _TOLD_APART, strict=True
        )
        for name, values, colour, end in named:
            epochs = np.arange(1, len(values) + 1)
            axes.plot(epochs, np.array(values, float), color=colour, linewidth=1.5, label=name)
            axes.axhline(end, color=LIMIT, linewidth=0.9, linestyle=":")
        axes.legend(frameon=False)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlabel("epoch")
        axes.set_ylabel("training loss")
        caption = f"Both losses of {first.by}. Dotted: 2 log 2 = 1.3863 and log 2 = 0.6931, where "
        caption += "the discriminator answers 1/2 whatever it is shown."
        return [Figure(caption, to_svg(drawn, trained.title, caption), "Losses")]


def _in_the_plane(trained: Trained, name: str, x: np.ndarray) -> Figure:
    """Draw samples of two numbers, over true ones."""
    assert trained.data is not None
    targets: Any = trained.data.targets
    with figure(3.2, 3.0, left=0.45, bottom=0.35) as (drawn, axes):
        axes.scatter(*trained.data.y_test[:, :2].T, s=9, c=MUTED, alpha=0.4, linewidths=0)
        axes.scatter(*x[:, :2].T, s=6, c=SERIES[0], linewidths=0)
        axes.set_aspect("equal")
        axes.set_axisbelow(True)
        count, of = targets.covered(x), len(targets.centres)
        caption = f"{count} of {of} modes have a sample within three standard deviations; so near "
        caption += f"to one are {targets.near(x):.1%} of the samples. Grey: true ones."
        return Figure(caption, to_svg(drawn, trained.title, f"Samples of {name}: {caption}"), name)
