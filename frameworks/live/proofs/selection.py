"""Why a layer may be given other numbers: another step of a sequence is taken."""

import numpy as np

from frameworks.live.correspondence import place_of
from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import Cause, Proof
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.sentences import both

__all__ = ["prove_selection"]

_SAME = 1e-12  # relative: the same numbers, but for what rounds before


def prove_selection(a: LayerSide, b: LayerSide) -> Proof:
    """Prove that the two sides take different steps (n, d) of a sequence (n, t, d)."""
    ours, theirs = _step_taken(a), _step_taken(b)
    if ours is None or theirs is None or ours[1] == theirs[1]:
        return Proof()
    said = [f"takes {words} of {layer} for {side.place}"
            for side, (layer, words) in ((a, ours), (b, theirs))]  # fmt: skip
    sentence = both((a.name, b.name), said[0], said[1])
    return Proof([Cause(sentence, joined(a.place, b.place), ("step",))])


def _step_taken(side: LayerSide) -> tuple[str, str] | None:
    """Return of which layer's sequence the layer is given a step, and which; None if of none."""
    if len(side.inputs) != 1 or side.inputs[0].ndim != 2:
        return None
    x, layers = side.inputs[0], side.trace.layers
    for k in reversed(range(side.position)):
        output = layers[k].training_output if side.training else layers[k].output
        if output is None or layers[k].rearranges:
            continue
        if _same(output, x):  # a recurrent layer that returns its last step alone
            return place_of(layers, k), "the last step"
        if output.ndim == 3 and output.shape[::2] == x.shape:
            count = output.shape[1]
            steps = [t for t in range(count) if _same(output[:, t], x)]
            if len(steps) == 1:
                last = steps[0] == count - 1
                return place_of(layers, k), "the last step" if last else f"step {steps[0] + 1}"
    return None


def _same(x: np.ndarray, y: np.ndarray) -> bool:
    if x.shape != y.shape:
        return False
    return float(np.abs(x - y).max(initial=0)) <= _SAME * float(np.abs(y).max(initial=0))
