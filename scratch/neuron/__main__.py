"""Five neurons learn a circle: run it as `python -m scratch.neuron`.

The task is to say of 121 points on a grid which of them lie inside the unit circle. No straight
line separates the 21 that do from the others; four hidden neurons and one output neuron can.
"""

import random

from scratch.neuron.neuron import NeuronNetwork

GRID = [i / 2.5 for i in range(-5, 6)]  # -2, -1.6 ... 2
POINTS = [[x, y] for y in GRID for x in GRID]
INSIDE = [[float(x * x + y * y < 1)] for x, y in POINTS]


def count_right(outputs: list[list[float]]) -> int:
    """Return how many of the points are on the side that the outputs say."""
    return sum((a > 0.5) == inside for (a,), (inside,) in zip(outputs, INSIDE, strict=True))


def draw(network: NeuronNetwork) -> str:
    """Return the grid, with a # where the network says "inside"."""
    rows = [network.predict([[x, y] for x in GRID]) for y in reversed(GRID)]
    return "\n".join(" ".join("#" if a > 0.5 else "." for (a,) in row) for row in rows)


def main(steps: int = 2_000) -> None:
    """Train; print the loss and the number of right answers before some steps, then a map."""
    network = NeuronNetwork.draw(random.Random(0), [2, 4, 1])
    print(f"{len(POINTS)} points, {sum(a == [1.0] for a in INSIDE)} of them inside the circle")
    print(f"{'step':>5}    loss  right")
    for step in range(1, steps + 1):
        loss, outputs = network.step(POINTS, INSIDE, learning_rate=10.0)
        if step == 1 or step % 200 == 0:
            print(f"{step:5}  {loss:.4f}  {count_right(outputs):5}")
    print(f"\nWhat the network says is inside, after {steps:,} steps:\n\n{draw(network)}")


if __name__ == "__main__":
    main()
