"""The two pictures that stand for an experiment: what its networks learned, and how alike."""

from dataclasses import dataclass, field

from experiments.harness.report import curves, differences, plane, predictions, samples, sweep
from experiments.harness.report.svg import Figure
from experiments.harness.report.trained import Trained

__all__ = ["Drawn", "draw"]

_MOST = 2


@dataclass(frozen=True)
class Drawn:
    """The figures of an experiment, each drawn once; `best` are some of the others."""

    curves: list[Figure] = field(default_factory=list)
    boundaries: list[Figure] = field(default_factory=list)
    predictions: list[Figure] = field(default_factory=list)
    samples: list[Figure] = field(default_factory=list)
    sweep: list[Figure] = field(default_factory=list)
    best: list[Figure] = field(default_factory=list)

    def rest(self, name: str) -> list[Figure]:
        """Return the figures of one kind that are not among the best."""
        return [figure for figure in getattr(self, name) if figure not in self.best]


def draw(trained: Trained) -> Drawn:
    """Draw an experiment, and choose its best pictures, two at most.

    The first shows what was learned: decision boundary, predictions or samples, otherwise the loss.
    The second shows how far the implementations are apart; where they are not compared, the loss.
    """
    if not trained.done:
        return Drawn()
    if trained.sweep:
        figures = sweep.figures(trained)
        return Drawn(sweep=figures, best=figures[:_MOST])
    apart = differences.differences(trained)
    losses = curves.curves(trained)
    fields = plane.boundaries(trained)
    values = predictions.draw_predictions(trained)
    drawn = samples.draw_samples(trained)
    learned = next(([found[0]] for found in (fields, values, drawn) if found), [])
    compared = [apart] if apart else []
    standing_in = losses[: _MOST - len(learned) - len(compared)]
    return Drawn(losses, fields, values, drawn, best=[*learned, *standing_in, *compared])
