"""A worker process: trains or times the cells it is sent, in turn, for one implementation.

Cells come as JSON lines on standard input, those that are to be trained together in one line;
events leave as JSON lines on standard output. Whatever a library prints goes to standard error,
which the parent keeps for the reason of a failure. When the parent ends, however it does, standard
input ends, and with it this process at once: no orphan writes into a folder in which a repeated
command is at work.

    {"event": "ready", "seconds_import": s}
    {"event": "epoch", "epoch": e, "loss": x}        at most ten a second
    {"event": "done", "result": ...}                 its files, if any, have been written
    {"event": "failed", "error": "..."}
    {"event": "used up"}                             its page cannot be executed once more here
    {"event": "unwritable", "error": "..."}          the disk is full, for example: all have failed
"""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, TextIO

from experiments.harness.interruption import end_children_by_sigterm
from experiments.harness.page_code import contained, said
from frameworks.errors import RequestError
from frameworks.files import CannotWrite

if TYPE_CHECKING:
    from experiments.harness.cell import Job
    from experiments.harness.workers.kernels import Chosen

__all__ = ["NO_THREAD", "main"]

NO_THREAD = 75  # the exit code where the system allows no further thread, before it is ready

_SECONDS_BETWEEN_REPORTS = 0.1


def main() -> None:
    """Serve the implementation that is named as the argument, until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its workers
    signal.signal(signal.SIGTERM, lambda *_: None)  # a program that is started would ignore it, too
    end_children_by_sigterm()
    events = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    events.write("\n")  # whatever was printed before, such as by a sitecustomize, ends here
    os.register_at_fork(after_in_child=events.close)  # who holds them keeps our end from being seen
    jobs = os.dup(sys.stdin.fileno())
    with open(os.devnull, "rb") as nothing:  # is what a page reads that asks its user
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    serve(sys.argv[1], _jobs(jobs), events)


def _jobs(descriptor: int) -> Iterator[bytes]:
    """Return the lines of standard input; end this process when it ends, also in an import."""
    jobs: SimpleQueue[bytes] = SimpleQueue()

    def read() -> None:
        for line in open(descriptor, "rb", buffering=0):  # a buffer's lock would outlive the thread
            jobs.put(line)
        os._exit(0)

    try:
        threading.Thread(target=read, daemon=True).start()
    except RuntimeError:
        os._exit(NO_THREAD)
    return iter(jobs.get, None)


def serve(implementation: str, jobs: Iterable[bytes], events: TextIO) -> None:
    """Load an implementation, then train cell by cell."""

    def send(event: str, **values: Any) -> None:
        events.write(json.dumps({"event": event, **values}) + "\n")
        events.flush()

    from experiments.harness.workers.kernels import chosen_here
    from frameworks.backends import BACKENDS

    backend, start = BACKENDS[implementation], time.perf_counter()
    backend.settled()
    seconds_import, begun = time.perf_counter() - start, chosen_here(implementation)
    send("ready", seconds_import=seconds_import)
    for number, line in enumerate(jobs):
        try:
            job = json.loads(line)
            with contained():  # one that fails may have gone to another folder
                if "cells" in job:
                    _execute_anew(job, send if number else None)
                    send("done", result=_train(job, seconds_import, send, begun))
                else:
                    send("done", result=_time(job))
        except CannotWrite as error:
            send("unwritable", error=str(error))
        except RequestError as error:
            send("failed", error=str(error))
        except Exception as error:  # a failed cell, with its reason; the next one may do better
            send("failed", error=said(error))


def _time(job: dict[str, Any]) -> Any:
    """Time one training, or the machine itself."""
    from experiments.harness.bench.timing import answer

    return answer(job)


def _execute_anew(sent: dict[str, Any], send_if_again: Callable[..., None] | None) -> None:
    """Execute the page of cells, if it is a user's own, and forget its data.

    What it sets for the process may be set once alone: then, another process has to train, as is
    sent where this one has trained before. What its framework keeps is as at the beginning.
    """
    from experiments.harness.cell import Job
    from experiments.harness.workers.kernels import watch_variables
    from experiments.harness.workers.training import load_data
    from frameworks.backends import BACKENDS

    cell = Job.from_json(sent["cells"][0]).cell
    BACKENDS[cell.implementation].settled()
    if cell.page:
        watch_variables()
        load_data.cache_clear()
    try:
        cell.find_anew()
    except RequestError:
        if send_if_again is None:
            raise
        send_if_again("used up")
        os._exit(0)


def _train(
    sent: dict[str, Any], seconds_import: float, send: Callable[..., None], begun: "Chosen"
) -> list[str]:
    """Train cells and write them to the run's folder; return their keys.

    `begun` is what the libraries compute by, before any page was executed.
    The data are those of a file that was sent with them, or else what their experiment loads.
    Of several that are trained together, there may be more than the implementation takes at once.
    """
    from experiments.harness.cell import Job
    from experiments.harness.records.store import Store
    from experiments.harness.search_path import no_place_left
    from experiments.harness.workers.cluster.packed_data import read_packed
    from experiments.harness.workers.kernels import chosen_here, refuse_others
    from experiments.harness.workers.native_training import train_natively
    from experiments.harness.workers.training import load_data, train_job, train_together

    jobs = [Job.from_json(each) for each in sent["cells"]]
    cell, latest, here = jobs[0].cell, [0.0], os.getcwd()
    keys: list[str] = []

    def report(epoch: int, loss: float) -> None:
        now = time.perf_counter()
        if now - latest[0] > _SECONDS_BETWEEN_REPORTS:
            latest[0] = now
            send("epoch", epoch=epoch, loss=loss)

    _check_source(jobs[0])
    with no_place_left():
        data = (
            read_packed(sent["data"])
            if "data" in sent
            else load_data(cell.find_page(), cell.policy, cell.data_dir)
        )
        if data.sha256 != jobs[0].head.data.sha256:
            raise RequestError(
                f"the data of {cell.experiment} changed since the run began, or are others in each "
                "process, as the order of a set of texts is (sort it); run again"
            )
        if cell.numbers(cell.find(), data) != jobs[0].head.spec:
            raise RequestError(
                f"the spec of {cell.experiment} is another one each time that its page is "
                "executed, so that its records would be wrong; write numbers that stay the same"
            )
        train = train_natively if cell.mode == "native" else train_job
        alone = (train(job, data, seconds_import, report) for job in jobs)
        together = train_together(jobs, data, seconds_import, report)
        for record, arrays in together if len(jobs) > 1 else alone:
            _check_source(jobs[0])  # again: what was not loaded before has been now
            if cell.page:
                refuse_others(cell.page, begun, chosen_here(cell.implementation))
            os.chdir(here)  # a builder may have gone elsewhere; the run's folder may be relative
            Store(jobs[0].folder).save(record, arrays)
            keys.append(record.key)
    return keys


def _check_source(job: "Job") -> None:
    """Raise RequestError if the code that is loaded here is not what the record says."""
    from experiments.harness.pages import forget_late_imports, imports_late
    from experiments.harness.records.environment import source_digest

    experiment = job.cell.find()
    if experiment.is_users and (late := forget_late_imports(experiment.source)):
        raise RequestError(imports_late(experiment.source, late[0].name))
    if (
        source_digest(experiment.source, experiment.text, experiment.beside)
        != job.head.source_sha256
    ):
        raise RequestError(
            f"the source code of {job.cell.experiment} ({experiment.source}) is not what was "
            "planned: it has changed since, or PYTHONPATH leads elsewhere; repeat the command"
        )


if __name__ == "__main__":
    main()
