"""``lockstep new``: a page to start from."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["new"]

_TEMPLATE = Path(__file__).with_name("starting_page.py")


def new(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The page's name, or its path: my_page, my_page.py."),
    ],
) -> None:
    """Write a page of your own to start from: an experiment with its three builders.

    It trains a small network on 150 flowers, and its implementations agree. Change the data, the
    network and the numbers, in all three builders alike. An existing file is never written over.

    For example:

    lockstep new my_page

    lockstep run ./my_page.py
    """
    import shlex

    from experiments.registry import check_page_name
    from frameworks.errors import RequestError, printable

    path = Path(name if name.endswith(".py") else f"{name}.py")
    check_page_name(path)
    text = _TEMPLATE.read_text(encoding="utf-8").replace(_TEMPLATE.stem, path.stem)
    try:
        with path.open("x", encoding="utf-8") as page:
            page.write(text)
    except FileExistsError:
        raise RequestError(f"{path}: is there already; choose another name") from None
    except OSError as error:
        if error.filename is None:  # it was begun
            path.unlink(missing_ok=True)
        raise RequestError(f"{path}: cannot be written ({error.strerror})") from None
    shown = path if path.is_absolute() else f"./{path}"
    print(printable(f"{path}: an experiment with three builders; train it with"))
    print(printable(f"lockstep run {shlex.quote(str(shown))}"))
