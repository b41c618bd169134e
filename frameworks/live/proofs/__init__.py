"""Why two trainings differ: causes that are proven on their numbers, or not named.

`prove` takes two traces with what corresponds, and the first comparison that differs. If both sides
follow from what they say of themselves, by scratch and by the optimizers' rules, then the cause is
the smallest set of settings whose exchange turns one side's numbers into the other's. If only one
does, the other is the odd one, and mistakes that people make are tried on it; one is named if it
alone explains everything.
"""

from frameworks.live.pairs import KEPT, Compared, Pair
from frameworks.live.proofs.cause import Cause, Proof
from frameworks.live.proofs.dropping import prove_dropping
from frameworks.live.proofs.ending import prove_ending
from frameworks.live.proofs.gradients import prove_gradient, prove_waiting
from frameworks.live.proofs.held import prove_held, prove_uncleared
from frameworks.live.proofs.layers import prove_layer
from frameworks.live.proofs.losses import prove_loss, prove_outputs
from frameworks.live.proofs.results import prove_result
from frameworks.live.proofs.steps import prove_steps
from frameworks.live.silent import PLACE, SILENT

__all__ = ["Cause", "Proof", "prove"]


def prove(pair: Pair, level: str, found: Compared) -> Proof:
    """Return the proven causes of the first difference, found at this level."""
    if level == "forward" and found.key[0] in SILENT:
        return prove_dropping(pair, found)
    if level == "forward" and found.key[0] == PLACE:
        return Proof()  # the place says it
    if level == "forward":
        if found.layers[0] is not None:
            return prove_layer(pair, found)
        proof = prove_outputs(pair)
        return proof if proof.causes else prove_ending(pair)
    if level == "loss":
        return prove_loss(pair, found)
    if level == "gradient":
        return prove_gradient(pair, found)
    if level in ("step", "trajectory"):
        return _of_steps(pair)
    if level == "result" and found.key[0].startswith(KEPT):
        return Proof()  # all else agrees
    if level == "result":
        return prove_result(pair, found)
    return Proof()


def _of_steps(pair: Pair) -> Proof:
    """Return the first proof that finds a cause; else the last that knows who is odd."""
    proofs = [prove(pair) for prove in (prove_held, prove_steps, prove_uncleared, prove_waiting)]
    named = (proof for proof in proofs if proof.causes)
    return next(named, next((proof for proof in proofs if proof.odd), Proof()))
