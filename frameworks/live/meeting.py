"""Two sides before they train: their networks, what corresponds, and the start that they share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from frameworks.draws import step_masks
from frameworks.live.correspondence import Matching, Network
from frameworks.live.dealing import Dropping, Hand, deal
from frameworks.live.loops import as_one, rolled
from frameworks.live.model import LiveModel
from frameworks.live.pairs import joined
from frameworks.live.request import Request
from frameworks.live.settling import settle
from frameworks.live.side_by_side import parts_of
from frameworks.live.tracing import LiveSide
from frameworks.live.weight_matching import copied, hand_over
from frameworks.recordings import check_same_data
from frameworks.recordings.trace import Arrays, LayerTrace, Trace

__all__ = ["Meeting", "Side"]

Side = LiveSide | Trace

_ALIKE = {"float64": 1e-9, "float32": 1e-4}  # relative: layers that read the same, but for rounding

Both = tuple[Sequence[np.ndarray], Sequence[np.ndarray]]  # arrays of each side


@dataclass
class Meeting:
    """Two sides, live or recorded, and how they are to be compared.

    RequestError for a live side that has other data than a recorded one.
    """

    sides: tuple[Side, Side]
    names: tuple[str, str]
    request: Request

    def __post_init__(self) -> None:
        """Open the live sides once, to see how they run."""
        found = [self._open(*each) for each in zip(self.sides, self.names, strict=True)]
        self._models = [model for model, _ in found]
        self.reordered: list[Mapping[str, np.ndarray]] = [
            {} if model is None else model.reordered for model in self._models
        ]
        self.reorders = any(model is not None and model.reorders for model in self._models)
        self._turned = [() if model is None else model.turned for model in self._models]
        whole, named = (found[0][1], found[1][1]), self.request.mapping or {}
        self.parts = parts_of(*whole, {*named, *named.values()})
        a, b = (parts.network(x) for parts, x in zip(self.parts, whole, strict=True))
        self._every_call = a, b
        self.notes = [*self.parts[0].note(whole[0], b.name), *self.parts[1].note(whole[1], a.name)]
        self._calls = rolled(*self._every_call), rolled(*self._every_call[::-1])
        a, b = (replace(x, layers=as_one(x.layers, calls))
                for x, calls in zip(self._every_call, self._calls, strict=True))  # fmt: skip
        self.networks = a, b

    def _open(self, side: Side, name: str) -> tuple[LiveModel | None, Network]:
        if isinstance(side, Trace):
            return None, Network.of(name, side)
        model = side.open(self.request.dtype)
        for recorded in (other for other in self.sides if isinstance(other, Trace)):
            check_same_data(recorded, side.digests(model))
        layers, outputs = _run(side, model)
        stated = model.loss_facts, *model.optimizer_facts, *filter(None, [model.schedule_facts])
        return model, Network(name, layers, model.weights(), model.states(), stated, outputs)

    @property
    def source(self) -> str | None:
        """The side whose weights both start from: "a", "b", or None if each has its own."""
        recorded = [isinstance(side, Trace) for side in self.sides]
        if self.request.weights is None or all(recorded):
            return None
        return ("b" if recorded[1] else "a") if any(recorded) else self.request.weights

    @cached_property
    def matching(self) -> Matching:
        """What corresponds."""
        dtypes = [side.dtype for side in self.sides if isinstance(side, Trace)]
        alike = max(_ALIKE[dtype] for dtype in (self.request.dtype, *dtypes))
        keeps = self.source is None
        return settle(self.networks, self.request.mapping, self._look, alike, keeps)

    def note_on_order(self) -> list[str]:
        """Say which kernels two sides have in different orders of flattened images.

        Those of two frameworks are by rights: of them only what exchanges axes before is said.
        """
        if None in self._models:
            return []
        a, b = self.networks
        places = []
        for pair in self.matching.weights:
            ours, theirs = a.weights[pair.a[0]].name, b.weights[pair.b[0]].name
            if self._are_flattened_otherwise(ours, theirs):
                places.append(joined(ours, theirs))
        if not places:
            return []
        return [
            f"images are flattened in different orders: the rows of {', '.join(places)} correspond "
            "by what they multiply, not by their numbers"
        ]

    def _are_flattened_otherwise(self, ours: str, theirs: str) -> bool:
        if len({side.kind for side in self.sides if isinstance(side, LiveSide)}) > 1:
            return ours in self._turned[0] or theirs in self._turned[1]
        features = self.reordered[0].get(ours, 0), self.reordered[1].get(theirs, 0)
        return not np.array_equal(*features)

    def _look(self, matching: Matching) -> tuple[Network, Network]:
        """Return both networks as they run once the weights of what corresponds are shared."""
        found, source = list(self.networks), self.source
        if source is None:
            return self.networks
        k = 1 if source == "a" else 0
        side, model = self.sides[k], self._models[k]
        assert isinstance(side, LiveSide), "a recording keeps its weights"
        assert model is not None
        weights, states = self._shared(matching)
        model.set_weights(self.parts[k].together(weights[k]))
        model.set_states(states[k])
        layers, outputs = _run(side, model)
        layers = as_one(self.parts[k].layers(layers), self._calls[k])
        found[k] = replace(found[k], layers=layers, outputs=outputs)
        return found[0], found[1]

    def _shared(self, matching: Matching) -> tuple[Both, Both]:
        """Return the weights and the states of both sides, one's handed over to the other."""
        a, b = self.networks
        weights = [[each.values for each in x.weights] for x in (a, b)]
        states = [[each.values for each in x.states] for x in (a, b)]
        if self.source == "a":
            weights[1] = hand_over(matching, *weights)
            states[1] = copied(matching.states, *states)
        elif self.source == "b":
            back = matching.swapped
            weights[0] = hand_over(back, *weights[::-1])
            states[0] = copied(back.states, *states[::-1])
        return (weights[0], weights[1]), (states[0], states[1])

    def as_compared(self, trace: Trace) -> Trace:
        """Return a recorded side with each of its loops as one call, and its parts as layers."""
        k = int(trace is not self.sides[0])
        parts, calls = self.parts[k], self._calls[k]
        return replace(parts.trace(trace), layers=as_one(parts.layers(trace.layers), calls))

    def start(self) -> None:
        """Give the live sides the weights, states and masks that they are to start with."""
        weights, states = self._shared(self.matching)
        dealt = self._dealt()
        for k, side in enumerate(self.sides):
            if isinstance(side, LiveSide):
                side.weights = self.parts[k].together(weights[k])
                side.states, side.calls, side.parts = states[k], self._calls[k], self.parts[k]
                side.dealt = dealt[k]
        self._models = [None, None]  # what was opened to look has served its turn

    def _dealt(self) -> tuple[Hand, Hand]:
        """Return the masks that calls of dropout take; a recorded side took its own, in order."""
        sides = zip(self._every_call, self._calls, self.sides, self._models, strict=True)
        a, b = (
            Dropping(x.layers, calls, model.dropped(side.rows(0)))
            if isinstance(side, LiveSide) and model is not None
            else Dropping.stated(x.layers, calls)
            for x, calls, side, model in sides
        )
        if isinstance(self.sides[1], Trace):
            theirs, ours = deal(b, a, self.matching.swapped.layers)
            return ours, theirs
        return deal(a, b, self.matching.layers)


def _run(side: LiveSide, model: LiveModel) -> tuple[list[LayerTrace], Arrays]:
    """Run the first rows, in training with masks of dropout, and return the layers and outputs."""
    rows = side.rows(0)
    masks = step_masks(0, 0, len(rows.X[0]), model.dropped(rows), model.dtype)
    model.hand_masks(masks or None)
    try:
        return model.trace_layers(rows)
    finally:
        model.hand_masks(None)
