"""A look every second at whether the workers and the scheduler of a cluster are still there."""

import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from experiments.harness.page_code import said
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.connection import SECONDS_TO_HEAR, Lost, Silent
from experiments.harness.workers.place import Progress

__all__ = ["Followed", "Watch", "Watched"]

_SECONDS_BETWEEN_LOOKS = 1.0
_SECONDS_OF_AN_ATTEMPT = SECONDS_TO_HEAR + _SECONDS_BETWEEN_LOOKS  # to hear of the scheduler
_SECONDS_TO_REMARK = 60.0  # that it does not answer
_SECONDS_UNHEARD = 60.0  # of a worker, which speaks several times in that
_SECONDS_TO_BE_HEARD = 30.0  # after a worker has ended what took too long


@dataclass(eq=False)
class Followed:
    """What a worker does, as far as we know."""

    worker: str = ""  # its address; "" for nobody
    silent_for: float = 0.0  # seconds in which it was there, and has said nothing of this


class Watched(Protocol):
    """What was sent to a cluster."""

    def followed(self) -> Sequence[Followed]:
        """Return what has not ended."""

    def lose(self, lost: Lost) -> None:
        """Let all that is waited for end: the scheduler has forgotten it, or does not answer."""

    def send_all_again(self) -> None:
        """Send it to workers that have joined: all others have gone."""


class Watch:
    """Admits workers that join, and gives up those that are frozen, and the scheduler if it is."""

    def __init__(
        self, cluster: Cluster, timeout: float, progress: Progress, watched: Watched
    ) -> None:
        self._cluster, self._progress, self._watched = cluster, progress, watched
        self._timeout = timeout
        self._looks: dict[str, tuple[float, int]] = {}  # when a worker was heard of; looks since
        self._told = False  # why workers cannot be looked at
        self._ended = threading.Event()

    def begin(self) -> None:
        """Watch in a thread from now on."""
        threading.Thread(target=self.look_after, daemon=True).start()

    def end(self) -> None:
        """Watch no longer, once the look is over that may be under way."""
        self._ended.set()

    def look_after(self) -> None:
        """Admit workers as they join, until the end; say so once when none is left.

        A scheduler that does not answer is waited for as long as a worker that says nothing.
        """
        deserted, again, silent_for = False, False, 0.0
        while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
            if self._cluster.client.status == "closed":
                self._watched.lose(Lost(self._cluster.address))
                return
            try:
                self._give_up_silent(self._cluster.addresses)
                self._give_up_frozen(self._cluster.heard_of)
                silent_for = 0.0
                first, remarks = self._cluster.look()
                again |= first  # also where the next question is not answered
                before, deserted = deserted, self._cluster.deserted
            except Silent as silent:
                silent_for += _SECONDS_OF_AN_ATTEMPT
                if self._is_enough(silent_for, silent):
                    return
                continue
            except Exception as failure:  # the scheduler has gone, as a rule: the client notices
                self._say_of(failure)
                continue
            for remark in remarks:
                self._progress.remark(f"left out: {remark}")
            if deserted and not before:
                self._progress.remark("no worker is left: waiting for one to join")
            if again:  # the scheduler does not look again at what nobody could do
                again = False
                self._watched.send_all_again()

    def _say_of(self, failure: Exception) -> None:
        """Say once why workers cannot be looked at, where the connection is not the reason."""
        connection = isinstance(failure, OSError) or self._cluster.client.status != "running"
        if not connection and not self._told:
            self._told = True
            self._progress.remark(f"workers that join cannot be looked at: {said(failure)}")

    def _is_enough(self, silent_for: float, silent: Silent) -> bool:
        """Say once that the scheduler does not answer; give it up in the end.

        Attempts are counted, and no time: of one in which we were stopped it has no fault.
        """
        if 0 <= silent_for - _SECONDS_TO_REMARK < _SECONDS_OF_AN_ATTEMPT:
            self._progress.remark("the Dask scheduler does not answer: waiting for it")
        if silent_for < self._timeout + _SECONDS_TO_BE_HEARD:
            return False
        self._watched.lose(silent)
        return True

    def _give_up_silent(self, workers: Collection[str]) -> None:
        """Give up those of the workers that are there, and frozen: Dask waits five minutes.

        A worker ends by itself what takes too long, and says so. Looks are counted, and no time: of
        one in which we were stopped the worker has no fault.
        """
        limit, silent = self._timeout + _SECONDS_TO_BE_HEARD, set()
        for each in self._watched.followed():
            there = each.worker in workers
            each.silent_for = each.silent_for + _SECONDS_BETWEEN_LOOKS if there else 0.0
            if each.silent_for >= limit:
                silent.add(each.worker)
        for worker in silent:
            self._progress.remark(f"worker {worker} said nothing for {limit:g} s, and is given up")
            self._cluster.give_up(worker)

    def _give_up_frozen(self, heard_of: Mapping[str, float]) -> None:
        """Give up those that the scheduler has not heard of for a minute, also before they begin.

        A worker that trains is heard of, too: its process trains, and not itself. `heard_of` says
        when, by the scheduler's clock; looks are counted, as in `_give_up_silent`.
        """
        self._looks = {
            worker: (when, looks + 1 if before == when else 0)
            for worker, when in heard_of.items()
            for before, looks in [self._looks.get(worker, (when, 0))]
        }
        for worker, (_, looks) in self._looks.items():
            if looks * _SECONDS_BETWEEN_LOOKS == _SECONDS_UNHEARD:
                why = f"was not heard of for {_SECONDS_UNHEARD:g} s, and is given up"
                self._progress.remark(f"worker {worker} {why}")
                self._cluster.give_up(worker)
