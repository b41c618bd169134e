"""What makes a training this one and no other: the name of its record, and its fingerprint."""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

__all__ = ["IDENTITY", "fingerprint_of", "key_of"]

# Records with the same values are interchangeable.
IDENTITY = (
    *("experiment", "implementation", "mode", "dtype", "seed", "data", "spec", "limit"),
    *("environment", "source_sha256", "packages_sha256"),
)


_IN_A_NAME = re.compile(r"[\w.= -]{0,120}", re.ASCII)  # of a file


def key_of(
    experiment: str, dtype: str, seed: int, implementation: str, mode: str, setting: str = ""
) -> str:
    """Return the name of a training's record; `setting` is in words (see `spec_values.label_of`).

    One that no file's name can hold is there by its digest.

    >>> key_of("mnist", "float64", 0, "keras", "lockstep")
    'mnist-float64-seed0-keras'
    >>> key_of("xor", "float64", 7, "keras", "lockstep", "hidden=8 learning_rate=0.1")
    'xor-float64-seed7-keras+hidden=8+learning_rate=0.1'
    """
    name = f"{experiment}-{dtype}-seed{seed}-{implementation}"
    name = name if mode == "lockstep" else f"{name}-{mode}"
    if not setting:
        return name
    if not _IN_A_NAME.fullmatch(setting):
        setting = sha256(setting.encode()).hexdigest()[:16]
    return f"{name}+{setting.replace(' ', '+')}"


def fingerprint_of(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a record's fields that make its training this one."""
    identity = json.dumps([values[name] for name in IDENTITY], sort_keys=True)
    return sha256(identity.encode()).hexdigest()
