"""A Dask cluster of processes that can be killed: a scheduler, and workers that come back."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .commands import HERE, wait_until


class DaskCluster:
    """A scheduler, and a nanny for each worker, which starts a killed one again."""

    def __init__(self, folder: Path, workers: int) -> None:
        self._folder, self._workers = folder, workers
        self._log = folder / "dask.log"
        self.port = ""  # of the scheduler: the same whenever it starts
        self.start()

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start all of it, and wait until the workers are there."""
        self._log.write_text("")
        scheduler = ("dask_scheduler", "--port", self.port or "0")
        self._processes = [self._launch(*scheduler, "--host", "127.0.0.1")]
        wait_until(lambda: re.search(r"Scheduler at: *tcp://", self._log.read_text()))
        self.port = re.findall(r"Scheduler at: *tcp://127.0.0.1:(\d+)", self._log.read_text())[0]
        options = ("--nworkers", str(self._workers), "--nthreads", "1")
        self._processes.append(self._launch("dask_worker", self.address, *options))
        wait_until(lambda: self._log.read_text().count("Registered to:") >= self._workers)

    def worker_processes(self) -> list[int]:
        """Return the processes of the workers that are there now."""
        threads = Path(f"/proc/{self._processes[1].pid}/task").glob("*/children")
        return [int(pid) for file in threads for pid in file.read_text().split() if _is_worker(pid)]

    def kill_scheduler(self) -> None:
        """Kill it; its workers end when they notice."""
        self._processes[0].kill()
        self._processes[0].wait()

    def close(self) -> None:
        """End all of it, the trainings too: they end with their workers."""
        for process in self._processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def _launch(self, name: str, *arguments: str) -> subprocess.Popen:
        command = [sys.executable, "-P", "-m", f"distributed.cli.{name}", *arguments]
        with self._log.open("a") as log:
            return subprocess.Popen(
                [*command, "--no-dashboard"],
                cwd=self._folder,
                env=os.environ | {"PYTHONPATH": str(HERE.parents[1]), "PYTHONWARNINGS": "ignore"},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


def _is_worker(process: str) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except FileNotFoundError:
        return False
