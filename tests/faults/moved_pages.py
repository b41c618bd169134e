"""The pages of transfer, regularisation and autoencoder with few rows and narrow layers."""

from dataclasses import replace
from functools import lru_cache

from datasets import Dataset
from experiments import autoencoder, regularisation, transfer

from .pages import page

ROWS, TESTED = 70, 20
SMALL = {"epochs": 2, "batch_size": 30}


@lru_cache
def few(load):
    """Return a page's `load`, of the first rows of the stand-in only."""

    def load_few(policy="stand-in", data_dir=None) -> Dataset:
        data = load("stand-in")
        X, Z = data.X_train[:ROWS].copy(), data.X_test[:TESTED].copy()
        y, t = data.y_train[:ROWS].copy(), data.y_test[:TESTED].copy()
        if data.y_train is data.X_train:
            y, t = X, Z
        return replace(data, X_train=X, y_train=y, X_test=Z, y_test=t)

    return load_few


def low_digits(policy, data_dir=None) -> Dataset:
    return transfer.low_digits(transfer.load(policy, data_dir), {})


def small(name, module, spec, load):
    """Return the page with another spec, built by scratch and PyTorch, without phases."""

    def scratch(spec=spec):
        return module.build_scratch(spec)

    def pytorch(spec=spec):
        return module.build_pytorch(spec)

    made = page(name, spec, load=few(load), scratch=scratch, pytorch=pytorch)
    return replace(made, task=module.EXPERIMENT.task)


frozen = small("frozen", transfer, replace(transfer.FROZEN, hidden=(2, 3, 8), **SMALL), low_digits)
images = small(
    "codes", autoencoder, replace(autoencoder.SPEC, hidden=(6,), **SMALL), autoencoder.load
)
shifts = small(
    "shifts",
    regularisation,
    replace(regularisation.SPEC, hidden=(8,), pixels=1, **SMALL),
    regularisation.load,
)
dropped = small(
    "dropped",
    regularisation,
    replace(regularisation.SPEC, hidden=(8,), drop_inputs=0.25, drop_hidden=0.5, **SMALL),
    regularisation.load,
)
