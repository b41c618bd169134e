"""The exception for all problems with data."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.printable import printable


class DataError(Exception):
    """Data that cannot be used or obtained; the message names the file and the remedy.

    Control characters in the message, such as those of a file or a server, are escaped.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@contextmanager
def naming(subject: object, remedy: str = "") -> Iterator[None]:
    """Prefix the message of a DataError raised inside with ``subject``, and append ``remedy``.

    >>> with naming("a.csv", "Fetch it again."):
    ...     raise DataError("the file is empty")
    Traceback (most recent call last):
    datasets.errors.DataError: a.csv: the file is empty
    Fetch it again.
    """
    try:
        yield
    except DataError as error:
        raise DataError("\n".join(filter(None, [f"{subject}: {error}", remedy]))) from error
