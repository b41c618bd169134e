"""The forward pass of a network of `scratch` as lines: a₁ = ReLU(X W₁ + b₁), and so on.

Layers without weights are written around what they are given; before a layer with weights, and
where a value is used twice, it gets a name. The weights of the k-th layer that has any carry the
number k, and what comes out of it is aₖ.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.harness.report.layer_equations import computed, keeps
from scratch import Add, Concatenate, Layer, PositionEmbedding, Residual, Sequential

__all__ = ["Equation", "forward_pass"]

_SYMBOL = re.compile(r"[A-Za-z](_\w|_\{\w+\})?′*")


@dataclass(frozen=True)
class Equation:
    """One line, in the notation of `mathml`, and a word about what occurs in it."""

    latex: str
    note: str = ""


def forward_pass(network: Layer, output: str = "a") -> list[Equation]:
    """Return the lines of a network's forward pass; the last one defines `output`.

    >>> from scratch import Dense, Sigmoid
    >>> for line in forward_pass(Sequential(Dense(2, 4), Sigmoid(), Dense(4, 1)), "z"):
    ...     print(line.latex, "|", line.note)
    a_{1} = σ(X W_{1} + b_{1}) | W₁: 2 × 4. σ(z) = 1 / (1 + e⁻ᶻ)
    z = a_{1} W_{2} + b_{2} | W₂: 4 × 1
    """
    walk = _Walk()
    expression = walk.through(network, "X")
    if not walk.lines or expression != walk.lines[-1].latex.partition(" = ")[0]:
        walk.add(f"{output} = {expression}")
    return walk.lines


class _Walk:
    """The lines so far, on the way through a network."""

    def __init__(self) -> None:
        self.lines: list[Equation] = []
        self._numbers: dict[int, int] = {}  # of the layers with weights, by their identity
        self._taken: set[str] = set()
        self._notes: list[str] = []  # about the expression that has no name yet
        self._said: set[str] = set()

    def through(self, layer: Any, x: str) -> str:
        """Return the output of a layer, or of layers in it, for an input x."""
        if isinstance(layer, Residual):
            x = self.named(x)
            return f"{x} + {self._in_turn(layer.layers, x)}"
        if isinstance(layer, Add | Concatenate):
            x = self.named(x)
            parts = [self._in_turn([each], x) for each in layer.layers]
            return " + ".join(parts) if isinstance(layer, Add) else f"[{', '.join(parts)}]"
        if isinstance(layer, Sequential):
            return self._in_turn(layer.layers, x)
        return x if keeps(layer) else self._of_one(layer, x)

    def named(self, x: str) -> str:
        """Return a name for an expression: that it has, or that a new line gives it."""
        if _SYMBOL.fullmatch(x):
            return x
        name = f"a_{{{len(self._numbers)}}}"
        while name in self._taken:
            name += "′"
        self._taken.add(name)
        self.add(f"{name} = {x}")
        return name

    def add(self, latex: str) -> None:
        """Add a line, with what there is to be said about it for the first time."""
        new = [note for note in dict.fromkeys(self._notes) if note and note not in self._said]
        self._said.update(new)
        self._notes.clear()
        self.lines.append(Equation(latex, ". ".join(new)))

    def _in_turn(self, layers: Sequence[Layer], x: str) -> str:
        for layer in layers:
            x = self.through(layer, x)
        return x

    def _of_one(self, layer: Layer, x: str) -> str:
        if layer.params:
            x = self.named(x)
        k = self._number(layer)
        found = computed(layer, x, k)
        self._notes += [_shapes(layer, k), found.note]
        for line in found.lines:
            self.add(line)
        return found.expression

    def _number(self, layer: Layer) -> int:
        """Return the number of a layer's weights; one that occurs twice has them once."""
        if layer.params:
            original = id(getattr(layer, "original", layer))
            return self._numbers.setdefault(original, len(self._numbers) + 1)
        return len(self._numbers)


def _shapes(layer: Layer, k: int) -> str:
    """Return the shape of a layer's weights.

    >>> from scratch import Dense
    >>> _shapes(Dense(11, 6), 1)
    'W₁: 11 × 6'
    """
    matrices = [p for p in layer.params if p.ndim > 1]
    below = "".join("₀₁₂₃₄₅₆₇₈₉"[int(digit)] for digit in str(k))
    names = ("P",) if isinstance(layer, PositionEmbedding) else ("W", "U")[: len(matrices)]
    names = names[:1] if len(matrices) > 2 else names  # attention's four are alike
    return ", ".join(
        f"{name}{below}: {' × '.join(map(str, p.shape))}"
        for name, p in zip(names, matrices, strict=False)
    )
