"""The certificates in the repository: one JSON file for each experiment and its data."""

import json
from pathlib import Path
from typing import Any

from experiments.harness.errors import RequestError
from experiments.harness.store import write_atomically

__all__ = ["SCHEMA", "find", "path", "write"]

SCHEMA = 1
FOLDER = Path(__file__).parent


def path(experiment: str, source: str) -> Path:
    """Return where the certificate for an experiment on real or stand-in data is kept.

    >>> path("churn", "stand-in").name
    'churn-stand-in.json'
    """
    return FOLDER / f"{experiment}-{source}.json"


def find(experiment: str, source: str) -> dict[str, Any] | None:
    """Return a certificate, or None where there is none; RequestError if it is damaged."""
    file = path(experiment, source)
    try:
        certificate = json.loads(file.read_bytes())
        if certificate["schema"] != SCHEMA:
            raise ValueError(f"expected schema {SCHEMA}, got {certificate['schema']!r}")
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"run: lockstep certify {experiment}"
        raise RequestError(f"{file}: is no certificate ({error!r}); {remedy}") from error
    return certificate


def write(certificate: dict[str, Any], file: Path) -> None:
    """Write a certificate, a line for each loss."""
    text = json.dumps(certificate, ensure_ascii=False, indent=1)
    write_atomically(file, f"{text}\n".encode())
