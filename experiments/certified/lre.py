"""The log relative error: how many digits of a certified number a computed one gets right.

Source: McCullough, "Assessing the reliability of statistical software: part I", The American
Statistician 52, 1998, section 2.1, for results on NIST's Statistical Reference Datasets.
"""

from decimal import Decimal, localcontext
from math import isfinite, log10

__all__ = ["MOST", "digits", "relative_error"]

MOST = 53 * log10(2)  # 15.95, all the digits of a float64


def relative_error(q: float | str | Decimal | None, c: str | Decimal) -> float:
    """Return |q − c| / |c|, or |q| if c is 0; infinite if q is None or not finite.

    >>> relative_error(0.75, "0.5"), relative_error(float("nan"), "0.5")
    (0.5, inf)
    """
    if q is None or not isfinite(computed := Decimal(q)):
        return float("inf")
    certified = Decimal(c)
    with localcontext(prec=50):  # q is taken as the exact float64 number
        return float(abs(computed - certified) / (abs(certified) or 1))


def digits(q: float | str | Decimal | None, c: str | Decimal) -> float:
    """Return LRE = −log₁₀(|q − c| / |c|): the number of digits of c that q gets right.

    At most `MOST`, since a closer number is so by luck; 0 below 1, and for NaN and infinities.

    >>> round(digits(3.1416, "3.14159265358979323846"), 2)
    5.63
    >>> digits(0.5, "0.5") == MOST, digits(float("nan"), "0.5"), digits(1.0, "2.0")
    (True, 0.0, 0.0)
    """
    error = relative_error(q, c)
    if error > 0.1:
        return 0.0
    return min(MOST, -log10(error)) if error else MOST
