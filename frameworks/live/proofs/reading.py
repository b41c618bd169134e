"""How a sequence may be read otherwise: rows for steps, or one direction at its wrong end."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from frameworks.live.pairs import joined
from frameworks.live.proofs.cause import Cause, Proof, equal_within, same_numbers
from frameworks.live.proofs.layer_side import LayerSide
from frameworks.live.proofs.sentences import both

__all__ = ["prove_directions", "prove_rows_for_steps"]

Equal = Callable[[LayerSide, np.ndarray | None], bool]


def prove_rows_for_steps(odd: LayerSide, even: LayerSide) -> Proof | None:
    """Prove that what follows a layer takes its steps first, (t, n, d), on one side alone.

    The trace shows the output as the next layers take it: turned against what the layer computes.
    """
    computed, seen = odd.computed(odd.layer.facts), odd.output
    if computed is None or computed.ndim < 3 or computed.shape == seen.shape:
        return None
    turned = computed.swapaxes(0, 1)
    if turned.shape != seen.shape or not equal_within(turned, seen, 1.0, odd.trace.dtype):
        return None
    sentence = (
        f"in {odd.name} the layers after {odd.place} take the steps first, (t, n, d), "
        f"in {even.name} those after {even.place} the rows, (n, t, d)"
    )
    return Proof([Cause(sentence, odd.place, odd=odd.name)], odd=odd.name)


def prove_directions(a: LayerSide, b: LayerSide, equal: Equal) -> Proof:
    """Prove that one side takes what each direction has read last, the other its last step.

    At the last step of the sequence the backward direction has read one step only.
    """
    for whole, last in ((a, b), (b, a)):
        sequence, state = whole.output, last.output
        both_ways = {side.layer.facts.kind for side in (a, b)} == {"bidirectional"}
        if not both_ways or sequence.ndim != 3 or state.shape != sequence[:, 0].shape:
            continue
        half = sequence.shape[-1] // 2
        ends = np.concatenate([sequence[:, -1, :half], sequence[:, 0, half:]], axis=1)
        if not equal(last, ends) or not _is_given(whole, sequence[:, -1]):
            continue
        words = {
            last.name: f"takes the last state of both directions of {last.place}",
            whole.name: f"takes the last step of {whole.place}, where the backward direction has "
            "read one step",
        }
        sentence = both((a.name, b.name), words[a.name], words[b.name])
        return Proof([Cause(sentence, joined(a.place, b.place), ("direction",))])
    return Proof()


def _is_given(side: LayerSide, x: np.ndarray) -> bool:
    """Return whether a layer after a side's is given just this."""
    after = (replace(side, position=k) for k in range(side.position + 1, len(side.trace.layers)))
    return any(same_numbers(z, x) for each in after for z in each.inputs)
