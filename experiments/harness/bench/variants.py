"""What is timed side by side: the implementations of this suite, and their peers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from frameworks.errors import choose
from frameworks.keras.peers import KerasLoop
from frameworks.peers import MakeLoop
from frameworks.pytorch.peers import PyTorchLoop
from frameworks.scratch.peers import PythonLoop, ScratchLoop
from frameworks.scratch.sklearn_peer import SklearnFit

__all__ = ["VARIANTS", "Variant", "choose_variants"]


@dataclass(frozen=True)
class Variant:
    """One way to train an experiment.

    An implementation is timed by `fit`, and its loop is what `fit` is held against; of a peer the
    loop itself is timed.
    """

    name: str
    family: str  # of which the fastest is named in the headline
    implementation: str  # whose builder it takes, and in whose worker it runs
    loop: MakeLoop
    about: str
    peer: bool = True
    stock_epsilon: bool = False  # Adam adds its ε where PyTorch does
    own_draws: bool = False  # other weights and batches, so that its loss proves nothing
    default: bool = True  # timed unless others are named


_FIT = "`fit` of the shared interface"
VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("scratch", "scratch", "scratch", ScratchLoop, _FIT, peer=False),
        Variant("keras", "Keras", "keras", KerasLoop, _FIT, peer=False),
        Variant("keras-fit", "Keras", "keras", KerasLoop, "`Model.fit`, one execution"),
        Variant("keras-jit", "Keras", "keras", partial(KerasLoop, jit=True), "the same, with XLA"),
        Variant("pytorch", "PyTorch", "pytorch", PyTorchLoop, _FIT, peer=False),
        Variant(
            "pytorch-foreach",
            "PyTorch",
            "pytorch",
            partial(PyTorchLoop, foreach=True, fused=False),
            "a plain loop, `foreach=True`",
            stock_epsilon=True,
        ),
        Variant(
            "pytorch-fused",
            "PyTorch",
            "pytorch",
            partial(PyTorchLoop, fused=True),
            "a plain loop, `fused=True`",
            stock_epsilon=True,
        ),
        Variant(
            "pytorch-compile",
            "PyTorch",
            "pytorch",
            partial(PyTorchLoop, compiled=True, fused=True),
            "the same, with `torch.compile`",
            stock_epsilon=True,
        ),
        Variant(
            "sklearn",
            "scikit-learn",
            "scratch",
            SklearnFit,
            "`MLPClassifier.fit`",
            own_draws=True,
        ),
        Variant("python", "pure Python", "python", PythonLoop, _FIT, peer=False, default=False),
    )
}


def choose_variants(names: Sequence[str]) -> list[Variant]:
    """Return those that were named, in their own order, or the default ones.

    Raises RequestError for a name that is not known.
    """
    asked: Iterable[str] = {choose("implementation", name, VARIANTS) for name in names}
    return [
        each for each in VARIANTS.values() if each.name in asked or (each.default and not names)
    ]
