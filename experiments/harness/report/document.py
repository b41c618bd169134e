"""The report of a run as one HTML file that needs nothing but a browser."""

import base64
import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from hashlib import sha256
from importlib.resources import files

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from experiments.harness.records.models import Results
from experiments.harness.records.results import asked_for
from experiments.harness.records.store import Store
from experiments.harness.report import (
    answers,
    curves,
    decoded,
    equations,
    highlights,
    hyperparameters,
    initial,
    network,
    numbers,
    phases,
    pictures,
    plane,
    probabilities,
    source,
    svg,
    sweep,
    verdict,
)
from experiments.harness.report.trained import trained_in
from frameworks.agreement.limits import FLOAT64
from frameworks.console import Advance, spread

__all__ = ["render"]

# The modules from which templates take their contents; empty where a part does not apply.
_PARTS = (
    *(answers, curves, decoded, highlights, hyperparameters, network, numbers, phases, pictures),
    *(plane, probabilities, source, svg, sweep, verdict),
    *(equations, initial),
)
_STYLES = ("report.css", "equations.css")


@contextmanager
def _numbers_of_any_size() -> Iterator[None]:
    """Compute with what a training came to, NaN and 1e308 included; warnings would help nobody."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@_numbers_of_any_size()
def render(
    results: Results,
    store: Store,
    data_dir: str | None,
    advance: Advance = lambda what, done, total: None,
) -> str:
    """Return the report of a run; `advance` is called before each experiment is drawn.

    The same run gives the same text. The templates escape names and values, except for what comes
    from `svg` and `source`, which do their own escaping.
    """
    templates, sections = _templates(), []
    experiments = list(trained_in(results, store, data_dir))
    for i, trained in enumerate(experiments):
        advance(f"report.html: {trained.title}", i, len(experiments))
        sections.append(Markup(templates.get_template("experiment.html").render(e=trained)))
    script = _asset("report.js")
    return templates.get_template("report.html").render(
        experiments=experiments,
        sections=sections,
        cells=results.cells,
        asked_for=asked_for(results),
        asked=store.plan().asked,
        agreement=results.agreement,
        environments=list({str(c.environment): c.environment for c in results.cells}.values()),
        limits=FLOAT64,
        style=Markup("\n".join([*map(_asset, _STYLES), source.highlighting()])),
        script=Markup(script),
        script_digest=base64.b64encode(sha256(script.encode()).digest()).decode(),
    )


@cache  # compiling them takes longer than the report of a small run
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"code": _code, "whole": _whole, "spread": spread, "ranges": _ranges}
    templates.globals |= {part.__name__.rpartition(".")[2]: part for part in _PARTS}
    return templates


def _ranges(numbers: Sequence[int]) -> str:
    """Format whole numbers, those that follow one another as a range.

    >>> _ranges([0, 1, 2, 7, 9, 10])
    '0-2, 7, 9, 10'
    """
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    parts = [
        [f"{run[0]}-{run[-1]}"] if len(run) > 2 else [str(number) for number in run] for run in runs
    ]
    return ", ".join(part for each in parts for part in each)


def _code(text: str) -> Markup:
    """Return text as HTML, with what stands between backquotes as code.

    >>> _code("`a < b` holds")
    Markup('<code>a &lt; b</code> holds')
    """
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _whole(text: str) -> Markup:
    """Return text as HTML in which no line ends within a number such as 1e-12.

    >>> _whole("at most 1.3e-15")
    Markup('at most <span class="whole">1.3e-15</span>')
    """
    return Markup(re.sub(r"([\d.]+e-\d+)", r'<span class="whole">\1</span>', str(escape(text))))


def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")
