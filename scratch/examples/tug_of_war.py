"""Two learners against each other: why does the training of a GAN go round in circles?

The smallest adversarial network there is: all samples are 0, the generator makes one number θ, and
the discriminator is D(x) = ψ x, a logit. With f(t) = −log(1 + e^−t), the discriminator climbs

    V(θ, ψ) = f(ψ θ) + f(0)

and the generator descends it. At θ = ψ = 0 nothing can be told apart. Does gradient descent get
there, in steps of h? Near that point f′ = ½, so that a step of both at once is a matrix,

    (θ, ψ) ← [[1, −h/2], [h/2, 1]] (θ, ψ),

whose eigenvalues 1 ± i h/2 have the modulus √(1 + h²/4): they walk away from the solution, if
slowly, and for every h. In 1,000 steps of h = 0.1 the distance grows 3.48490261331832-fold:

>>> start = (1e-6, 1e-6)
>>> round(distance(play(simultaneous, start, 1_000)) / distance(start), 9)
3.484902613
>>> round(math.sqrt(1 + H**2 / 4) ** 1_000, 9)
3.484902613

If the generator answers the discriminator's new step, instead of its old one, the eigenvalues have
modulus 1: round and round, neither nearer nor farther. (On an ellipse, hence the two radii.)

>>> radii = [distance(play(alternating, start, k)) / distance(start) for k in range(1_000)]
>>> round(min(radii), 3), round(max(radii), 3)
(1.0, 1.025)

A penalty on the discriminator's slope at the samples, γ/2 ψ² (R1), brings them home: with γ = ½ the
modulus is √(1 − h γ + h²/4) = 0.975961, and 1,000 steps leave 2.6e-11 of the distance.

>>> round(distance(play(penalised, start, 1_000)) / distance(start) * 1e11, 1)
2.6
>>> round(math.sqrt(1 - H * GAMMA + H**2 / 4), 6)
0.975961

Adam hides this: the experiment `gan` alternates, and ends where its losses say that it should.
Source: Mescheder, Geiger and Nowozin, "Which training methods for GANs do actually converge?",
ICML 2018, whose Dirac-GAN this is; the eigenvalues are derived here.
"""

import math
from collections.abc import Callable

__all__ = ["alternating", "distance", "penalised", "play", "simultaneous"]

H, GAMMA = 0.1, 0.5

Players = tuple[float, float]  # θ and ψ


def slope(t: float) -> float:
    """Return f′(t) = 1/(1 + eᵗ)."""
    return 1 / (1 + math.exp(t))


def simultaneous(theta: float, psi: float) -> Players:
    """Both take a step from where the other is: ∂V/∂θ = ψ f′(ψθ), ∂V/∂ψ = θ f′(ψθ)."""
    pull = slope(theta * psi)
    return theta - H * psi * pull, psi + H * theta * pull


def alternating(theta: float, psi: float) -> Players:
    """The discriminator takes a step, and the generator answers it."""
    psi = psi + H * theta * slope(theta * psi)
    return theta - H * psi * slope(theta * psi), psi


def penalised(theta: float, psi: float) -> Players:
    """Both at once, and the discriminator pays γ/2 ψ²."""
    theta_new, psi_new = simultaneous(theta, psi)
    return theta_new, psi_new - H * GAMMA * psi


def play(step: Callable[[float, float], Players], start: Players, steps: int) -> Players:
    """Return where the two are after some steps."""
    players = start
    for _ in range(steps):
        players = step(*players)
    return players


def distance(players: Players) -> float:
    """Return √(θ² + ψ²), the distance from the solution."""
    return math.hypot(*players)


def main() -> None:
    """Print the moduli of the eigenvalues, and the distance after steps of each kind."""
    start = (1e-6, 1e-6)
    grows, shrinks = math.sqrt(1 + H**2 / 4), math.sqrt(1 - H * GAMMA + H**2 / 4)
    print(f"|eigenvalue|  {grows:12.6f}  {1:11.6f}  {shrinks:9.6f}")
    print("steps  simultaneous  alternating  penalised")
    for steps in (0, 10, 100, 1_000):
        kinds = (simultaneous, alternating, penalised)
        reached = [distance(play(kind, start, steps)) / distance(start) for kind in kinds]
        print(f"{steps:5}  {reached[0]:12.6f}  {reached[1]:11.6f}  {reached[2]:9.2e}")
    grown = distance(play(simultaneous, start, 1_000)) / distance(start)
    assert math.isclose(grown, grows**1_000, rel_tol=1e-9)  # terms of θ² = 1e-12, a thousand times


if __name__ == "__main__":
    main()
