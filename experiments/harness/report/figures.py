"""What the templates show: a picture, and the words below it."""

from dataclasses import dataclass

from markupsafe import Markup

__all__ = ["Figure"]


@dataclass(frozen=True)
class Figure:
    """A picture with its caption; where there is nothing to draw, only the reason."""

    caption: str
    svg: Markup = Markup()
    title: str = ""
