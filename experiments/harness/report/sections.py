"""Everything that the page shows of one experiment, ready for its template."""

import re
from dataclasses import dataclass
from typing import Any

from experiments.harness.report.boundary import boundaries
from experiments.harness.report.confusion import confusions
from experiments.harness.report.curves import curves
from experiments.harness.report.differences import differences
from experiments.harness.report.line_styles import line_styles
from experiments.harness.report.network import diagram
from experiments.harness.report.numbers import implementation_rows, pair_rows, spread
from experiments.harness.report.pictures import disagreements, has_images, mistakes, samples
from experiments.harness.report.plane import draw_points
from experiments.harness.report.probabilities import judge_probabilities
from experiments.harness.report.rows import answers, first_rows
from experiments.harness.report.source import side_by_side
from experiments.harness.report.spread import accuracies_of_seeds
from experiments.harness.report.trained import Trained
from experiments.harness.report.verdict import judge

__all__ = ["section"]

_OF_ADAM = ("beta_1", "beta_2", "epsilon_hat")


def section(trained: Trained) -> dict[str, Any]:
    """Return the variables of an experiment's template."""
    probability_curves, scores = judge_probabilities(trained)
    network = diagram(trained.page) if trained.page else None
    return {
        "trained": trained,
        "anchor": re.sub(r"[^A-Za-z0-9]+", "-", trained.title),
        "head": trained.cells[0],
        "about": _about(trained),
        "verdict": judge(trained),
        "accuracy": spread([cell["test"]["accuracy"] for cell in trained.done], ".4f"),
        "styles": line_styles(trained.implementations),
        "network": network,
        "numbers": _numbers(trained, network.optimizer if network else "Adam"),
        "implementations": implementation_rows(trained),
        "without_outputs": _without_outputs(trained),
        "pairs": pair_rows(trained),
        "curves": curves(trained),
        "differences": differences(trained),
        "seeds": accuracies_of_seeds(trained),
        "probability_curves": probability_curves,
        "scores": scores,
        "source": side_by_side(trained),
    } | _by_data(trained)


@dataclass(frozen=True)
class _About:
    """A page's docstring: its question, and the paragraphs below it."""

    question: str
    paragraphs: list[str]


def _about(trained: Trained) -> _About:
    first, *others = ((trained.page and trained.page.__doc__) or "").strip().split("\n\n")
    question = first.partition(": ")[2]
    return _About(question[:1].upper() + question[1:], [" ".join(each.split()) for each in others])


def _without_outputs(trained: Trained) -> list[str]:
    """Return the implementations whose records are of a time before outputs were kept."""
    cells = trained.first_seed() if trained.done else []
    return [c["implementation"] for c in cells if trained.array(c, "outputs") is None]


def _numbers(trained: Trained, optimizer: str) -> dict[str, Any]:
    """Return the spec without the numbers of an optimizer that is not used."""
    spec = trained.cells[0]["spec"]
    return {k: v for k, v in spec.items() if k not in _OF_ADAM or "Adam" in optimizer}


def _by_data(trained: Trained) -> dict[str, Any]:
    """Return what is shown of the data and the answers on it: other things for each kind."""
    data, done = trained.data, bool(trained.done)
    shown: dict[str, Any] = {
        "confusions": confusions(trained) if done else [],
        "boundaries": boundaries(trained) if done else [],
        "answers": answers(trained) if done else None,
    }
    if data is None:
        return shown
    if has_images(data):
        shown["digits"] = samples(data)
        if done:
            shown["mistakes"] = mistakes(trained, data)
            shown["disagreements"] = disagreements(trained, data)
    elif len(data.feature_names) == 2:
        shown["points"] = draw_points(trained, data)
    else:
        shown["rows"] = first_rows(data)
    return shown
