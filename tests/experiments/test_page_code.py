"""What a page's code does to the process that it runs in is undone, or becomes an error."""

import os
import sys
import threading
from pathlib import Path

import pytest

from experiments.harness.page_code import contained, named
from frameworks.errors import RequestError

PAGE = Path("mine.py")


def exit_code(of):
    """Return the exit code of a child that calls a function."""
    child = os.fork()
    if child == 0:
        try:
            of()
        finally:
            os._exit(99)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def fork_and_go_on():
    parent = os.getpid()
    with contained():
        child = os.fork()
    if os.getpid() == parent:
        os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) + 5)
    os._exit(1)


@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")  # a short-lived child
@pytest.mark.filterwarnings("ignore:os.fork:RuntimeWarning")  # of JAX, if another test loaded it
def test_a_fork_that_goes_on_is_ended():
    assert exit_code(fork_and_go_on) == 5


@pytest.mark.parametrize(
    "error", [SystemExit(0), GeneratorExit(), BaseExceptionGroup("two", [SystemExit(0)])]
)
def test_whatever_is_raised_is_a_request_that_cannot_be_carried_out(error):
    with pytest.raises(RequestError, match=f"^mine: {type(error).__name__}"), named("mine", PAGE):
        raise error


def test_ctrl_c_is_no_error_of_the_page():
    with pytest.raises(KeyboardInterrupt), named("mine", PAGE):
        raise KeyboardInterrupt


def test_the_folder_and_the_streams_are_put_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    streams = sys.stdout, sys.stderr
    with contained(), contained():
        os.chdir("/")
        sys.stdout = sys.stderr = None
    assert Path.cwd() == tmp_path
    assert (sys.stdout, sys.stderr) == streams


def test_what_a_page_prints_goes_to_standard_error(capfd):
    """Standard output may be JSON; programs that the page starts write past `sys.stdout`."""
    print("before")
    with contained(), contained():
        print("printed")
        os.write(1, b"written\n")
    print("after")
    assert capfd.readouterr() == ("before\nafter\n", "printed\nwritten\n")


def test_threads_leave_the_streams_as_they_were(capfd):
    """One that begins while another is at it must not keep the other's."""
    begun, both = threading.Event(), threading.Event()

    def first():
        with contained():
            begun.set()
            both.wait(0.2)

    def second():
        begun.wait()
        with contained():
            both.set()
            threads[0].join()

    streams, threads = (
        (sys.stdout, sys.stderr),
        [threading.Thread(target=f) for f in (first, second)],
    )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(1, b"written\n")
    assert (sys.stdout, sys.stderr) == streams
    assert capfd.readouterr() == ("written\n", "")


def test_a_page_is_loaded_where_there_is_no_standard_output(monkeypatch):
    def closed(descriptor):
        raise OSError(9, "Bad file descriptor")

    monkeypatch.setattr(os, "dup", closed)
    monkeypatch.setattr(sys, "stdout", None)
    with contained():
        print("unheard")
    assert sys.stdout is None


def test_a_folder_that_has_been_removed_is_not_gone_back_to(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with contained():
        os.chdir(tmp_path)
    assert Path.cwd() == tmp_path
