"""The valid values of each column of the churn table, checked on the text of the file."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import pandas as pd
    import pandera.pandas as pa


class Number(NamedTuple):
    """A column of numbers from ``low`` to ``high``; integers if ``whole``."""

    low: float
    high: float
    whole: bool = True

    def __str__(self) -> str:
        """Say what is expected.

        >>> print(Number(0, 1), Number(0, 120), Number(0, 10, whole=False), sep="; ")
        0 or 1; a whole number from 0 to 120; a number from 0 to 10
        """
        if self[:2] == (0, 1):
            return "0 or 1"
        return f"a {'whole ' * self.whole}number from {self.low:g} to {self.high:g}"


CATEGORIES = {"Geography": ("France", "Germany", "Spain"), "Gender": ("Female", "Male")}
NUMBERS = {
    "CreditScore": Number(0, 1000),
    "Age": Number(0, 120),
    "Tenure": Number(0, 100),
    "Balance": Number(0, 1e12, whole=False),
    "NumOfProducts": Number(1, 100),
    "HasCrCard": Number(0, 1),
    "IsActiveMember": Number(0, 1),
    "EstimatedSalary": Number(0, 1e12, whole=False),
}
TARGET = "Exited"
_SHOWN = 40  # characters of a value in a message
COLUMNS = (*CATEGORIES, *NUMBERS)
"""The columns that describe a customer; the others of the file (RowNumber, CustomerId, Surname)
carry no information about churn and are not used."""

Problem = tuple[int, str]
"""A line number in the file, and what is wrong there."""


def find_problems(table: pd.DataFrame) -> list[Problem]:
    """Everything that is wrong with a table of text whose index is the line in the file."""
    from pandera.errors import SchemaErrors

    try:
        _schema(tuple(table.columns)).validate(table, lazy=True)
    except SchemaErrors as error:
        cases = error.failure_cases[["index", "column", "check", "failure_case"]]
        return [
            (int(line), f"column {column}: expected {expected}, found {_short(value)}")
            for line, column, expected, value in cases.itertuples(index=False)
        ]
    return []


def _short(value: str) -> str:
    """Quote a value, or its beginning."""
    return repr(value) if len(value) <= _SHOWN else f"{value[:_SHOWN]!r}..."


def _schema(columns: tuple[str, ...]) -> pa.DataFrameSchema:
    import pandera.pandas as pa

    numbers = NUMBERS | {TARGET: Number(0, 1)}
    checks = {name: _one_of(values) for name, values in CATEGORIES.items()}
    checks |= {name: _number(rule) for name, rule in numbers.items()}
    return pa.DataFrameSchema({name: pa.Column(str, checks[name]) for name in columns})


def _one_of(values: tuple[str, ...]) -> pa.Check:
    import pandera.pandas as pa

    return pa.Check.isin(values, error=" or ".join(values))


def _number(rule: Number) -> pa.Check:
    import pandas as pd
    import pandera.pandas as pa

    def holds(text: pd.Series) -> pd.Series:
        value = pd.to_numeric(text, errors="coerce")
        return value.between(rule.low, rule.high) & ((value % 1 == 0) | (not rule.whole))

    return pa.Check(holds, error=str(rule))
