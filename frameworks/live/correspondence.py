"""What corresponds in two models: layers, weights and states, by their positions."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from frameworks.errors import choose
from frameworks.live.wording import spoken
from frameworks.recordings.trace import Arrays, Facts, LayerTrace, Trace, Weight

__all__ = ["Branches", "Matching", "Network", "WeightPair", "check_ignored", "names_in", "place_of"]


@dataclass(frozen=True)
class Network:
    """What is matched: the layers of a model, its weights and states."""

    name: str  # of the framework, or what the user calls this side
    layers: Sequence[LayerTrace]
    weights: Sequence[Weight]
    states: Sequence[Weight]
    stated: Sequence[Facts] = ()  # of the loss, the optimizer and the schedule
    outputs: Arrays = ()  # in evaluation mode

    @classmethod
    def of(cls, name: str, trace: Trace) -> "Network":
        """Return the network of a trace."""
        stated = [trace.loss, *trace.optimizer, *filter(None, [trace.schedule])]
        return cls(name, trace.layers, trace.weights, trace.states, stated, trace.outputs)


@dataclass(frozen=True)
class WeightPair:
    """Weights that correspond: one on each side, or one and the two whose sum it is."""

    a: tuple[int, ...]
    b: tuple[int, ...]


Branches = tuple[list[int], list[int]]  # layers of both sides that read the same numbers


@dataclass
class Matching:
    """The positions of layers, weights and states that correspond, in the order of side a."""

    layers: list[tuple[int, int]] = field(default_factory=list)
    weights: list[WeightPair] = field(default_factory=list)
    states: list[tuple[int, int]] = field(default_factory=list)
    # Layers without a counterpart, of each side.
    only: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))
    notes: list[str] = field(default_factory=list)
    # Layers of both sides that the order of running alone tells apart, group by group; those that
    # were told apart by what follows from them, though not all that follows is the same.
    guessed: list[Branches] = field(default_factory=list)
    likely: list[Branches] = field(default_factory=list)
    by_order: bool = False  # whether weights of equal shapes correspond by that order alone

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


def check_ignored(names: Iterable[str], networks: Iterable[Network]) -> None:
    """RequestError for a name by which nothing of any network is asked for."""
    known = dict.fromkeys(name for network in networks for name in _known(network))
    for name in names:
        if not name.startswith("optimizer, groups "):
            choose("name in ignore", name, known)


def _known(network: Network) -> list[str]:
    """Return the names of layers, weights and states, of parts of the training, and of settings."""
    layers = network.layers
    places = [layer.path for layer in layers] + [place_of(layers, k) for k in range(len(layers))]
    places += [each.name for each in (*network.weights, *network.states)]
    facts = [*(layer.facts for layer in layers), *network.stated]
    settings = [name for each in facts for name in each.values]
    found = [name for place in places if place for name in sorted(names_in(place))]
    parts = ["inputs", "targets", "outputs", "loss", "optimizer", "schedule", "kind"]
    return list(dict.fromkeys([*found, *parts, *settings, *map(spoken, settings)]))


def _called(path: str) -> str:
    return f"layer {path}" if path.replace(".", "").isdigit() else path
