"""From the words of a command to the two sides."""

from datasets import DataError, Dataset, Policy
from experiments.harness.user_pages import find_page
from frameworks.diverge.side import Side
from frameworks.errors import RequestError

__all__ = ["prepare"]

Training = tuple[str, int, int | None, int | None]  # dtype, seed, epochs, limit


def prepare(
    experiment: str,
    between: str,
    training: Training,
    steps: int | None,
    source: tuple[Policy, str | None],
) -> tuple[Side, Side]:
    """Return the two sides; raises RequestError or DataError for what cannot be carried out."""
    names = [name.strip() for name in between.split(",")]
    if len(names) != 2:
        raise RequestError(f"--between takes two names, as in scratch,keras; got {between!r}")
    dtype, seed, epochs, limit = training
    page = find_page(experiment, (names[0], names[1]), dtype)
    data = _load(experiment, page.load, source)
    if steps is not None:
        rows = len(data.X_train[:limit])
        epochs = -(-steps // -(-rows // page.SPEC.batch_size))
    a, b = (Side(page, name, data, dtype, seed, epochs, limit) for name in names)
    return a, b


def _load(experiment: str, load: object, source: tuple[Policy, str | None]) -> Dataset:
    """Call a page's `load`; a page of the user's own may do anything."""
    assert callable(load)
    try:
        data = load(*source)
    except DataError:
        raise
    except Exception as error:
        raise RequestError(f"load() of {experiment}: {type(error).__name__}: {error}") from error
    if not isinstance(data, Dataset):
        raise RequestError(f"load() of {experiment} returned {type(data).__name__}, not a Dataset")
    return data
