"""From a run's results to one HTML file that needs nothing but a browser."""

import base64
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from experiments.harness.records.store import Store
from experiments.harness.report.run_data import RunData
from experiments.harness.report.sections import section
from experiments.harness.report.source import highlighting
from experiments.harness.report.trained import Trained, trained_in
from frameworks.agreement.distances import FLOAT64

__all__ = ["render"]

Watch = Callable[[list[Trained]], Iterable[Trained]]


def render(results: dict[str, Any], store: Store, data_dir: str | None, watch: Watch = list) -> str:
    """Return the report of a run; `watch` sees each experiment before it is drawn.

    The same run gives the same text. Names and values are escaped by the templates; what is not
    comes from `svg` and `source`, which escape for themselves.
    """
    found = trained_in(results, store, RunData(data_dir))
    script = _asset("report.js")
    digest = base64.b64encode(sha256(script.encode()).digest()).decode()
    return (
        _templates()
        .get_template("report.html")
        .render(
            experiments=[
                section(trained) | {"label": _label(trained, found)} for trained in watch(found)
            ],
            environments=_environments(results["cells"]),
            style=Markup(f"{_asset('report.css')}\n{highlighting()}"),
            script=Markup(script),
            script_digest=digest,
            limits=FLOAT64,
            cells=results["cells"],
            agreement=results["agreement"],
        )
    )


def _label(trained: Trained, found: list[Trained]) -> str:
    """Return an experiment's name; with its dtype and mode where that is not enough."""
    namesakes = [other for other in found if other.name == trained.name]
    return trained.name if len(namesakes) == 1 else trained.title


def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader(__package__, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {"spec": _spec_value, "code": _code}
    return templates


def _spec_value(value: Any) -> str:
    """Return a number of a spec in as many digits as were meant, not as float32 has.

    >>> _spec_value(0.0010000000474974513), _spec_value([6, 6]), _spec_value(True), _spec_value([])
    ('0.001', '6, 6', 'yes', 'none')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)


def _code(text: str) -> Markup:
    """Return text with what stands between backquotes as code.

    >>> _code("`a < b` holds")
    Markup('<code>a &lt; b</code> holds')
    """
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


def _asset(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text(encoding="utf-8")


def _environments(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the different environments that the cells were trained in."""
    found: list[dict[str, Any]] = []
    for cell in cells:
        if cell["environment"] not in found:
            found.append(cell["environment"])
    return found
