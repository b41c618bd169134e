"""What is kept of a run: typed records and arrays in a folder, and what is built from them."""

from pathlib import Path

__all__ = ["RUNS"]

RUNS = Path("runs")  # where runs are unless --out says otherwise
