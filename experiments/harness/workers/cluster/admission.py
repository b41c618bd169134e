"""Which workers of a cluster may train: those that are alike, so that one run has one environment.

Every worker says what it is like before it gets a cell. One that may train is given a resource of
the scheduler's, and all that a command sends asks for it: whoever joins later, or has become
another since the last command, has to be looked at first.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any

from experiments.harness.page_code import said
from experiments.harness.records.environment import Surroundings
from experiments.harness.records.store import to_json
from experiments.harness.request import Request
from experiments.harness.workers.cluster.connection import Lost, answers_of, ask, connected
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError

if TYPE_CHECKING:
    from distributed import Client

    from experiments.harness.workers.cluster.on_worker import Traits

__all__ = ["Cluster", "joined"]

_SECONDS_FOR_WORKERS = 30
_NO_SUITE = "it does not find lockstep; start it in an environment that has the same checkout"

_OTHER_SUITE = (
    "its checkout of lockstep holds other source code, or did when it was started; update it, and "
    "start the worker again"
)

Workers = dict[str, int]  # their threads, by address


@contextmanager
def joined(
    dask: "str | Client | None", request: Request, send_pages: bool
) -> Iterator["Cluster | None"]:
    """Join a cluster, and choose among its workers; without one, there is None.

    RequestError if it cannot be joined, if no worker may train, or for a user's own page that may
    not be sent.
    """
    if dask is None:
        yield None
        return
    own = [name for name in request.experiments if name.endswith(".py")]
    if own and not send_pages:
        raise RequestError(
            f"{own[0]} is a page of your own, whose code every worker would execute; "
            "--send-pages (in Python, send_pages=True) allows it to be sent"
        )
    with connected(dask) as client:
        yield Cluster(client, request)


class Cluster:
    """A cluster, and those of its workers that are alike.

    If some are like this machine, these train: the records are then those of a local run. Else the
    largest group does, and `notes` say what is different there.
    """

    def __init__(self, client: "Client", request: Request) -> None:
        self.client, self._threads = client, request.threads
        self.address = str(getattr(client.scheduler, "address", ""))
        asked = {*request.implementations, "scratch"}  # scratch is what others are judged by
        self._names = [
            name
            for name, backend in BACKENDS.items()
            if name in asked or (backend.default and not request.implementations)
        ]
        from experiments.harness.workers.cluster.on_worker import traits

        here = traits(self._threads, self._names)
        self._refused: dict[str, str] = {}
        found = self._ask(self._wait_for_workers(), here)
        self._chosen = _choose(found, here, self._refused)
        self.ticket = f"lockstep-{token_hex(8)}"  # no earlier command's: a worker may have changed
        differing = "; ".join(_differences(self._chosen, here))
        self.notes = [f"the workers differ from this machine: {differing}"] * bool(differing)
        self._admit([address for address, traits in found.items() if traits == self._chosen])
        self.left_out = [self._refusal(address) for address in self._refused]

    @property
    def surroundings(self) -> Surroundings:
        """What trainings depend on there."""
        return Surroundings(self._chosen.environment, self._chosen.packages.__getitem__)

    @property
    def slots(self) -> int:
        """How many trainings run at a time, at least 1."""
        admitted = self._admitted(self._workers())
        return max(1, sum(threads // self._threads for threads in admitted.values()))

    @property
    def preference(self) -> dict[str, Any]:
        """What has Dask ask an admitted worker first, and another where there is none."""
        try:
            admitted = [*self._admitted(self._workers())]
        except Lost:  # `ClusterTasks` sees to it
            return {}
        return {"workers": admitted, "allow_other_workers": True} if admitted else {}

    @property
    def deserted(self) -> bool:
        """Whether no admitted worker is there now."""
        return not self._admitted(self._workers())

    @property
    def addresses(self) -> set[str]:
        """Those of all workers that the scheduler knows now, also of one that is frozen."""
        return set(self._workers())

    @property
    def heard_of(self) -> dict[str, float]:
        """When the scheduler last heard of each admitted worker, by its own clock."""
        workers = self._workers()
        return {address: workers[address]["last_seen"] for address in self._admitted(workers)}

    def give_up(self, worker: str) -> None:
        """Have the scheduler take a worker for dead: what it has begun is done again."""
        scheduler: Any = self.client.scheduler
        ask(self.client, scheduler.unregister, address=worker, stimulus_id=self.ticket)

    def missing(self, implementation: str) -> str | None:
        """Return which packages of an implementation the workers lack, or None."""
        versions: Any = self._chosen.environment["versions"]
        needed = BACKENDS[implementation].packages
        absent = [name for name in needed if versions.get(name) is None]
        if not absent:
            return None
        return f"{implementation}: {' and '.join(absent)} not installed on the workers"

    def look(self) -> tuple[bool, list[str]]:
        """Admit workers that have joined.

        Return whether all others have gone before they were admitted, and who was left out.
        """
        workers = self._workers()
        admitted = self._admitted(workers)
        new = workers.keys() - admitted.keys() - self._refused.keys()
        before = set(self._refused)
        found = self._ask({address: workers[address] for address in new}, self._chosen)
        alike = [address for address, traits in found.items() if traits == self._chosen]
        for address in found.keys() - set(alike):
            self._refused[address] = "; ".join(_differences(found[address], self._chosen))
        self._admit(alike)
        alone = bool(alike) and not admitted.keys() & self._workers().keys()
        return alone, [self._refusal(name) for name in self._refused if name not in before]

    def _workers(self) -> dict[str, dict[str, Any]]:
        scheduler: Any = self.client.scheduler
        return ask(self.client, scheduler.identity, n_workers=-1)["workers"]

    def _admitted(self, workers: Mapping[str, dict[str, Any]]) -> Workers:
        """Return those that have the resource."""
        return {
            address: about["nthreads"]
            for address, about in workers.items()
            if self.ticket in about["resources"]
        }

    def _wait_for_workers(self) -> dict[str, dict[str, Any]]:
        """Return the workers; asking for a number lets an adaptive cluster start its first."""
        wanted = self.client.submit(int, pure=False)
        try:
            self.client.wait_for_workers(1, timeout=_SECONDS_FOR_WORKERS)
        except TimeoutError:
            raise RequestError(
                f"dask: the scheduler at {self.address} has no workers; "
                f"start some, as by: dask worker {self.address}"
            ) from None
        finally:
            wanted.release()
        return self._workers()

    def _ask(
        self, workers: Mapping[str, dict[str, Any]], expected: "Traits"
    ) -> dict[str, "Traits"]:
        """Return what workers are like; refuse those of too few threads, or of other code."""
        from experiments.harness.workers.cluster.on_worker import survey

        for address, about in workers.items():
            if about["nthreads"] < self._threads:
                self._refused[address] = (
                    f"a training asks for {self._threads} threads, and it has {about['nthreads']}"
                )
        able = [address for address in workers if address not in self._refused]
        if not able:
            return {}
        answers = answers_of(self.client, able, survey, self._threads, self._names)
        there = self._workers()
        answers = {name: answer for name, answer in answers.items() if name in there}
        for address, answer in answers.items():
            if isinstance(answer, ImportError):
                self._refused[address] = _NO_SUITE
            elif isinstance(answer, TimeoutError):
                self._refused[address] = str(answer)
            elif isinstance(answer, Exception):
                self._refused[address] = said(answer)
            elif not answer.suite or answer.suite != expected.suite:
                self._refused[address] = _OTHER_SUITE
        return {name: found for name, found in answers.items() if name not in self._refused}

    def _admit(self, addresses: list[str]) -> None:
        from experiments.harness.workers.cluster.on_worker import admit

        answers_of(self.client, addresses, admit, self.ticket)

    def _refusal(self, address: str) -> str:
        return f"worker {address}: {self._refused[address]}"


def _choose(found: dict[str, "Traits"], here: "Traits", refused: dict[str, str]) -> "Traits":
    """Return the traits of those that are to train, and note the others as refused."""
    alike: dict[bytes, list[str]] = defaultdict(list)
    for address in sorted(found):
        alike[to_json(vars(found[address]))].append(address)
    if not alike:
        reasons = "; ".join(f"{address}: {reason}" for address, reason in refused.items())
        raise RequestError(f"dask: no worker can train: {reasons or 'all have gone'}")
    ours = to_json(vars(here))
    key = ours if ours in alike else max(alike, key=lambda each: (len(alike[each]), each))
    chosen = found[alike[key][0]]
    for address in found:
        if found[address] != chosen:
            refused[address] = "; ".join(_differences(found[address], chosen))
    return chosen


def _differences(found: "Traits", expected: "Traits") -> Iterator[str]:
    """Yield what is different about a worker, each with what was expected."""
    a, b = (_flat(traits) for traits in (found, expected))
    for name in {**a, **b}:
        if a.get(name) != b.get(name):
            yield f"{name} {a.get(name, 'not set')}, not {b.get(name, 'not set')}"


def _flat(traits: "Traits") -> dict[str, Any]:
    rest = {name: value for name, value in traits.environment.items() if name != "versions"}
    versions: Any = traits.environment["versions"]
    digests = {f"files of {name}'s packages": d[:12] for name, d in traits.packages.items()}
    return rest | {name: version or "not installed" for name, version in versions.items()} | digests
