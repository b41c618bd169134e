"""The cache of downloaded data, kept by pooch; nothing unverified enters it."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from stat import S_ISDIR, S_ISREG

from datasets.download import PATIENT, QUICK, Progress, receive
from datasets.errors import DataError, naming
from datasets.folders import MAX_FILE_BYTES, cache_folder
from datasets.printable import without_password
from datasets.reading import read_within
from datasets.recipe import DataFile, Mirror, Recipe

Transfer = Callable[[str, int], bytes]
"""Receives a URL, up to a number of bytes."""

_failed: dict[tuple[str, str], str] = {}
"""Why a mirror failed for a data set in this process, so that nobody waits for it twice."""


@dataclass(frozen=True)
class Cached:
    """Where the verified files are, and how they got there."""

    folder: Path
    how: str


def ensure_cached(
    recipe: Recipe, patient: bool = False, progress: Progress | None = None
) -> Cached:
    """Download the data set into the cache unless it is there, canonical to the last byte.

    A cached file that has changed is downloaded again. Mirrors are tried in order; one that failed
    before in this process is skipped, unless the caller is ``patient``.

    Raises DataError with everything that was tried and why it failed.
    """
    folder = cache_folder()
    try:
        present = in_cache(recipe, folder)
    except OSError as error:
        raise DataError(f"the cache {folder} cannot be read ({error.strerror})") from error
    wanted = [f for f in recipe.files if f.path not in present or _changed(f, present[f.path])]
    if not wanted:
        return Cached(folder, f"in the cache {folder}")
    places = [folder / file.path for file in wanted]
    for path in places:
        _refuse_odd(path)
    for parent in {path.parent for path in places}:
        _remove_unfinished(parent)
    changed = [file.path for file in wanted if file.path in present]
    reasons = [f"{present[path]}: the cached file has changed and is not used" for path in changed]
    transfer = partial(receive, limits=PATIENT if patient else QUICK, progress=progress)
    for mirror in mirrors(recipe):
        key = (recipe.name, mirror.base)
        if patient or key not in _failed:
            failure = _download(recipe, wanted, folder, mirror, transfer)
            if failure is None:
                anew = f" (again: the cached {', '.join(changed)} had changed)" if changed else ""
                base = without_password(mirror.base)
                return Cached(folder, f"downloaded from {base} to {folder}{anew}")
            _failed[key] = failure
        reasons.append(_failed[key])
    if not mirrors(recipe):
        reasons.append(f"no public mirror of {recipe.name} is known and LOCKSTEP_MIRROR is not set")
    raise DataError("\n".join([f"the cache {folder} does not hold {recipe.name}", *reasons]))


def mirrors(recipe: Recipe) -> tuple[Mirror, ...]:
    """The mirrors to try, LOCKSTEP_MIRROR first, which serves the layout of a data folder."""
    own = os.environ.get("LOCKSTEP_MIRROR", "").rstrip("/")
    return (Mirror(own), *recipe.mirrors) if own else recipe.mirrors


def forget_failures() -> None:
    """Try every mirror again, as a new process would."""
    _failed.clear()


def in_cache(recipe: Recipe, folder: Path) -> dict[str, Path]:
    """The path of each file in the cache, by `DataFile.path`, whatever its content.

    Raises DataError if the cache cannot be read.
    """
    paths = {file.path: folder / file.path for file in recipe.files}
    try:
        return {name: path for name, path in paths.items() if path.is_file()}
    except OSError as error:
        raise DataError(f"the cache {folder} cannot be read ({error.strerror})") from error


def _changed(file: DataFile, path: Path) -> bool:
    try:
        return sha256(read_within(path, MAX_FILE_BYTES)).hexdigest() != file.sha256
    except (OSError, ValueError):
        return True


def _refuse_odd(path: Path) -> None:
    """Raise DataError if a download would wait for what stands in its place, or read it for long.

    That is a pipe or a device, or a file that is larger than any of data. pooch opens it.
    """
    try:
        there = path.stat()
    except OSError:
        return
    if not (S_ISREG(there.st_mode) or S_ISDIR(there.st_mode)):
        raise DataError(f"{path}: is no regular file; remove it, then repeat the command")
    if S_ISREG(there.st_mode) and there.st_size > MAX_FILE_BYTES:
        raise DataError(
            f"{path}: the file has more than {MAX_FILE_BYTES:,} bytes; remove it, then repeat the "
            "command"
        )


def _remove_unfinished(folder: Path) -> None:
    """Remove what downloads left that were killed: no other is at work for as long as that."""
    with suppress(OSError):
        for path in folder.glob("tmp*"):  # as pooch names them
            if path.is_file() and time.time() - path.stat().st_mtime > 2 * PATIENT.total:
                path.unlink()


def _download(
    recipe: Recipe, wanted: list[DataFile], folder: Path, mirror: Mirror, transfer: Transfer
) -> str | None:
    """Fetch ``wanted`` from one mirror; return None, or why it failed.

    pooch writes to a temporary file, compares its hash, and only then moves it to its place. The
    hash is of the unwrapped content: the same bytes circulate under several gzip wrappers, and the
    same text with either line end. Where a mirror's own bytes are known, they are checked first.
    """
    import pooch

    pooch.get_logger().setLevel("WARNING")
    files = {mirror.url(file): file for file in wanted}

    def save(url: str, output_file: str, _: pooch.Pooch) -> None:
        file = files[url]
        raw = transfer(url, file.size + 2**16)
        with naming("not usable", "The download was discarded."):
            mirror.check(raw, file)
        with naming("not usable", f"Expected SHA-256 {file.sha256}; the download was discarded."):
            Path(output_file).write_bytes(recipe.unwrap(raw, file))

    store = pooch.create(
        path=folder,
        base_url=mirror.base,
        registry={file.path: f"sha256:{file.sha256}" for file in wanted},
        urls={file.path: url for url, file in files.items()},
    )
    for url, file in files.items():
        try:
            store.fetch(file.path, downloader=save)
        except OSError as error:
            here = error.filename and error.strerror  # on this machine
            why = f"{error.filename}: cannot be written ({error.strerror})" if here else str(error)
            return without_password(f"{url}: {why}")
        except (DataError, ValueError) as error:
            return without_password(f"{url}: {error}")
    return None
