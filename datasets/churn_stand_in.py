"""Churn's stand-in: invented bank customers, some of whom leave for reasons that can be learned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

ROWS = 10_000
SEED = 2024

_DRAWS = (
    "score", "country", "gender", "age", "tenure", "has_money", "money",
    "products", "card", "active", "salary", "leave",
)  # fmt: skip


def invent_customers() -> bytes:
    """Return a CSV with the 14 columns of ``Churn_Modelling.csv`` and 10,000 invented customers.

    Computed only from PCG64's uniform numbers by sums, products, comparisons and rounding, so the
    bytes do not depend on NumPy's version or processor. Ranges and shares resemble the real file.
    """
    import pandas as pd

    rng = np.random.Generator(np.random.PCG64(SEED))
    draw = {name: rng.random(ROWS) for name in _DRAWS}
    number = np.arange(1, ROWS + 1)
    table = pd.DataFrame(
        {
            "RowNumber": number,
            "CustomerId": 15_000_000 + 7 * number,
            "Surname": "Invented",
            "CreditScore": _invert(draw["score"], (0, 0.1, 0.5, 0.9, 1), (350, 525, 650, 775, 850)),
            "Geography": _pick(draw["country"], (0.5, 0.75), ("France", "Germany", "Spain")),
            "Gender": _pick(draw["gender"], (0.45,), ("Female", "Male")),
            "Age": _invert(draw["age"], (0, 0.1, 0.5, 0.9, 0.98, 1), (18, 27, 37, 53, 66, 92)),
            "Tenure": _invert(draw["tenure"], (0, 1), (0, 10)),
            "Balance": _balance(draw["has_money"], draw["money"], draw["country"]),
            "NumOfProducts": _pick(draw["products"], (0.51, 0.97, 0.994), (1, 2, 3, 4)),
            "HasCrCard": _pick(draw["card"], (0.3,), (0, 1)),
            "IsActiveMember": _pick(draw["active"], (0.48,), (0, 1)),
            "EstimatedSalary": np.round(draw["salary"] * 200_000, 2),
        }
    )
    table["Exited"] = (draw["leave"] < _chance_to_leave(table)).astype(int)
    return table.to_csv(index=False, lineterminator="\n").encode()


def _chance_to_leave(table: pd.DataFrame) -> np.ndarray:
    """The probability (n,) that a customer leaves: a sum of reasons, clipped to 0.02 .. 0.97."""
    age = np.interp(table["Age"], (18, 40, 52, 62, 75, 92), (0, 0.02, 0.65, 0.9, 0.3, 0))
    products = table["NumOfProducts"].map({1: 0.02, 2: -0.16, 3: 0.8, 4: 0.9})
    chance = (
        age
        + products
        + 0.12 * (table["Geography"] == "Germany")
        + 0.06 * (table["Gender"] == "Female")
        - 0.15 * table["IsActiveMember"]
    )
    return np.clip(chance.to_numpy(), 0.02, 0.97)


def _balance(has_money: np.ndarray, money: np.ndarray, country: np.ndarray) -> np.ndarray:
    """Balances (n,): half of the accounts outside Germany are empty."""
    amount = np.interp(money, (0, 0.1, 0.5, 0.9, 1), (3_000, 81_000, 120_000, 158_000, 250_000))
    empty = (has_money < 0.48) & ~((country >= 0.5) & (country < 0.75))
    return np.round(np.where(empty, 0, amount), 2)


def _pick(u: np.ndarray, limits: tuple[float, ...], values: tuple) -> np.ndarray:
    """Map uniform numbers to ``values``, each up to its limit in ``limits``."""
    return np.array(values)[np.searchsorted(limits, u, side="right")]


def _invert(u: np.ndarray, shares: tuple[float, ...], values: tuple[int, ...]) -> np.ndarray:
    """Map uniform numbers to integers, by a distribution function that is piecewise linear."""
    return np.rint(np.interp(u, shares, values)).astype(int)
