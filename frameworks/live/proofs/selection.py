"""Why a layer may be given other numbers: another step of a sequence is taken."""

from collections.abc import Sequence
from dataclasses import replace

from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import Cause, Proof, same_numbers
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.sentences import both

__all__ = ["prove_selection"]


def prove_selection(a: LayerSide, b: LayerSide, layers: Sequence[tuple[int, int]]) -> Proof:
    """Prove that the two sides take different steps (n, d) of a sequence (n, t, d).

    The sequence is one of corresponding layers; `layers` are the positions of all these.
    """
    for i, j in reversed([(i, j) for i, j in layers if i < a.position and j < b.position]):
        x, y = replace(a, position=i), replace(b, position=j)
        ours, theirs = _step_taken(a, x, y), _step_taken(b, y, x)
        if ours and theirs and ours != theirs:
            said = [f"takes {words} of {layer.place} for {side.place}"
                    for side, layer, words in ((a, x, ours), (b, y, theirs))]  # fmt: skip
            sentence = both((a.name, b.name), said[0], said[1])
            return Proof([Cause(sentence, joined(a.place, b.place), ("step",))])
    return Proof()


def _step_taken(side: LayerSide, layer: LayerSide, other: LayerSide) -> str:
    """Return which step of a layer's sequence a side is given; "" if none, or if several are.

    A recurrent layer may return one step alone: the sequence is then what the other one returns.
    """
    if len(side.inputs) != 1 or not (layer.returns and other.returns):
        return ""
    x, sequence = side.inputs[0], layer.output
    if same_numbers(sequence, x):
        sequence = other.output
    if sequence.ndim != 3 or sequence.shape[::2] != x.shape:
        return ""
    steps = [t for t in range(sequence.shape[1]) if same_numbers(sequence[:, t], x)]
    if len(steps) != 1:
        return ""
    last = steps[0] == sequence.shape[1] - 1
    return "the last step" if last else f"step {steps[0] + 1}"
