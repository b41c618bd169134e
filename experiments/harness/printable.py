"""Values that came from a file, with nothing in their text that a terminal would act on."""

from typing import Any

from datasets.printable import printable

__all__ = ["printable", "printable_inside"]

_DEEPEST = 32  # levels of a file; records have six


def printable_inside(value: Any, levels: int = _DEEPEST) -> Any:
    """Return a value of JSON's types with all its text printable; ValueError if it is too deep."""
    if isinstance(value, str):
        return printable(value)
    if levels == 0:
        raise ValueError(f"nested deeper than {_DEEPEST} levels")
    if isinstance(value, dict):
        return {printable(k): printable_inside(v, levels - 1) for k, v in value.items()}
    if isinstance(value, list):
        return [printable_inside(item, levels - 1) for item in value]
    return value
