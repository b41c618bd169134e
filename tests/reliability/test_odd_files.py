"""Pipes, devices and folders where a command is to write a file: they stay what they are."""

import os

import pytest

from frameworks.files import write_whole


def lay_pipe(path):
    os.mkfifo(path)


def lay_link_to_pipe(path):
    os.mkfifo(path.with_name("pipe"))
    path.symlink_to("pipe")


def lay_link_to_output(path):
    path.symlink_to("/proc/self/fd/1")


def lay_folder(path):
    path.mkdir()


WAYS = [lay_pipe, lay_link_to_pipe, lay_link_to_output, lay_folder]


@pytest.mark.parametrize("lay", WAYS)
def test_what_is_no_file_is_not_replaced_by_one(lay, here):
    lay(here / "odd")
    before = os.lstat(here / "odd")
    with pytest.raises(OSError, match="something else than a file"):
        write_whole(here / "odd", b"mine")
    after = os.lstat(here / "odd")
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


@pytest.mark.parametrize("path", ["odd", ".", ""])
@pytest.mark.parametrize("option", ["--junit", "--html"])
def test_compare_refuses_to_write_where_no_file_can_be(option, path, here, command):
    os.mkfifo(here / "odd")
    code, _, err = command("compare", "before", "after", option, path)
    assert (code, len(err.splitlines())) == (2, 1)
    assert "cannot be a file there" in err
    assert (here / "odd").is_fifo()


@pytest.mark.timeout(60)  # only who waits for a reader takes that long
def test_a_summary_on_a_pipe_that_nobody_reads_is_said_and_waits_for_nobody(
    here, monkeypatch, command
):
    os.mkfifo(here / "odd")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "odd")
    code, _, err = command("compare", "before", "after")
    assert code == 2
    assert "odd: no summary was written" in err
