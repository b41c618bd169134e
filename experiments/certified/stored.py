"""The certificates in the repository: one JSON file for each experiment and its data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.harness.errors import RequestError
from experiments.harness.files import write_atomically
from frameworks import Spec

__all__ = ["FOLDER", "SCHEMA", "complete", "find", "write"]

SCHEMA = 1
FOLDER = Path(__file__).parent


def find(experiment: str, source: str, folder: Path = FOLDER) -> dict[str, Any] | None:
    """Return the certificate for an experiment on "real" or "stand-in" data; None if there is none.

    Raises RequestError if it is damaged.
    """
    file = _path(experiment, source, folder)
    if file not in folder.glob("*.json"):  # the name is a record's, and may lead anywhere
        return None
    try:
        certificate = json.loads(file.read_bytes())
        if certificate["schema"] != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, got {certificate['schema']!r}")
        certificate["spec"] = complete(certificate["spec"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"run: lockstep certify {experiment}"
        raise RequestError(f"{file}: is no certificate ({error!r}); {remedy}") from error
    return certificate


def complete(spec: dict[str, Any]) -> dict[str, Any]:
    """Return a spec as it was written, and what has come into specs since then, at its default.

    >>> complete({"learning_rate": 10.0})["halve_every"]
    0
    """
    return asdict(Spec()) | spec


def write(certificate: dict[str, Any], folder: Path = FOLDER) -> None:
    """Write a certificate, a line for each loss."""
    file = _path(certificate["experiment"], certificate["data"]["source"], folder)
    text = json.dumps(certificate, ensure_ascii=False, indent=1)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(file, f"{text}\n".encode())


def _path(experiment: str, source: str, folder: Path) -> Path:
    return folder / f"{experiment}-{source}.json"
