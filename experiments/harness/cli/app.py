"""The command line: `lockstep`, or `python -m experiments`."""

import os
import shlex
import sys
import traceback
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.main
from typer.exceptions import TyperException

from datasets import DataError
from experiments.harness.cli import (
    baseline,
    bench,
    certify,
    compare,
    data,
    diverge,
    new,
    report,
    run,
    runs,
)
from experiments.harness.cli.list import list_command
from experiments.harness.interruption import interruptible
from experiments.harness.outcomes.announcing import Announcer
from experiments.harness.page_code import said
from frameworks.errors import RequestError, printable

__all__ = ["app", "main"]

_SHOWN = 200  # characters of a file's name

app = typer.Typer(
    help="Train the same experiment in NumPy, Keras and PyTorch, and see whether they agree.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("list")(list_command)
app.command("run")(run.run)
app.command("new")(new.new)
app.command("report")(report.report)
app.command("compare")(compare.compare)
app.command("diverge")(diverge.diverge_command)
app.command("bench")(bench.bench)
app.command("certify")(certify.certify)
app.add_typer(baseline.app, name="baseline")
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")


def _show_version(asked: bool) -> None:
    if asked:
        from experiments.harness.records.environment import installed_version

        print(f"lockstep {installed_version('lockstep-suite') or '(not installed)'}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Show the version."),
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["lockstep", *arguments])
    try:
        with interruptible():
            result = app(
                arguments or ["--help"], prog_name="lockstep", standalone_mode=False, obj=command
            )
    except (DataError, RequestError) as error:
        return _fail(str(error))
    except OSError as error:  # a full disk, for example
        return _fail(_in_words(error))
    except TyperException as error:
        reason, remedy = _what_is_wrong(error)
        _announce_refusal(arguments, reason)
        return _fail(reason + remedy)
    except KeyboardInterrupt:
        result = 130
    except BaseException as error:  # Python's own exit code would be a verdict's
        return _fail(_unforeseen(error))
    if result == 130:
        print(f"\nstopped; repeat with: {command}", file=sys.stderr)
    return result or 0


_ANNOUNCING = ("run", "compare", "diverge")


def _announce_refusal(arguments: list[str], reason: str) -> None:
    """Announce that a command was refused, as its arguments could not be parsed.

    Where to is said by those of its options that can be, whatever the others are.
    """
    name = next((each for each in arguments if not each.startswith("-")), "")
    if name not in _ANNOUNCING:
        return
    options = arguments[arguments.index(name) + 1 :]
    command = typer.main.get_group(app).commands[name]
    leniently: dict[str, Any] = {"resilient_parsing": True, "ignore_unknown_options": True}
    found = command.make_context(name, options, **leniently).params
    junit = Path(found["junit"]) if found.get("junit") else None
    Announcer(f"lockstep {name}", junit, bool(found.get("as_json"))).give_up("refused", reason)


def _what_is_wrong(error: TyperException) -> tuple[str, str]:
    """Return what is wrong with the arguments, and the line that says which command helps."""
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "lockstep"
    takes = {parameter.name for parameter in context.command.params} if context else set()
    option = getattr(error, "option_name", "")
    if "settings" in takes and (name := _number_of_a_page(option)):
        set_instead = f"numbers of a page are set by --set, as --set {name}=VALUE"
        return f"No such option: {option}; {set_instead}", ""
    return error.format_message(), f"\nTry: {command} --help"


_SHORT = {"lr": "learning_rate", "bs": "batch_size", "wd": "weight_decay"}


def _number_of_a_page(option: str) -> str:
    """Return the number of some page's spec that an option is named like, or an empty string."""
    from experiments.registry import EXPERIMENTS, find_experiment

    name = option.lstrip("-").partition("=")[0].replace("-", "_")
    name = _SHORT.get(name, name)
    known = {field.name for each in EXPERIMENTS for field in fields(find_experiment(each).spec)}
    return next(iter(get_close_matches(name, sorted(known), n=1, cutoff=0.8)), "")


def _in_words(error: OSError) -> str:
    """Return what the operating system said, without its numbers; a long name is cut short."""
    if error.strerror is None:
        return str(error)
    name = "" if error.filename is None else str(error.filename)
    shown = name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."
    return f"{shown}: {error.strerror}" if name else error.strerror


def _unforeseen(error: BaseException) -> str:
    """Return an error that no part of the program expected, and how to see where it came from."""
    if os.environ.get("LOCKSTEP_TRACEBACK"):
        traceback.print_exception(error)
    return f"{said(error)}; this was not expected: LOCKSTEP_TRACEBACK=1 shows where it came from"


def _fail(message: str) -> int:
    print(f"error: {printable(message)}", file=sys.stderr)
    return 2
