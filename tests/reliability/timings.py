"""What "the same results, timings aside" means for a run's folder, said once.

The timings are "seconds" in a record, and what report.html shows of them. All else has to be the
same to the last byte: every record, its arrays, results.json and results.csv. (plan.json lists what
was asked for in the order in which it was asked for.)
"""

import json
from pathlib import Path
from typing import Any


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file of a run holds, by its name, timings aside."""
    files = [*sorted((folder / "cells").iterdir()), folder / "results.json", folder / "results.csv"]
    return {file.name: _content(file) for file in files}


def different(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    """Return the names of the files that are not the same in both."""
    return sorted(name for name in one | other if one.get(name) != other.get(name))


def untimed(record: dict[str, Any]) -> dict[str, Any]:
    """Return a cell's record without its timings."""
    return {name: value for name, value in record.items() if name != "seconds"}


def _content(file: Path) -> bytes:
    content = file.read_bytes()
    if file.suffix != ".json":
        return content
    found = json.loads(content)
    if "cells" in found:
        found["cells"] = [untimed(record) for record in found["cells"]]
    return json.dumps(untimed(found)).encode()
