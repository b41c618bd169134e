"""Which data are used: the user's folder, the cache, a download or the stand-in, and why."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from datasets.cache import ensure_cached
from datasets.dataset import Source
from datasets.errors import DataError
from datasets.folders import named_folder, read_file, read_folder
from datasets.recipe import Contents, Recipe

Policy = Literal["auto", "real", "stand-in"]


@dataclass(frozen=True)
class Obtained:
    """The contents of a data set with their provenance; the fields are those of `Dataset`."""

    contents: Contents
    source: Source
    sha256: str
    canonical: bool
    origin: str
    note: str


def obtain(recipe: Recipe, policy: Policy, data_dir: str | Path | None) -> Obtained:
    """Find the data set as ``policy`` allows.

    "auto": the named folder, the cache, a download, the stand-in, in this order; "real": the same
    without the stand-in; "stand-in": only that, touching neither the network nor the user's files.

    Raises DataError if the policy is unknown, if a named folder does not exist, if an existing file
    is broken, and, under "real", if nothing was found, with everything that was tried.
    """
    if policy not in get_args(Policy):
        raise DataError(
            f"the data policy {policy!r} is unknown; expected one of {', '.join(get_args(Policy))}"
        )
    if policy == "stand-in":
        return _stand_in(recipe, "it was requested")
    found, tried = _search(recipe, named_folder(data_dir))
    if found:
        return found
    if policy == "real":
        steps = "".join(f"\n  - {line}" for line in tried)
        raise DataError(
            f"{recipe.name}: the real data was not found; tried{steps}\n{recipe.remedy}"
        )
    return _stand_in(recipe, "; ".join(tried))


def _search(recipe: Recipe, folder: Path | None) -> tuple[Obtained | None, list[str]]:
    """Look for the real data in the folder, the cache and the mirrors; also return the failures."""
    tried: list[str] = []
    if folder:
        if here := read_folder(recipe, folder):
            contents, path = here
            return _real(recipe, contents, str(path), f"from {path}"), tried
        tried.append(f"{folder}: holds no {recipe.files[0].spellings[0]}")
    try:
        cached = ensure_cached(recipe)
    except DataError as error:
        return None, [*tried, *str(error).splitlines()]
    contents = {f.path: read_file(recipe, f, cached.folder / f.path) for f in recipe.files}
    if changed := recipe.changed(contents):
        raise DataError(f"{cached.folder / changed[0]}: has changed since it was verified; repeat")
    return _real(recipe, contents, cached.how, "; ".join([cached.how, *tried])), tried


def _real(recipe: Recipe, contents: Contents, origin: str, how: str) -> Obtained:
    changed = recipe.changed(contents)
    note = f"{recipe.name}: the real data, {how}"
    if changed:
        sums = ", ".join(f"{path} has SHA-256 {contents[path].sha256}" for path in changed)
        note = f"{recipe.name}: real data, {how}, but not the canonical content: {sums}"
    return Obtained(contents, "real", recipe.digest(contents), not changed, origin, note)


def _stand_in(recipe: Recipe, reason: str) -> Obtained:
    contents = recipe.stand_in()
    note = f"{recipe.name}: the built-in stand-in ({recipe.stand_in_is}), because {reason}"
    return Obtained(contents, "stand-in", recipe.digest(contents), False, recipe.stand_in_is, note)
