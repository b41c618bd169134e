"""Computes what an equation of the report says, from the MathML that its reader sees."""

from collections.abc import Callable
from typing import Any
from xml.etree.ElementTree import Element, fromstring

import numpy as np

from experiments.harness.report.mathml import to_mathml

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "σ": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "ReLU": lambda z: np.maximum(z, 0),
    "max": np.maximum,
    "sign": np.sign,
}


def follow(lines: list[str], values: dict[str, Any]) -> dict[str, Any]:
    """Return the values after lines such as "v ← ρ v + g" and "z = X W_1 + b_1"."""
    for line in lines:
        terms = list(fromstring(to_mathml(line).replace("&#x2061;", "")))
        names = [term.text for term in terms]
        at = next(i for i, name in enumerate(names) if name in ("←", "="))
        values = values | {name_of(terms[0]): Sum(terms[at + 1 :], values).value()}
    return values


def name_of(element: Element) -> str:
    """Return a symbol with its subscript or hat: "W_1", "β_1", "ε^"."""
    if element.tag == "mover":
        return name_of(element[0]) + "".join(element[1].itertext())
    if element.tag == "msub":
        return f"{name_of(element[0])}_{''.join(element[1].itertext())}"
    return "".join(element.itertext())


class Sum:
    """Terms in a row: sums of products, brackets, and functions of what is in brackets."""

    def __init__(self, terms: list[Element], values: dict[str, Any]) -> None:
        self.terms, self.values = terms, values

    @property
    def next(self) -> str:
        return (self.terms[0].text or "") if self.terms and self.terms[0].tag == "mo" else ""

    def value(self) -> Any:
        total = self.product()
        while self.next in ("+", "−"):
            sign = 1 if self.terms.pop(0).text == "+" else -1
            total = total + sign * self.product()
        return total

    def product(self) -> Any:
        found = self.factor()
        while self.terms and self.next not in ("+", "−", ")", ",", "|"):
            elementwise = self.next in ("⊙", "·")
            if elementwise:
                self.terms.pop(0)
            other = self.factor()
            matrices = np.ndim(found) == 2 and np.ndim(other) == 2 and not elementwise
            found = found @ other if matrices else found * other
        return found

    def factor(self) -> Any:
        element = self.terms.pop(0)
        if element.tag == "mo" and element.text in ("(", "|"):
            inside = self.value()
            self.terms.pop(0)
            return np.abs(inside) if element.text == "|" else inside
        if element.tag == "mi" and element.text in FUNCTIONS and self.next == "(":
            return FUNCTIONS[element.text](*self.arguments())
        return self.single(element)

    def arguments(self) -> list[Any]:
        found = []
        while self.terms.pop(0).text != ")":
            found.append(self.value())
            if self.next == ")":
                self.terms.pop(0)
                break
        return found

    def single(self, element: Element) -> Any:
        if element.tag == "mn":
            return float(element.text or "")
        if element.tag == "mfrac":
            return self.inside(element[0]) / self.inside(element[1])
        if element.tag == "msqrt":
            return np.sqrt(self.inside(element[0]))
        if element.tag == "msup":
            return self.inside(element[0]) ** self.inside(element[1])
        if element.tag == "msubsup":
            return self.values[f"{element[0].text}_{element[1].text}"] ** self.inside(element[2])
        return self.values[name_of(element)]

    def inside(self, element: Element) -> Any:
        terms = list(element) if element.tag == "mrow" else [element]
        return Sum(terms, self.values).value()
