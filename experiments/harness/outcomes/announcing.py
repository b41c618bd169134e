"""Tell everyone what a command came to, also where it was refused or interrupted."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from datasets import DataError
from experiments.harness.outcomes.github import show_on_github
from experiments.harness.outcomes.junit import check_junit, write_junit
from experiments.harness.outcomes.outcome import Outcome, Verdict
from experiments.harness.page_code import said
from frameworks.errors import RequestError

__all__ = ["Announcer", "announcing"]


class Announcer:
    """Where the outcome of one command goes."""

    def __init__(self, command: str, junit: Path | None, as_json: bool) -> None:
        self.command, self._junit, self._as_json = command, junit, as_json
        self.done = False

    def begin(self) -> None:
        """Write that there is no outcome yet: that of an earlier command is not this one's."""
        if self._junit is not None:
            reason = "it has not ended: it is at work, or was killed; repeating it finishes it"
            write_junit(Outcome.without_result(self.command, "interrupted", reason), self._junit)

    def announce(self, outcome: Outcome) -> int:
        """Write the JUnit file and what GitHub shows; return the exit code."""
        if self._junit is not None:
            write_junit(outcome, self._junit)  # if it cannot be, the verdict is another one
        self.done = True
        show_on_github(outcome)
        return outcome.exit_code

    def give_up(self, verdict: Verdict, reason: str) -> None:
        """Announce that there is no result, in JSON too, where nothing was announced yet."""
        if self.done:
            return
        self.done = True
        outcome = Outcome.without_result(self.command, verdict, reason)
        if self._junit is not None:
            with suppress(OSError, RequestError):  # the file itself may be the reason
                write_junit(outcome, self._junit)
        show_on_github(outcome)
        if self._as_json:
            said = {"schema": 1, "verdict": outcome.verdict, "against": outcome.against}
            print(json.dumps(said, ensure_ascii=False))


@contextmanager
def announcing(command: str, junit: Path | None, as_json: bool) -> Iterator[Announcer]:
    """Announce what the command inside comes to: it does so itself, unless it ends in an error.

    RequestError, before anything is done, for a JUnit file that cannot be written.
    """
    announcer = Announcer(command, junit, as_json)
    try:
        check_junit(junit)
        announcer.begin()
        yield announcer
    except KeyboardInterrupt:
        announcer.give_up("interrupted", "interrupted; repeating the command finishes it")
        raise
    except (RequestError, DataError, OSError) as error:
        announcer.give_up("refused", str(error))
        raise
    except Exception as error:
        announcer.give_up("refused", said(error))
        raise
