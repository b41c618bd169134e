"""What is timed side by side: the implementations of this suite, and their peers."""

from collections.abc import Sequence
from dataclasses import dataclass

from frameworks.backend import Backend, Peer
from frameworks.backends import BACKENDS
from frameworks.errors import choose

__all__ = ["VARIANTS", "Variant", "choose_variants"]


@dataclass(frozen=True)
class Variant:
    """One way to train an experiment.

    An implementation is timed by `fit`, and its loop is what `fit` is held against; of a peer the
    loop itself is timed.
    """

    backend: Backend  # whose builder it takes, and in whose worker it runs
    peer: Peer
    is_fit: bool = False

    @property
    def name(self) -> str:
        """The name by which it is asked for."""
        return self.peer.name

    @property
    def process(self) -> str:
        """The name of the worker that times it: others of that name share the process."""
        return self.peer.family if self.peer.variables else self.backend.name

    def missing(self) -> str | None:
        """Return what is to be told if a package is not installed."""
        return self.backend.missing() or self.peer.missing()

    @property
    def family(self) -> str:
        """Of which the fastest is named in the headline."""
        return self.peer.family or self.backend.title


def _variants() -> list[Variant]:
    """Return all that there are; last those whose loss proves nothing."""
    found = []
    for backend in BACKENDS.values():
        if backend.loop:
            fit = Peer(backend.name, backend.loop, "`fit` of the shared interface")
            found.append(Variant(backend, fit, is_fit=True))
            found += [Variant(backend, peer) for peer in backend.peers]
    return sorted(found, key=lambda each: each.peer.own_draws)


VARIANTS = {variant.name: variant for variant in _variants()}


def choose_variants(names: Sequence[str]) -> list[Variant]:
    """Return those that were named, in their own order, or the default ones.

    Raises RequestError for a name that is not known.
    """
    asked = {choose("implementation", name, VARIANTS) for name in names}
    return [v for v in VARIANTS.values() if v.name in asked or (v.backend.timed and not names)]
