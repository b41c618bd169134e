"""Which data is used under each policy, and what the note says about it."""

import socket
import subprocess
import sys

import pytest

from datasets import DataError, load_churn, load_mnist
from datasets.policy import obtain


def test_auto_prefers_the_folder_then_the_cache_then_a_mirror(tiny, server, tmp_path):
    server.replies.update(tiny.served())
    (tmp_path / "data").mkdir()
    download = obtain(tiny.recipe, "auto", tmp_path / "data")
    assert download.note.startswith(f"mnist: the real data, downloaded from {server.url}")
    assert f"{tmp_path / 'data'}: holds no mnist/train-images-idx3-ubyte.gz" in download.note
    cache = obtain(tiny.recipe, "auto", None)
    assert cache.note == f"mnist: the real data, in the cache {tmp_path / 'cache'}"
    folder = obtain(tiny.recipe, "auto", tiny.write(tmp_path / "data"))
    assert folder.note == f"mnist: the real data, from {tmp_path / 'data' / 'mnist'}"
    assert len({download.sha256, cache.sha256, folder.sha256}) == 1
    assert all(found.canonical for found in (download, cache, folder))


def test_auto_falls_back_to_the_stand_in_and_says_why_in_one_line(tiny, server, tmp_path):
    (tmp_path / "data").mkdir()
    found = obtain(tiny.recipe, "auto", tmp_path / "data")
    assert found.source == "stand-in"
    assert found.note.startswith("mnist: the built-in stand-in (scikit-learn's 8x8 digits")
    for reason in ("data: holds no", "cache does not hold mnist", "the server answered 404"):
        assert reason in found.note
    assert "\n" not in found.note


def test_real_refuses_the_stand_in_and_lists_what_was_tried(tiny, server, tmp_path):
    (tmp_path / "data").mkdir()
    with pytest.raises(DataError, match="mnist: the real data was not found; tried") as error:
        obtain(tiny.recipe, "real", tmp_path / "data")
    lines = str(error.value).splitlines()
    assert [line[:4] for line in lines[1:-1]] == ["  - "] * 3
    assert "Put the four *-ubyte.gz files" in lines[-1]


def test_real_churn_says_how_to_get_the_file():
    with pytest.raises(DataError, match="no public mirror of churn(.|\n)*Kaggle"):
        load_churn("real")


def test_the_argument_wins_over_the_variable(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("LOCKSTEP_DATA", str(tiny.write(tmp_path / "variable")))
    assert "variable" in obtain(tiny.recipe, "real", None).origin
    tiny.write(tmp_path / "argument")
    assert "argument" in obtain(tiny.recipe, "real", str(tmp_path / "argument")).origin


@pytest.mark.parametrize("policy", ["auto", "real"])
@pytest.mark.parametrize("by", ["the argument", "LOCKSTEP_DATA"])
def test_a_named_folder_that_does_not_exist_is_an_error(policy, by, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_DATA", "/nowhere" if by == "LOCKSTEP_DATA" else "")
    argument = None if by == "LOCKSTEP_DATA" else "/nowhere"
    with pytest.raises(DataError, match=f"folder /nowhere, named by {by}, is not a folder"):
        load_churn(policy, argument)


def test_stand_in_touches_neither_network_nor_the_users_files(server, monkeypatch, cached):
    monkeypatch.setenv("LOCKSTEP_DATA", "/nowhere")
    monkeypatch.setattr(socket, "socket", None)
    for load in (load_mnist, load_churn):
        data = load("stand-in", "/nowhere/either")
        assert (data.source, data.canonical) == ("stand-in", False)
        assert data.note.endswith("because it was requested")
    assert server.asked == []
    assert cached() == []


def test_an_unknown_policy_is_an_error_that_lists_the_known_ones():
    with pytest.raises(DataError, match="'Auto' is unknown; expected one of auto, real, stand-in"):
        load_mnist("Auto")


def test_a_file_that_cannot_be_read_is_an_error(tiny, tmp_path, monkeypatch):
    tiny.write(tmp_path)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    with pytest.raises(DataError, match=r"ubyte.gz: the file cannot be read \(Permission denied\)"):
        obtain(tiny.recipe, "auto", tmp_path)


def test_importing_datasets_loads_nothing_heavy():
    code = "import sys, datasets, datasets.inventory; print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    heavy = {"torch", "tensorflow", "keras", "pandas", "sklearn", "pandera", "pooch", "requests"}
    assert "datasets.mnist" in modules.split()
    assert not heavy & set(modules.split())
    assert not any(
        m.split(".")[0] in ("scratch", "frameworks", "experiments") for m in modules.split()
    )
