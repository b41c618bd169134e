"""Why two layers that drop nothing here differ: they say other rates."""

from frameworks.live.correspondence import place_of
from frameworks.live.pairs import Compared, Pair
from frameworks.live.proofs.cause import Cause, Proof
from frameworks.live.proofs.sentences import advice, both, phrase
from frameworks.live.tracing import Change

__all__ = ["prove_dropping"]


def prove_dropping(pair: Pair, found: Compared) -> Proof:
    """Return the rates that both sides state: no numbers show them where nothing is dropped."""
    i, j = found.layers
    name = (found.key[0],)
    if i is None or j is None:
        return Proof([Cause(_alone(pair, found), found.place, name)])
    x, y = pair.a.layers[i], pair.b.layers[j]
    places = place_of(pair.a.layers, i), place_of(pair.b.layers, j)
    said = [phrase(each.facts, name, place) for each, place in zip((x, y), places, strict=True)]
    return Proof(
        [
            Cause(
                both(pair.names, said[0], said[1]),
                found.place,
                name,
                remedy=(Change(y.path, name[0], x.facts.values.get(name[0])),),
                advice=advice(pair.names[1], places[1], y.facts, x.facts, name),
            )
        ]
    )


def _alone(pair: Pair, found: Compared) -> str:
    """Say what noise one side has, in a layer that the other has not."""
    side, position = (1, found.layers[1]) if found.layers[0] is None else (0, found.layers[0])
    assert position is not None
    facts = (pair.a, pair.b)[side].layers[position].facts
    own, none = phrase(facts, (found.key[0],), found.place), "has no such layer"
    return both(pair.names, *((own, none) if side == 0 else (none, own)))
