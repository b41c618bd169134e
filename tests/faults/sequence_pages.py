"""The networks of `tests/frameworks/sequences.py` as pages, and one of words alone."""

from dataclasses import replace

from datasets import Classes, Dataset
from datasets.dataset import digest_arrays
from frameworks import Parts
from frameworks.default_network import DenseSpec

from ..frameworks.sequences import (
    BUILDERS,
    NUMBERS,
    WORDS,
    E,
    K,
    T,
    V,
    data,
    drawn,
    pytorch_optimizer,
    scratch_optimizer,
)
from .pages import page

TESTED = 6  # of the rows


def loading(network):
    """Return a page's `load`: the rows of a network, of which the last are for testing."""
    X, y = data(network)
    parts = X[:-TESTED], y[:-TESTED], X[-TESTED:], y[-TESTED:]
    names = "X_train", "y_train", "X_test", "y_test"

    def load(policy="stand-in", data_dir=None) -> Dataset:
        return Dataset(
            name=network,
            source="stand-in",
            sha256=digest_arrays(*parts),
            canonical=True,
            origin="drawn",
            note="",
            **{name: a.copy() for name, a in zip(names, parts, strict=True)},
            feature_names=tuple(map(str, range(X.shape[1]))),
            targets=Classes(tuple("012"[:K])),
        )

    return load


def sequence_page(network, spec):
    """Return a page with the builders of scratch and PyTorch, trained in batches of 5.

    Gradient descent stands for Adam, which makes steps of the rounding of a gradient that is 0, as
    that of the keys' biases.
    """
    spec = replace(spec, epochs=2, batch_size=5)
    built = BUILDERS[network]

    def scratch(spec=spec):
        from scratch import SGD

        return built["ScratchClassifier"](spec)._replace(optimizer=SGD(spec.learning_rate))

    def pytorch(spec=spec):
        from torch.optim import SGD

        parts = built["PyTorchClassifier"](spec)
        return parts._replace(optimizer=SGD(parts.network.parameters(), lr=spec.learning_rate))

    rows = loading("words" if network == "words" else "numbers")
    return page(f"sequence_{network}", spec, load=rows, scratch=scratch, pytorch=pytorch)


words = sequence_page("words", WORDS)
gru = sequence_page("gru", NUMBERS)
both = sequence_page("both", NUMBERS)
transformer = sequence_page("transformer", NUMBERS)

# --- words without a recurrent layer: all their vectors in one row ---

BAG = replace(WORDS, epochs=2, batch_size=5)
BAG_WEIGHTS = drawn((V, E), (T * E, K), (K,))


def scratch_bag(spec: DenseSpec = BAG) -> Parts:
    from scratch import CategoricalCrossEntropy, Dense, Embedding, Flatten, Sequential

    network = Sequential(Embedding(V, E), Flatten(), Dense(T * E, spec.outputs))
    return Parts(network, CategoricalCrossEntropy(), scratch_optimizer(spec), BAG_WEIGHTS)


def pytorch_bag(spec: DenseSpec = BAG) -> Parts:
    import torch
    from torch import nn

    class Words(nn.Module):
        def forward(self, X: torch.Tensor) -> torch.Tensor:
            return X.long()

    network = nn.Sequential(
        Words(), nn.Embedding(V, E), nn.Flatten(), nn.Linear(T * E, spec.outputs)
    )
    optimizer = pytorch_optimizer(spec, network)
    return Parts(network, nn.CrossEntropyLoss(), optimizer, BAG_WEIGHTS)


bag = page("bag", BAG, load=loading("words"), scratch=scratch_bag, pytorch=pytorch_bag)
