"""The data in the user's folder and in the cache, file by file."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from datasets.cache import ensure_cached, in_cache, mirrors
from datasets.churn import CHURN
from datasets.download import Progress
from datasets.errors import DataError
from datasets.folders import cache_folder, locate, named_folder, read_file, read_folder
from datasets.mnist import MNIST
from datasets.recipe import DataFile, Recipe

State = Literal["canonical", "edited", "damaged", "missing"]
Where = Literal["folder", "cache"]

RECIPES = (MNIST, CHURN)


@dataclass(frozen=True)
class FileStatus:
    """One file of a data set in one place.

    ``state``: "canonical"; "edited" (passes every check, but is not the published content);
    "damaged" (``problem`` says how); "missing". ``path`` is None for a missing file, ``bytes`` its
    size on disk, ``sha256`` that of its unwrapped content, None if it cannot be unwrapped.
    """

    dataset: str
    file: str
    where: Where
    path: Path | None
    bytes: int | None
    sha256: str | None
    state: State
    problem: str = ""


def status(data_dir: str | Path | None = None) -> list[FileStatus]:
    """Every file of MNIST and churn, in the named folder (if there is one) and in the cache.

    Raises DataError if a named folder does not exist.
    """
    folder = named_folder(data_dir)
    places = [_inspect(recipe, folder, "folder") for recipe in RECIPES] if folder else []
    places += [_inspect(recipe, cache_folder(), "cache") for recipe in RECIPES]
    return [row for rows in places for row in rows]


def verify(data_dir: str | Path | None = None) -> list[FileStatus]:
    """The rows of `status` for the files that exist, each read and checked in full.

    In the cache, where only canonical content belongs, an edited file counts as damaged.
    """
    return [row for row in status(data_dir) if row.state != "missing"]


def fetch(names: Sequence[str] = (), progress: Progress | None = None) -> list[FileStatus]:
    """Download the named data sets into the cache; without names, all that have a mirror.

    Files already in the cache are kept. Returns the rows of the cache for these data sets.

    Raises DataError if a name is unknown, or, after the others have been fetched, with every data
    set that could not be obtained.
    """
    known = {recipe.name: recipe for recipe in RECIPES}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise DataError(f"no such data set to fetch: {unknown[0]!r}; expected {' or '.join(known)}")
    wanted = [known[name] for name in names] or [r for r in RECIPES if mirrors(r)]
    failures = []
    for recipe in wanted:
        try:
            ensure_cached(recipe, patient=True, progress=progress)
        except DataError as error:
            failures.append(f"{recipe.name} was not fetched\n{error}\n{recipe.remedy}")
    if failures:
        raise DataError("\n".join(failures))
    return [row for recipe in wanted for row in _inspect(recipe, cache_folder(), "cache")]


def _inspect(recipe: Recipe, folder: Path, where: Where) -> list[FileStatus]:
    """One row for each file; edited files that do not fit together count as damaged."""
    found = locate(recipe, folder) if where == "folder" else in_cache(recipe, folder)
    rows = [_inspect_file(recipe, file, found.get(file.path), where) for file in recipe.files]
    states = {row.state for row in rows}
    if states <= {"canonical", "edited"} and "edited" in states:
        try:
            read_folder(recipe, folder)
        except DataError as error:
            return [_damaged(row, error) if row.state == "edited" else row for row in rows]
    return rows


def _inspect_file(recipe: Recipe, file: DataFile, path: Path | None, where: Where) -> FileStatus:
    row = FileStatus(recipe.name, file.path, where, path, None, None, "missing")
    if path is None:
        return row
    row = replace(row, bytes=path.stat().st_size)
    try:
        content = read_file(recipe, file, path)
        row = replace(row, sha256=content.sha256, state="canonical")
        if content.sha256 == file.sha256:
            return row
        if where == "cache":
            raise DataError(f"{path}: has changed since the download; the next one replaces it")
    except DataError as error:
        return _damaged(row, error)
    return replace(row, state="edited")


def _damaged(row: FileStatus, error: DataError) -> FileStatus:
    return replace(row, state="damaged", problem=str(error))
