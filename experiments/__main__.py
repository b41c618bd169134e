"""`python -m experiments`, and the command `lockstep`.

Only what takes signals is imported before it does: until then, one ends the process unheard.
"""

import os
import sys

from experiments.harness import interruption

__all__ = ["main"]

_OURS = ("datasets", "frameworks", "scratch")


def main() -> int:
    """Run the command line, in a process of its own if it executes a user's page.

    A signal before the end, whatever it comes upon, gives 130; after it, the code that is settled.
    """
    try:
        interruption.watch()
        code = _supervised()
        interruption.settle(code)
    except KeyboardInterrupt:
        code = 130
        interruption.settle(code)
    return code


def _with_the_hashes_of_workers() -> None:
    """Begin again with the seed of Python's hashes that workers have, to execute a user's page.

    By it, sets of texts are ordered. A program that calls `main` goes on with its own.
    """
    started, seed = ["-m", "experiments", *sys.argv[1:]], {"PYTHONHASHSEED": "0"}
    is_the_program = sys.orig_argv[-len(started) :] == started  # none that executes this module
    seeded = seed.items() <= os.environ.items()
    if _pages() and is_the_program and hasattr(os, "fork") and not seeded:
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | seed)


def _pages() -> list[str]:
    return [argument for argument in sys.argv[1:] if argument.endswith(".py")]


def _supervised() -> int:
    from experiments.harness import output
    from experiments.harness.supervision import supervised

    output.make_tolerant()
    return supervised(_beside_a_page, pages[0]) if (pages := _pages()) else _command()


def _beside_a_page() -> int:
    """Run the command line, and let nothing that a page prints, then or later, into its output."""
    from experiments.harness import output

    output.keep_for_the_command()
    code = _command()
    sys.stdout = sys.stderr
    return code


def _command() -> int:
    """Run the command line; a reader of its output may close the pipe, as `head` does."""
    from experiments.harness import output

    code = _run()
    sys.stdout.flush()
    if lost := output.lost():
        return _fail(lost)
    return code


def _run() -> int:
    """Run the command line, unless another package stands where ours should be."""
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # workers train; it sends SIGINT where it gets no more
    if os.environ.get("COLUMNS", "80").strip("0") == "":  # no width at all: rich would try it
        del os.environ["COLUMNS"]
    for name in _OURS:
        if where := _hidden_by(name):
            return _fail(
                f"the package {name!r} in {where} is not lockstep's and hides it; "
                "use lockstep in an environment of its own (make setup)"
            )
    try:
        from experiments.harness.cli.app import main as command_line
    except ImportError as error:  # of a package that we need
        return _fail(f"{error}; some package is missing or broken: run make setup")
    return command_line()


def _hidden_by(name: str) -> str:
    """Return where another package of this name is found before ours; empty if none is."""
    from importlib.util import find_spec
    from pathlib import Path

    ours, found = Path(__file__).resolve().parents[1], find_spec(name)
    if found is None or found.origin is None:
        return str(list(found.submodule_search_locations or ())) if found else "no folder"
    folder = Path(found.origin).resolve().parent
    return "" if folder == ours / name else found.origin


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    _with_the_hashes_of_workers()
    sys.exit(main())
