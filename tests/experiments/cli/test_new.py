"""`lockstep new`: a page to start from."""

import os
from pathlib import Path

import pytest

from experiments.harness.records.store import Store

from ..command import lockstep
from ..planting import differences


def test_a_new_page_agrees_in_all_three_implementations(tmp_path):
    made = lockstep("new", "my_page", cwd=tmp_path)
    assert made.out.endswith("lockstep run ./my_page.py\n"), made.err
    assert differences(tmp_path / "my_page.py", epochs=2) == [""] * 3


def test_its_own_numbers_reach_what_it_expects(call):
    call("new", "my_page")
    answer = call("run", "./my_page.py", "--with", "scratch", "--out", "run")
    assert (answer.code, "my_page  4-8-3, " in answer.out) == (0, True)
    (record,) = Store(Path("run")).records()
    assert record.acceptance == (0.9, 1.0)
    assert record.headline >= 0.9


def test_no_file_is_written_over(call):
    Path("my_page.py").write_text("mine")
    answer = call("new", "my_page.py")
    assert (answer.code, "is there already" in answer.err) == (2, True)
    assert Path("my_page.py").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="only POSIX limits how large a file may grow")
def test_a_full_disk_is_named_with_the_file_and_leaves_none(call):
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        answer = call("new", "my_page")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    said = "error: my_page.py: cannot be written (File too large)\n"
    assert (answer.code, answer.err, Path("my_page.py").exists()) == (2, said, False)


def test_a_name_that_no_page_can_have_is_refused(call):
    assert "is an experiment of the suite" in call("new", "xor").err
    assert "a page is named with letters" in call("new", "1st").err
    for name in ("class", "random", "numpy"):
        assert "means something else in Python" in call("new", name).err
    assert not [*Path().glob("*.py")]
