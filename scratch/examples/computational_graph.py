"""A computational graph: what does each number owe to the result?

g = (x + y) z at x = 1, y = 3, z = −3 takes two steps, p = x + y and g = p z:

>>> x, y, z = Node(1), Node(3), Node(-3)
>>> p = x + y
>>> g = p * z
>>> float(p.value), float(g.value)
(4.0, -12.0)

The way back starts at g, where dg/dg = 1, and asks of every step only its own derivative. A product
passes on the other factor: dg/dp = z, dg/dz = p. A sum passes on what comes in: dg/dx = dg/dp.

>>> g.backward()
>>> [float(node.grad) for node in (p, z, x, y)]
[-3.0, 4.0, -3.0, -3.0]

That is a promise about small changes: a thousandth more of x is three thousandths less of g.

>>> def f(x, y, z):
...     return (x + y) * z
>>> round((f(1.001, 3, -3) - f(1, 3, -3)) / 0.001, 6)
-3.0

A step against the gradient therefore makes g smaller, and nothing else is what learning is:

>>> x, y, z = [float(node.value - 0.1 * node.grad) for node in (x, y, z)]
>>> round(f(x, y, z), 2)
-15.64
"""

from scratch import Node


def main() -> None:
    """Print and check the published values and derivatives, a small change, and a step."""
    x, y, z = Node(1), Node(3), Node(-3)
    p = x + y
    g = p * z
    g.backward()
    for name, node in {"x": x, "y": y, "z": z, "p": p, "g": g}.items():
        print(f"{name} = {node.value:3.0f}   dg/d{name} = {node.grad:2.0f}")
    nudged = (1.001 + 3) * -3
    slope = (nudged - -12) / 0.001
    print(f"at x = 1.001, g = {nudged:.3f}: ({nudged:.3f} - -12) / 0.001 = {slope:.1f}")
    a, b, c = (float(node.value - 0.1 * node.grad) for node in (x, y, z))
    less = (a + b) * c
    print(f"after a step against the gradient, g = ({a:.1f} + {b:.1f}) * {c:.1f} = {less:.2f}")
    assert (p.value, g.value) == (4, -12)
    assert [node.grad for node in (p, z, x, y)] == [-3, 4, -3, -3]
    assert round(slope, 6) == -3
    assert round(less, 2) == -15.64


if __name__ == "__main__":
    main()
