"""Bank churn: which of 10,000 customers left.

Source: "Churn Modelling", a teaching data set by SuperDataScience.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from datasets.churn_schema import COLUMNS, TARGET, find_problems
from datasets.churn_stand_in import invent_customers
from datasets.churn_table import read_churn, report, to_numbers
from datasets.dataset import Dataset
from datasets.errors import DataError
from datasets.policy import Policy, obtain
from datasets.recipe import Content, Contents, DataFile, Mirror, Pinned, Recipe
from datasets.targets import Classes

if TYPE_CHECKING:
    import pandas as pd
    from sklearn.preprocessing import StandardScaler

FEATURES = (
    "Germany",
    "Spain",
    "CreditScore",
    "Gender",
    "Age",
    "Tenure",
    "Balance",
    "NumOfProducts",
    "HasCrCard",
    "IsActiveMember",
    "EstimatedSalary",
)


def load_churn(policy: Policy = "auto", data_dir: str | Path | None = None) -> Dataset:
    """Bank churn, encoded and scaled: ``X_train (8000, 11)`` and ``X_test (2000, 11)``.

    The columns are `FEATURES`: France is Germany = Spain = 0, Gender is 1 for Male. The split is
    scikit-learn's ``train_test_split(test_size=0.2, random_state=0)`` on the order of the file.
    Then every column is standardised: shifted to mean 0 and divided by its standard deviation, both
    of the training rows only; ``scaler`` does the same to a customer from `encode_customer`.

    Raises DataError: see `datasets.policy.obtain`.
    """
    found = obtain(CHURN, policy, data_dir)
    split = _parse(found.contents)
    return Dataset(
        name=CHURN.name,
        source=found.source,
        sha256=found.sha256,
        canonical=found.canonical,
        origin=found.origin,
        note=found.note,
        X_train=split.X_train,
        y_train=split.y_train,
        X_test=split.X_test,
        y_test=split.y_test,
        feature_names=FEATURES,
        targets=Classes(("stayed", "left")),
        scaler=split.scaler,
    )


def encode_customer(customer: Mapping[str, object]) -> np.ndarray:
    """Encode one customer, given by the columns of the CSV, as unscaled features (1, 11).

    Raises DataError that lists every column that is missing or holds an impossible value.

    >>> encode_customer({
    ...     "Geography": "France", "CreditScore": 500, "Gender": "Male", "Age": 40, "Tenure": 3,
    ...     "Balance": 50000, "NumOfProducts": 2, "HasCrCard": 1, "IsActiveMember": 1,
    ...     "EstimatedSalary": 40000,
    ... }).tolist()
    [[0.0, 0.0, 500.0, 1.0, 40.0, 3.0, 50000.0, 2.0, 1.0, 1.0, 40000.0]]
    """
    import pandas as pd

    row = {name: str(customer.get(name, "")) for name in COLUMNS}
    table = pd.DataFrame([row], index=[1], dtype=str)
    problems = find_problems(table)
    if problems:
        raise report(problems)
    return _encode(to_numbers(table))


def _encode(table: pd.DataFrame) -> np.ndarray:
    """The columns `FEATURES` (n, 11) of a validated table, unscaled."""
    encoded = table.assign(
        Germany=table["Geography"] == "Germany",
        Spain=table["Geography"] == "Spain",
        Gender=table["Gender"] == "Male",
    )
    return encoded[list(FEATURES)].to_numpy(dtype=np.float64)


class _Split(NamedTuple):
    X_train: np.ndarray
    y_train: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray
    scaler: StandardScaler


def _parse(contents: Contents) -> _Split:
    """Validate, encode, split and scale; DataError when a part lacks one of the two classes."""
    from sklearn.model_selection import train_test_split
    from sklearn.preprocessing import StandardScaler

    table = read_churn(contents[_FILE.path].data)
    y = table[TARGET].to_numpy(dtype=np.int64)
    X_train, X_test, y_train, y_test = train_test_split(
        _encode(table), y, test_size=0.2, random_state=0
    )
    if len(set(y_train)) < 2:
        raise DataError(
            f"{len(table)} rows are too few: all {len(y_train)} training rows have "
            f"Exited = {y_train[0]}"
        )
    scaler = StandardScaler().fit(X_train)
    X_train, X_test = (np.ascontiguousarray(scaler.transform(X)) for X in (X_train, X_test))
    return _Split(X_train, y_train, X_test, y_test, scaler)


_FILE = DataFile(
    path="churn/Churn_Modelling.csv",
    sha256="ee2a5c9d8daf3aed0d91c4d883a84ebb77d271447bebc0f0c80aafb0f288ceab",
    size=674_857,
    spellings=("churn/Churn_Modelling.csv",),
)

# One commit of a repository, whose content cannot change; there every line ends in CRLF.
_GITHUB = Mirror(
    "https://raw.githubusercontent.com/sharmaroshan/Churn-Modelling-Dataset/"
    "143fb57740dbde8bb764cd6b7287881079ddf6ee",
    pinned={
        _FILE.path: Pinned(
            path="Churn_Modelling.csv",
            sha256="3996cd1fa372e0db0cd9c0ebac35bbd4e8e3c65fb942bb010c826e7b1eeef0a0",
        )
    },
)

CHURN = Recipe(
    name="churn",
    files=(_FILE,),
    archives=(),
    mirrors=(_GITHUB,),
    unwrap=lambda raw, file: raw.replace(b"\r\n", b"\n"),
    check=lambda content, file: read_churn(content),
    parse=_parse,
    stand_in=lambda: {_FILE.path: Content(invent_customers())},
    stand_in_is="10,000 invented customers",
    remedy=(
        "Download the data set 'Churn Modelling' from Kaggle, put Churn_Modelling.csv into the "
        "churn/ folder of a data folder, and name that folder with --data-dir or LOCKSTEP_DATA."
    ),
)
