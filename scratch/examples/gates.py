"""Threshold gates: what can a single neuron decide?

The oldest artificial neuron has no sigmoid: it says 1 if the weighted sum of its inputs exceeds a
threshold θ, and 0 otherwise. With both weights ½ the threshold alone makes the difference between
"at least one" and "both":

>>> SITUATIONS
[(0, 0), (1, 0), (0, 1), (1, 1)]
>>> [fires(x, HALVES, 0.4) for x in SITUATIONS]  # OR: ½ is enough
[0, 1, 1, 1]
>>> [fires(x, HALVES, 0.7) for x in SITUATIONS]  # AND: it takes 1
[0, 0, 0, 1]

No weights and no threshold give "exactly one". Both (1, 0) and (0, 1) would have to exceed θ, so
w₁ + w₂ > 2θ; (0, 0) must not, so θ ≥ 0; then w₁ + w₂ > θ, and (1, 1) exceeds it too. A second layer
can: "at least one, but not both".

>>> [exactly_one(x) for x in SITUATIONS]
[0, 1, 1, 0]

Source: McCulloch and Pitts, "A logical calculus of the ideas immanent in nervous activity",
Bulletin of Mathematical Biophysics 5, 1943.
"""

from collections.abc import Sequence

SITUATIONS = [(0, 0), (1, 0), (0, 1), (1, 1)]
HALVES = (0.5, 0.5)


def fires(x: Sequence[float], w: Sequence[float], theta: float) -> int:
    """Return 1 if Σⱼ wⱼ xⱼ > θ, else 0."""
    return int(sum(w_j * x_j for w_j, x_j in zip(w, x, strict=True)) > theta)


def exactly_one(x: Sequence[float]) -> int:
    """Two layers: OR and AND of the inputs, and then the first without the second."""
    hidden = fires(x, HALVES, 0.4), fires(x, HALVES, 0.7)
    return fires(hidden, (1, -1), 0.5)


def main() -> None:
    """Print the weighted sum of the inputs, and what the three gates make of it."""
    print("x       sum   OR: sum > 0.4   AND: sum > 0.7   XOR: OR - AND > 0.5")
    for x in SITUATIONS:
        gates = fires(x, HALVES, 0.4), fires(x, HALVES, 0.7), exactly_one(x)
        print("{}  {:.1f}   {:<13}   {:<14}   {}".format(x, sum(x) / 2, *gates))
    assert [fires(x, HALVES, 0.4) for x in SITUATIONS] == [0, 1, 1, 1]
    assert [fires(x, HALVES, 0.7) for x in SITUATIONS] == [0, 0, 0, 1]
    assert [exactly_one(x) for x in SITUATIONS] == [0, 1, 1, 0]


if __name__ == "__main__":
    main()
