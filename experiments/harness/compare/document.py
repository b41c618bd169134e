"""A comparison as one HTML file that needs nothing else; every text in it is escaped."""

from pathlib import Path
from typing import Any

from experiments.harness.compare import wording

__all__ = ["render"]


def render(comparison: dict[str, Any]) -> str:
    """Return the document."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("comparison.html")
    return template.render(comparison=comparison, wording=wording)
