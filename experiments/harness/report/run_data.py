"""The data that a run was trained on, as far as it is still there."""

from typing import Any

from datasets import DataError, Dataset
from experiments.registry import EXPERIMENTS, page

__all__ = ["RunData"]


class RunData:
    """Loads each data set of a run once, and makes sure that it is the one of the record."""

    def __init__(self, data_dir: str | None) -> None:
        self._data_dir = data_dir
        self._loaded: dict[str, tuple[Dataset | None, str]] = {}

    def of(self, record: dict[str, Any]) -> tuple[Dataset | None, str]:
        """Return the data of a record, or None and why it cannot be had."""
        sha256 = record["data"]["sha256"]
        if sha256 not in self._loaded:
            self._loaded[sha256] = self._load(record, sha256)
        return self._loaded[sha256]

    def _load(self, record: dict[str, Any], sha256: str) -> tuple[Dataset | None, str]:
        if record["experiment"] not in EXPERIMENTS:
            return None, "there is no experiment of this name any more"
        try:
            data = page(record["experiment"]).load(record["data"]["source"], self._data_dir)
        except DataError as error:
            return None, str(error).splitlines()[0]
        if data.sha256 != sha256:
            return None, f"what is there now has another SHA-256: {data.sha256[:12]}"
        return data, ""
