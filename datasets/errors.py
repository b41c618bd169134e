"""What goes wrong with data, in one exception."""

from collections.abc import Iterator
from contextlib import contextmanager

from datasets.printable import printable


class DataError(Exception):
    """Data that cannot be used or obtained; the message names the file and the remedy.

    Whatever it quotes of a file or a server is printable.
    """

    def __init__(self, message: str) -> None:
        super().__init__(printable(message))


@contextmanager
def naming(subject: object, remedy: str = "") -> Iterator[None]:
    """Put ``subject`` before, and ``remedy`` after, the message of a DataError raised inside.

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
