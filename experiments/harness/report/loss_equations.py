"""The losses of `scratch` as equations: a mean or a sum over the rows i, and over the outputs k."""

from collections.abc import Callable
from typing import Any, NamedTuple

from experiments.harness.report.forward_equations import Equation
from scratch import losses as kinds

__all__ = ["loss_equation", "output_of"]


class _Term(NamedTuple):
    """What one row adds to a loss, as a function of its index."""

    of: str  # the outputs: z before an activation, a after it
    row: Callable[[str], str]
    by_output: bool = False  # the row is a sum over the outputs, and k is part of the index
    mean: bool = True
    note: str = ""


def output_of(loss: Any) -> str:
    """Return what a loss calls a network's outputs: z for logits, else a.

    >>> output_of(kinds.BinaryCrossEntropy()), output_of(kinds.MeanSquaredError())
    ('z', 'a')
    """
    found = _term(loss)
    return found.of if found else "a"


def loss_equation(loss: Any, outputs: int) -> Equation | None:
    r"""Return the line that defines L for a number of outputs; None for a loss without an equation.

    >>> print(loss_equation(kinds.MeanSquaredError(), 3).latex)
    L = \frac{1}{n k} Σ_{i} Σ_{k} (a_{ik} - y_{ik})^2
    >>> print(loss_equation(kinds.MeanSquaredError(), 1).latex)
    L = \frac{1}{n} Σ_{i} (a_{i} - y_{i})^2
    """
    term = _term(loss)
    if term is None:
        return None
    wide = term.by_output and outputs > 1
    if isinstance(loss, kinds.SequenceLoss):
        index = "itk" if wide else "it"
        sums = rf"\frac{{1}}{{m}} Σ_{{i,t}}{' Σ_{k}' * wide}"
    elif isinstance(loss, kinds.WeightedMean):
        index = "ik" if wide else "i"
        sums = rf"\frac{{1}}{{Σ_{{i}} w_i}} Σ_{{i}} w_i{' Σ_{k}' * wide}"
    else:
        index = "ik" if wide else "i"
        sums = _sums(loss, term, wide)
    note = ". ".join(filter(None, (term.note, _options(loss))))
    row = term.row(index)
    sign = "-" if row.startswith("-") else ""
    return Equation(f"L = {sign}{sums} {row.removeprefix(sign)}", note)


def _sums(loss: Any, term: _Term, wide: bool) -> str:
    by_rows = getattr(loss, "sum_over_rows", False)
    divisor = "n k" if wide and not by_rows else "n"
    if getattr(loss, "reduction", "mean") == "sum" or not term.mean:
        share = r"\frac{1}{2} " if type(loss) is kinds.HalfSquaredError else ""
    else:
        share = rf"\frac{{1}}{{{divisor}}} "
    return f"{share}Σ_{{i}}{' Σ_{k}' * wide}"


def _options(loss: Any) -> str:
    """Return in words what else a loss does."""
    inner, said = getattr(loss, "loss", loss), []
    if smoothing := getattr(inner, "smoothing", 0):
        said.append(f"label smoothing {smoothing:.3g}")
    if getattr(inner, "v", None) is not None:
        said.append("every class with a weight")
    if isinstance(loss, kinds.SequenceLoss):
        said.append("m: the number of steps that count")
        said += [f"those labelled {loss.ignore} do not".replace("-", "−")] * (
            loss.ignore is not None
        )
    return "; ".join(said)


def _term(loss: Any) -> _Term | None:
    if isinstance(loss, kinds.SequenceLoss | kinds.WeightedMean):
        return _term(loss.loss)
    return _TERMS.get(type(loss))


def _squared(mean: bool) -> _Term:
    return _Term("a", lambda i: f"(a_{{{i}}} - y_{{{i}}})^2", by_output=True, mean=mean)


_TERMS: dict[type, _Term] = {
    kinds.BinaryCrossEntropy: _Term(
        "z",
        lambda i: (
            rf"-[y_{{{i}}} \op{{log}} σ(z_{{{i}}}) + (1 - y_{{{i}}}) "
            rf"\op{{log}} (1 - σ(z_{{{i}}}))]"
        ),
        by_output=True,
        note="σ(z) = 1 / (1 + e⁻ᶻ)",
    ),
    kinds.CategoricalCrossEntropy: _Term(
        "z",
        lambda i: rf"-\op{{log}} \op{{softmax}}(z_{{{i}}})_{{y_{{{i}}}}}",
        note="softmax(z)ₖ = exp zₖ / Σⱼ exp zⱼ, and of them the one at the label y",
    ),
    kinds.NegativeLogLikelihood: _Term("a", lambda i: f"-a_{{{i}, y_{{{i}}}}}"),
    kinds.MeanSquaredError: _squared(mean=True),
    kinds.HalfSquaredError: _squared(mean=False),
    kinds.SumSquaredError: _squared(mean=False),
    kinds.MeanAbsoluteError: _Term("a", lambda i: f"|a_{{{i}}} - y_{{{i}}}|", by_output=True),
    kinds.Huber: _Term(
        "a",
        lambda i: rf"h(a_{{{i}}} - y_{{{i}}})",
        by_output=True,
        note="h(e) = e²/2 where |e| ≤ δ, else δ |e| − δ²/2",
    ),
    kinds.CosineLoss: _Term(
        "a",
        lambda i: rf"-\frac{{a_{{{i}}} · y_{{{i}}}}}{{|a_{{{i}}}| |y_{{{i}}}|}}",
        note="plus a constant",
    ),
    kinds.KLDivergence: _Term(
        "a", lambda i: rf"Σ_{{k}} y_{{{i}k}} \op{{log}} \frac{{y_{{{i}k}}}}{{a_{{{i}k}}}}"
    ),
    kinds.PerceptronLoss: _Term(
        "z",
        lambda i: f"(z_{{{i} c_{{{i}}}}} - z_{{{i} y_{{{i}}}}})",
        note="c: the class that is answered, y: the right one",
    ),
}
