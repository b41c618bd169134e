"""Read the JSON files of a run: each is checked here once, so that no reader has to.

Files of a run may come from anywhere: by mail, from a build, from a newer version. What is read
here is of the types below, nested no deeper than it has to be, and printable. Loads no more than
JSON, because `lockstep list` reads results as well.
"""

import json
import re
from pathlib import Path
from typing import Any

from datasets.reading import read_within
from experiments.harness.errors import RequestError
from experiments.harness.fields import (
    NUMBER,
    SCALAR,
    SHARE,
    TEXT,
    WHOLE,
    Kind,
    Maybe,
    OneOf,
    problem,
)
from experiments.harness.printable import printable_inside

__all__ = ["MAX_BYTES", "SCHEMA", "read_plan", "read_record", "read_results"]

SCHEMA = 1
_MODES = r"lockstep|native|keras-sigmoid|nudged-[0-9]+"
MAX_BYTES = 128 * 2**20  # of a file; a thousand trainings of as many epochs are a third of it

_MODE = Kind(
    "lockstep, native, or one of `variants`",
    lambda value: type(value) is str and re.fullmatch(_MODES, value) is not None,
)
_DATA = {"name": TEXT, "source": TEXT, "sha256": TEXT}
_SPEC = {"inputs": WHOLE, "outputs": WHOLE, "hidden": [WHOLE], "batch_size": WHOLE}
_ENVIRONMENT = {"versions": {...: Maybe(TEXT)}, ...: SCALAR}

# What every record holds, also that of a failed cell. A loss that is not finite is null.
_RECORD = {
    **{"key": TEXT, "fingerprint": TEXT, "experiment": TEXT, "implementation": TEXT},
    **{"mode?": _MODE, "dtype": OneOf("float64", "float32"), "seed": WHOLE, "data": _DATA},
    **{"spec": _SPEC, "epochs": WHOLE, "limit": Maybe(WHOLE)},
    **{"acceptance": Maybe((NUMBER, NUMBER)), "environment": _ENVIRONMENT, "source_sha256?": TEXT},
    **{"status": OneOf("ok", "failed"), "error": Maybe(TEXT)},
    **{"history": Maybe({}), "test": Maybe({}), "seconds?": Maybe({})},
}
_DIGESTS = {"initial_weights": TEXT, "weights": TEXT, "predictions": TEXT}
_FAILED = {"missing?": SCALAR, "error": TEXT, "digests?": Maybe(_DIGESTS | {"batch_order": TEXT})}
_FINISHED = {
    "n_train": WHOLE,
    "history": {"loss": [Maybe(NUMBER)], "accuracy": [SHARE]},
    "test": {"loss": Maybe(NUMBER), "accuracy": SHARE, "confusion": [[WHOLE]], "n": WHOLE},
    "seconds": {"import": NUMBER, "compile": NUMBER, "fit": NUMBER},
    "digests": _DIGESTS,
    "certified?": Maybe({"worst_lre": NUMBER, "worst_epoch": WHOLE, "test_lre": Maybe(NUMBER)}),
}
_IN_LOCKSTEP = {"digests": {"batch_order": TEXT}}

_FLOOR = dict.fromkeys(("loss", "weight", "test_loss", "predictions"), Maybe(NUMBER))
_AGREEMENT = {
    **{"experiment": TEXT, "dtype": TEXT, "seed": WHOLE, "pair": (TEXT, TEXT)},
    **{"verdict": Maybe(OneOf("agree", "differ")), "reason": TEXT, "noise_floor?": Maybe(_FLOOR)},
}
_RESULTS = {"cells": [{}], "agreement": [_AGREEMENT]}
_PLAN = {"cells": [TEXT]}

# Fields that came later, with what they mean where a record of the same schema lacks them.
_LATER = {"mode": "lockstep"}


def read_record(path: Path) -> dict[str, Any]:
    """Return a cell's record; RequestError if it is damaged, or not the record of that name."""
    record = _checked(path, _read(path))
    if record["key"] != path.stem:
        raise RequestError(f"{path}: is the record of {record['key']!r}; delete it, and run again")
    return record


def read_plan(path: Path) -> list[str]:
    """Return the names of the cells that were asked for; RequestError if the plan is damaged."""
    return _require(path, _read(path), _PLAN)["cells"]


def read_results(path: Path) -> dict[str, Any]:
    """Return what a results.json holds; RequestError if it is damaged, or is none."""
    results = _read(path)
    if not _RESULTS.keys() <= results.keys():
        raise RequestError(f"{path}: is not a results.json; name one, or the folder of a run")
    cells = _require(path, results, _RESULTS)["cells"]
    return results | {
        "cells": [_checked(path, cell, f"cells[{i}].") for i, cell in enumerate(cells)]
    }


def _read(path: Path) -> dict[str, Any]:
    """Read a file; RequestError if it is no JSON, or not of this schema."""
    try:
        content = printable_inside(json.loads(read_within(path, MAX_BYTES)))
    except (OSError, ValueError, RecursionError) as error:
        raise RequestError(f"{path}: {error}; delete it, and run again") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if type(schema) is int and schema > SCHEMA:
        raise RequestError(
            f"{path}: written by a newer lockstep (schema {schema}, this one reads {SCHEMA}); "
            "update lockstep to read it"
        )
    if schema != SCHEMA:
        raise RequestError(f"{path}: not a record of schema {SCHEMA}; delete it, and run again")
    return content


def _checked(path: Path, record: dict[str, Any], where: str = "") -> dict[str, Any]:
    """Return a record with the fields that came after it; RequestError if one is not right."""
    if absent := sorted({n for n in _RECORD if not n.endswith("?")} - record.keys()):
        _refuse(path, f"{where.rstrip('.')} lacks {', '.join(absent)}".lstrip())
    _require(path, record, _RECORD, where)
    record = _LATER | record
    if record["status"] == "failed":
        return _require(path, record, _FAILED, where)
    _require(path, record, _FINISHED, where)
    if record["mode"] != "native":
        _require(path, record, _IN_LOCKSTEP, where)
    losses, accuracies = record["history"]["loss"], record["history"]["accuracy"]
    matrix = record["test"]["confusion"]
    if not 0 < len(losses) == len(accuracies) == record["epochs"]:
        _refuse(path, f"{where}history: expected {record['epochs']} losses and accuracies")
    if not matrix or any(len(row) != len(matrix) for row in matrix):
        _refuse(path, f"{where}test.confusion: expected as many columns as rows")
    if sum(map(sum, matrix)) != record["test"]["n"]:
        _refuse(path, f"{where}test.confusion: expected {record['test']['n']} rows in all")
    return record


def _require(path: Path, value: dict[str, Any], kind: Any, where: str = "") -> dict[str, Any]:
    if found := problem(value, kind):
        _refuse(path, where + found)
    return value


def _refuse(path: Path, found: str) -> None:
    raise RequestError(f"{path}: {found}; delete it, and run again")
