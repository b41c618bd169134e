"""What makes a training this one and no other: the name of its record, and its fingerprint."""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

__all__ = ["IDENTITY", "fingerprint_of", "key_of"]

# Records with the same values are interchangeable.
IDENTITY = (
    *("experiment", "implementation", "mode", "dtype", "seed", "data", "spec", "limit"),
    *("environment", "source_sha256", "packages_sha256"),
)


def key_of(experiment: str, dtype: str, seed: int, implementation: str, mode: str) -> str:
    """Return the name of a training's record.

    >>> key_of("mnist", "float64", 0, "keras", "lockstep")
    'mnist-float64-seed0-keras'
    """
    name = f"{experiment}-{dtype}-seed{seed}-{implementation}"
    return name if mode == "lockstep" else f"{name}-{mode}"


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's fields that make its training this one."""
    identity = json.dumps([values[name] for name in IDENTITY], sort_keys=True)
    return sha256(identity.encode()).hexdigest()
