"""The options of `make faults`: the type, how many clean seeds, and where the table goes."""

from pathlib import Path

import pytest

from .catalogue import CATALOGUE
from .fault import SEVERAL
from .publish import to_markdown

SEEDS = 3  # in `make test`


def pytest_addoption(parser):
    parser.addoption("--faults-table", metavar="FILE", help="write what was caught to FILE")
    parser.addoption("--faults-dtype", choices=("float64", "float32"), default="float64")
    parser.addoption("--clean-seeds", type=int, default=SEEDS, help="look for false alarms on N")


def pytest_collection_modifyitems(config, items):
    """Keep a fixed sample of the faults, unless `make faults` or the command line names them."""
    if config.getoption("--faults-table", None) or config.getoption("keyword"):
        return
    sample = CATALOGUE[::SEVERAL]
    left_out = [
        item
        for item in items
        if "fault" in getattr(item, "fixturenames", ())
        and getattr(item, "callspec", None) is not None
        and item.callspec.params.get("fault") not in (None, *sample)
    ]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture(scope="session")
def clean_seeds(request):
    return range(request.config.getoption("--clean-seeds", SEEDS))


@pytest.fixture(scope="session")
def dtype(request):
    """The type that all faults are planted in; a few are planted in float32 in any case."""
    return request.config.getoption("--faults-dtype", "float64")


@pytest.fixture(scope="session")
def published(request, dtype):
    """Collect what became of each fault, and what was a false alarm; write it if asked to."""
    outcomes = {"faults": [], "clean": []}
    yield outcomes
    if path := request.config.getoption("--faults-table", None):
        Path(path).write_text(to_markdown(dtype, **outcomes), encoding="utf-8")
