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
    assert i is not None
    assert j is not None
    name = (found.key[0],)
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
