"""The command line's own complaints, in the voice of all our messages."""

import re

from typer.exceptions import TyperException

__all__ = ["reword"]

_REWORDED = (
    (r"^Invalid value for '?(.*?)'?: ", r"\1: "),
    (r"Value error, ", ""),
    (r"Input should be greater than or equal to (\S+)", r"expected \1 or more"),
    (r"Input should be a valid integer, .*", "expected a whole number"),
    (r"^Missing (?:argument|option|parameter) '(.*)'", r"\1 is missing"),
    (r"^No such command ('.*?')\. Did you mean ('.*?')\?", r"unknown command \1; did you mean \2?"),
    (r"^No such command", "unknown command"),
    (r"^No such option: (\S+) \(Possible options: (.*)\)", r"unknown option \1; did you mean \2?"),
    (r"^No such option:", "unknown option"),
    (r"^Got unexpected extra argument\(s\) \((.*)\)", r"unexpected: \1"),
    (r"^Option '(.*)' requires an argument", r"\1 needs a value"),
)


def reword(error: TyperException) -> str:
    """Return one sentence that names the thing, and the command that helps."""
    message = error.format_message().rstrip(".")
    for theirs, ours in _REWORDED:
        message = re.sub(theirs, ours, message)
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "lockstep"
    return f"{message}{'' if message.endswith('?') else '.'} Try: {command} --help"
