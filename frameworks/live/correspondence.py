"""What corresponds in two models: layers, weights and states, by their positions."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from frameworks.recordings.trace import LayerTrace, Trace, Weight

__all__ = ["Matching", "Network", "WeightPair", "names_in", "place_of"]


@dataclass(frozen=True)
class Network:
    """What is matched: the layers of a model, its weights and states."""

    name: str  # of the framework, or what the user calls this side
    layers: Sequence[LayerTrace]
    weights: Sequence[Weight]
    states: Sequence[Weight]

    @classmethod
    def of(cls, name: str, trace: Trace) -> "Network":
        """Return the network of a trace."""
        return cls(name, trace.layers, trace.weights, trace.states)


@dataclass(frozen=True)
class WeightPair:
    """Weights that correspond: one on each side, or one and the two whose sum it is."""

    a: tuple[int, ...]
    b: tuple[int, ...]


@dataclass
class Matching:
    """The positions of layers, weights and states that correspond, in the order of side a."""

    layers: list[tuple[int, int]] = field(default_factory=list)
    weights: list[WeightPair] = field(default_factory=list)
    states: list[tuple[int, int]] = field(default_factory=list)
    # Layers without a counterpart, of each side.
    only: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    notes: list[str] = field(default_factory=list)

    @property
    def swapped(self) -> "Matching":
        """The same with the sides swapped."""
        return Matching(
            [(j, i) for i, j in self.layers],
            [WeightPair(pair.b, pair.a) for pair in self.weights],
            [(j, i) for i, j in self.states],
            (self.only[1], self.only[0]),
            self.notes,
        )

    def own(self, side: int) -> "Matching":
        """Return the matching of one side with itself, pair by pair in the same order."""
        return Matching(
            [(pair[side], pair[side]) for pair in self.layers],
            [WeightPair(*((pair.a, pair.b)[side],) * 2) for pair in self.weights],
            [(pair[side], pair[side]) for pair in self.states],
            self.only,
        )


def place_of(layers: Sequence[LayerTrace], position: int) -> str:
    """Return the name of a layer: its path, or the kind of a function and what it comes after.

    A path that is a number, as in `nn.Sequential`, is called a layer: "layer 3".
    """
    layer = layers[position]
    if layer.path:
        return _called(layer.path)
    before = next((each.path for each in reversed(layers[:position]) if each.path), "")
    return f"{layer.facts.kind} after {_called(before)}" if before else layer.facts.kind


def names_in(place: str) -> set[str]:
    """Return all names by which a place may be asked for: both sides', with or without "layer"."""
    names = place.split(" / ")
    return {*names, *(name.removeprefix("layer ") for name in names)}


def _called(path: str) -> str:
    return f"layer {path}" if path.replace(".", "").isdigit() else path
