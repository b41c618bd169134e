"""Read the churn CSV, and report all its problems at once."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING, NamedTuple

from datasets.churn_schema import CATEGORIES, COLUMNS, TARGET, Problem, find_problems
from datasets.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

MAX_PROBLEMS = 10
_CONFLICT_MARKERS = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")


def read_churn(content: bytes) -> pd.DataFrame:
    """The columns `COLUMNS` and `TARGET` of the CSV: text as it is, numbers as float64.

    Raises DataError with the first ten problems by line number, and the number of others.
    """
    import pandas as pd

    lines = _split(_decode(content))
    wanted = [*COLUMNS, TARGET]
    absent = [name for name in wanted if lines.header.count(name) != 1]
    if absent:
        expected = f"expected once each: {', '.join(absent)}; found {','.join(lines.header)[:200]}"
        raise report([(lines.header_at, f"column names: {expected}"), *lines.problems])
    table = pd.DataFrame(list(lines.rows.values()), list(lines.rows), lines.header, dtype=str)
    table = table[wanted]
    problems = lines.problems + find_problems(table)
    if problems:
        raise report(problems)
    if len(table) == 0:
        raise DataError("expected one row for each customer, found none below the column names")
    if table[TARGET].nunique() < 2:
        raise DataError(f"column Exited: expected both 0 and 1, found only {table[TARGET].iloc[0]}")
    return to_numbers(table)


def to_numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Convert the number columns of a table of text in which `find_problems` found nothing."""
    return table.astype({name: "float64" for name in table.columns if name not in CATEGORIES})


def report(problems: list[Problem]) -> DataError:
    """One error for all problems: the first ten in the order of the file, then how many more.

    >>> print(report([(7, "column Age: ..."), (2, "column Gender: ...")]))
    2 problems
      line 2: column Gender: ...
      line 7: column Age: ...
    """
    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    shown = [f"  line {line}: {text}" for line, text in sorted(problems)[:MAX_PROBLEMS]]
    more = len(problems) - len(shown)
    return DataError("\n".join([count, *shown, *([f"  and {more:,} more"] if more else [])]))


class _Lines(NamedTuple):
    """The fields of a CSV: its header, and its regular rows by line number."""

    header: list[str]
    header_at: int
    rows: dict[int, list[str]]
    problems: list[Problem]


def _decode(content: bytes) -> str:
    """UTF-8, with or without the byte-order mark that spreadsheets put first."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise report([(line, f"expected UTF-8, found byte {content[error.start]:#04x}")]) from error
    if not text.strip():
        raise DataError("the file is empty")
    return text


def _split(text: str) -> _Lines:
    """Split lines into fields; blank lines are skipped, malformed ones become problems."""
    reader = csv.reader(StringIO(text, newline=""))
    lines = _Lines([], 1, {}, [])
    try:
        for row in reader:
            at = reader.line_num
            if not row:
                continue
            if row[0][:7] in _CONFLICT_MARKERS:
                lines.problems.append((at, f"a version-control conflict marker: {row[0][:40]}"))
            elif not lines.header:
                lines = lines._replace(header=row, header_at=at)
            elif len(row) != len(lines.header):
                expected = f"expected {len(lines.header)} fields, found {len(row)}"
                lines.problems.append((at, expected))
            else:
                lines.rows[at] = row
    except csv.Error as error:
        lines.problems.append((reader.line_num, f"not CSV ({error})"))
    return lines
