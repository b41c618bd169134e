"""A cell: one training, of one experiment by one implementation, with one dtype and seed."""

from dataclasses import asdict, dataclass
from typing import Any

from datasets import Policy

__all__ = ["Cell"]


@dataclass(frozen=True, order=True)
class Cell:
    """What is to be trained, in terms that a worker process can be sent as JSON."""

    experiment: str
    dtype: str
    seed: int
    implementation: str
    epochs: int
    limit: int | None  # train on the first so many rows
    policy: Policy  # of the data: "real" or "stand-in", as it was decided once for the run
    data_dir: str | None
    threads: int
    mode: str = "lockstep"  # or "native", or one of `variants`

    @property
    def key(self) -> str:
        """The name of its record.

        >>> Cell("mnist", "float64", 0, "keras", 10, None, "real", None, 1).key
        'mnist-float64-seed0-keras'
        """
        name = f"{self.experiment}-{self.dtype}-seed{self.seed}-{self.implementation}"
        return name if self.mode == "lockstep" else f"{name}-{self.mode}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON's types."""
        return asdict(self)
