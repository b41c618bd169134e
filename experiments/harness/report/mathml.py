r"""Equations in the notation of LaTeX, as MathML: what a browser shows without a script.

This understands what the report's equations need, and raises ValueError for anything else:

    x  12.5  σ  ⊙        a variable, a number, Greek, an operator: as they are
    W_1  x^2  b_{ij}     subscripts and superscripts, and both: c_{t}^{2}
    \frac{a}{b}  \sqrt{v}  \hat{m}  \bar{g}
    \op{ReLU}(z)         a function with a name
    \text{if}            words
    Σ_{i}  max_{u}       what stands below the sum
"""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

__all__ = ["to_mathml"]

_TOKEN = re.compile(r"\s*(\\(?:op|text)\{[^}]*\}|\\[a-z]+|\d+(?:[.,]\d+)*|\S)")
_WORDS = ("\\op{", "\\text{")
_NO_BREAK = "\u00a0"  # a space at either end of words would be dropped
_ACCENTS = {"\\hat": "^", "\\bar": "¯"}
_FENCES = "()[]|⌊⌋‖"
_ABOVE_AND_BELOW = ("Σ", "Π")
_OPERATORS = "+-−=←→·⊙∗×,;:/<>≤≥≠∈≪≫?!'′"


def to_mathml(latex: str) -> Markup:
    r"""Return an equation as a `math` element.

    >>> print(to_mathml("z = W_1"))
    <math displaystyle="true"><mi>z</mi><mo>=</mo><msub><mi>W</mi><mn>1</mn></msub></math>
    >>> "<mfrac><mn>1</mn><mi>n</mi></mfrac>" in to_mathml(r"\frac{1}{n}")
    True
    """
    reader = _Reader(latex)
    inside = "".join(reader.terms())
    if reader.rest:
        raise ValueError(f"{latex!r}: a }} too many")
    return Markup(f'<math displaystyle="true">{inside}</math>')


class _Reader:
    """Reads an equation from left to right."""

    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.tokens = _TOKEN.findall(latex.strip())
        self.at = 0

    @property
    def rest(self) -> list[str]:
        """What has not been read."""
        return self.tokens[self.at :]

    @property
    def next(self) -> str:
        """The next token; empty at the end."""
        return self.tokens[self.at] if self.rest else ""

    def take(self) -> str:
        """Return the next token, and go on to the one after it."""
        if not self.rest:
            raise ValueError(f"{self.latex!r} ends too early")
        self.at += 1
        return self.tokens[self.at - 1]

    def terms(self) -> Iterator[str]:
        """Yield terms with their scripts, up to a closing brace or the end."""
        while self.next not in ("", "}"):
            over = self.next in _ABOVE_AND_BELOW
            yield self._with_scripts(self._atom(), over)

    def _with_scripts(self, base: str, over: bool) -> str:
        scripts: dict[str, str] = {}
        while self.next in ("_", "^"):
            where = self.take()
            if where in scripts:
                raise ValueError(f"{self.latex!r}: two times {where} in a row")
            scripts[where] = self._atom()
        if not scripts:
            return base
        below, above = ("munder", "mover") if over else ("msub", "msup")
        if len(scripts) == 2:
            name = "munderover" if over else "msubsup"
            return f"<{name}>{base}{scripts['_']}{scripts['^']}</{name}>"
        ((where, script),) = scripts.items()
        name = below if where == "_" else above
        return f"<{name}>{base}{script}</{name}>"

    def _atom(self) -> str:
        token = self.take()
        if token == "{":
            return self._rest_of_group()
        if token.startswith(_WORDS):
            return self._words(token)
        if token.startswith("\\"):
            return self._command(token)
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token in _ABOVE_AND_BELOW:
            return f"<mo>{token}</mo>"
        if token in _FENCES:
            return f'<mo stretchy="false">{token}</mo>'
        if token in _OPERATORS:
            return f"<mo>{escape(token.replace('-', '−'))}</mo>"
        if token.isalpha() or token in "∞…½":
            return f"<mi>{token}</mi>"
        raise ValueError(f"{self.latex!r}: cannot read {token!r}")

    def _rest_of_group(self) -> str:
        terms = list(self.terms())
        if self.take() != "}":
            raise ValueError(f"{self.latex!r}: a }} is missing")
        return terms[0] if len(terms) == 1 else f"<mrow>{''.join(terms)}</mrow>"

    def _command(self, name: str) -> str:
        if name in _ACCENTS:
            accent = f"<mo>{_ACCENTS[name]}</mo>"
            return f'<mover accent="true">{self._atom()}{accent}</mover>'
        if name == "\\frac":
            return f"<mfrac>{self._atom()}{self._atom()}</mfrac>"
        if name == "\\sqrt":
            return f"<msqrt>{self._atom()}</msqrt>"
        raise ValueError(f"{self.latex!r}: {name} is not known here")

    def _words(self, command: str) -> str:
        kind, _, words = command[1:-1].partition("{")
        if kind == "text":
            return f"<mtext>{escape(words.replace(' ', _NO_BREAK))}</mtext>"
        apart = "" if self.next in ("", "(", "_", "^", ")") else '<mspace width="0.2em"/>'
        return f"<mi>{escape(words)}</mi>{apart}"
