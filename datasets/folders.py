"""Data folders: which one the user named, where the cache is, and reading files from either."""

import os
from collections.abc import Mapping
from pathlib import Path

from datasets.errors import DataError, naming
from datasets.reading import read_within
from datasets.recipe import Content, Contents, DataFile, Recipe

MAX_FILE_BYTES = 64 * 2**20
"""No file of any data set comes near this size, packed or not."""


def named_folder(data_dir: str | Path | None) -> Path | None:
    """The folder the user named: ``data_dir``, else LOCKSTEP_DATA, else None.

    Raises DataError when it does not exist: a name that was mistyped is never ignored.
    """
    name = str(data_dir or "") or os.environ.get("LOCKSTEP_DATA", "")
    if not name:
        return None
    by = "the argument" if data_dir else "LOCKSTEP_DATA"
    folder = _expanded(name, by)
    if not is_folder(folder):
        raise DataError(
            f"the data folder {folder}, named by {by}, is not a folder\n"
            "Create it, name another one, or name none to use the cache."
        )
    return folder


def cache_folder() -> Path:
    """Where downloads are kept: LOCKSTEP_CACHE, else the system's place for caches."""
    name = os.environ.get("LOCKSTEP_CACHE", "")
    if name:
        return _expanded(name, "LOCKSTEP_CACHE")
    import pooch

    return Path(pooch.os_cache("lockstep"))


def _expanded(name: str, by: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError as error:  # ~ and the name of no user
        raise DataError(f"the folder {name}, named by {by}: {error}") from error


def is_folder(path: Path) -> bool:
    """Say whether it is one; what may not be looked at, or has too long a name, is none."""
    try:
        return path.is_dir()
    except OSError:
        return False


def locate(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """Where ``folder`` holds each file of the data set, by `DataFile.path`.

    A complete set of files wins over an archive that holds all of them; the two are never mixed.
    The result is empty when there is neither, and incomplete when some files are missing.
    """
    found = {f.path: path for f in recipe.files if (path := _first(folder, f.spellings))}
    archive = _first(folder, recipe.archives)
    if archive and len(found) < len(recipe.files):
        return {file.path: archive for file in recipe.files}
    return found


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def read_folder(recipe: Recipe, folder: Path) -> tuple[Contents, Path] | None:
    """Read the data set from ``folder``: its contents and where they are; None if it is not there.

    Raises DataError when files are missing or broken: what a user put there is never passed over.
    """
    found = locate(recipe, folder)
    if not found:
        return None
    missing = [f.spellings[0] for f in recipe.files if f.path not in found]
    if missing:
        raise DataError(
            f"{folder}: holds some files of {recipe.name}, but not {', '.join(missing)}\n"
            f"{recipe.remedy}"
        )
    contents = {file.path: read_file(recipe, file, found[file.path]) for file in recipe.files}
    with naming(folder, recipe.remedy):
        if recipe.changed(contents):
            recipe.parse(contents)
    return contents, _place(found)


def read_file(recipe: Recipe, file: DataFile, path: Path) -> Content:
    """The content of one file; DataError when it is neither canonical nor passes the check."""
    with naming(path, recipe.remedy):
        content = Content(recipe.unwrap(_read(path), file))
        if content.sha256 != file.sha256:
            recipe.check(content.data, file)
    return content


def _read(path: Path) -> bytes:
    try:
        return read_within(path, MAX_FILE_BYTES)
    except OSError as error:
        raise DataError(f"the file cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(str(error)) from error


def _place(found: Mapping[str, Path]) -> Path:
    """The one path that names all of ``found``: the file itself, or the folder of several."""
    paths = set(found.values())
    return paths.pop() if len(paths) == 1 else Path(os.path.commonpath(paths))
