"""JSON files read as checked types: each kind of damage is one sentence.

It names the file, the field and the remedy.
"""

import json
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from datasets.reading import read_within
from frameworks.errors import RequestError, printable

__all__ = ["MAX_BYTES", "SCHEMA", "first_problem", "read"]

M = TypeVar("M", bound=BaseModel)

SCHEMA: Final = 1  # of the files that this version writes
MAX_BYTES = 128 * 2**20  # of a file; a thousand trainings of as many epochs are a third of it
_SHOWN = 40  # characters of a value in a message


def read(path: Path, model: type[M], remedy: str = "delete it, and run again") -> M:
    """Return what a JSON file holds; RequestError, in one line, if it is no such model."""
    value = None
    try:
        # Parsed here: pydantic would hold a copy of the whole for every field that is missing.
        value = json.loads(read_within(path, MAX_BYTES))
        return model.model_validate(value)
    except ValidationError as error:
        problem = first_problem(error, value)
    except json.JSONDecodeError as error:
        problem = f"invalid JSON: {error}"
    except OSError as error:
        raise RequestError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        problem = str(error)
    schema = value.get("schema") if isinstance(value, dict) else None
    if type(schema) is int and schema > SCHEMA:
        raise RequestError(
            f"{path}: written by a newer lockstep (schema {schema}, this one reads {SCHEMA}); "
            "update lockstep to read it"
        )
    raise RequestError(f"{path}: {problem}; {remedy}")


def first_problem(error: ValidationError, value: Any) -> str:
    """Say in one line which field of a value is wrong first, what was expected, and found."""
    first = error.errors(include_url=False)[0]
    where = ""
    for step in first["loc"]:
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):  # missing; or it names a type, not a field
            if first["type"] != "missing":
                break
        where += f"[{step}]" if isinstance(step, int) else f".{step}"
    message = first["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if first["type"] == "model_type":
        message = "input should be an object"
    if first["type"] not in ("missing", "value_error"):
        message += f", found {_short(first['input'])}"
    return f"{where}: {message}".removeprefix(".").removeprefix(": ")


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return printable(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")
