"""How a data set is recognised, obtained and checked: a recipe for each data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256

from datasets.errors import DataError


@dataclass(frozen=True)
class Content:
    """The unwrapped content of a file, and its checksum, which is computed once."""

    data: bytes

    @cached_property
    def sha256(self) -> str:
        """The digest in hexadecimal."""
        return sha256(self.data).hexdigest()


Contents = Mapping[str, Content]
"""The content of each file of a data set, by `DataFile.path`."""


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    ``path`` is its name in a data folder and in the cache; ``spellings`` are the paths under which
    it circulates, first the one that mirrors serve. ``sha256`` and ``size`` (bytes) are those of
    its canonical content: decompressed, with CRLF converted to LF in text.
    """

    path: str
    sha256: str
    size: int
    spellings: tuple[str, ...]


@dataclass(frozen=True)
class Pinned:
    """A file at an address whose bytes never change.

    ``path`` is what follows the mirror's base URL; ``sha256`` is that of the bytes as they are
    served, before anything is unwrapped.
    """

    path: str
    sha256: str


@dataclass(frozen=True)
class Mirror:
    """A server of every file of a data set.

    ``base`` is the URL before each path. A file lies at its first spelling, unless ``pinned``
    holds another place for it, by `DataFile.path`.
    """

    base: str
    pinned: Mapping[str, Pinned] = field(default_factory=dict)

    def url(self, file: DataFile) -> str:
        """The address of one file."""
        place = self.pinned.get(file.path)
        return f"{self.base}/{place.path if place else file.spellings[0]}"

    def check(self, raw: bytes, file: DataFile) -> None:
        """Raise DataError if ``raw`` is not what the mirror is known to serve for this file."""
        place = self.pinned.get(file.path)
        if place and (found := sha256(raw).hexdigest()) != place.sha256:
            raise DataError(f"expected a file of SHA-256 {place.sha256}, received {found}")


@dataclass(frozen=True)
class Recipe:
    """Everything needed to find and check a data set.

    - ``files``: its files; ``archives``: paths of single files that hold all of them;
    - ``mirrors``: public servers of its files, in the order in which they are tried;
    - ``unwrap(raw, file)``: the content of a file as it was found or served;
    - ``check(content, file)``: raises DataError if the content cannot be that file;
    - ``parse(contents)``: the arrays; raises DataError if the files do not fit together;
    - ``stand_in()``: contents of the same form, made without network or user files;
    - ``stand_in_is`` describes them; ``remedy`` tells the user how to get the real files.
    """

    name: str
    files: tuple[DataFile, ...]
    archives: tuple[str, ...]
    mirrors: tuple[Mirror, ...]
    unwrap: Callable[[bytes, DataFile], bytes]
    check: Callable[[bytes, DataFile], object]
    parse: Callable[[Contents], object]
    stand_in: Callable[[], Contents]
    stand_in_is: str
    remedy: str

    def changed(self, contents: Contents) -> list[str]:
        """The paths whose content is not canonical."""
        return [f.path for f in self.files if contents[f.path].sha256 != f.sha256]

    def digest(self, contents: Contents) -> str:
        """One SHA-256 for the data set: that of its only file, or of the list of file digests."""
        digests = [contents[file.path].sha256 for file in self.files]
        if len(digests) == 1:
            return digests[0]
        return sha256("".join(f"{digest}\n" for digest in digests).encode()).hexdigest()
