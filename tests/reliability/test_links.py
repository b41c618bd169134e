"""Links, pipes and paths that lead out of a folder: none is followed to read, write or remove."""

import json
import os

import numpy as np
import pytest

from datasets import DataError, load_churn, load_mnist
from experiments.harness.records.store import Store
from frameworks import ScratchClassifier

from .originals import as_json, run_in

KEY = "xor-float64-seed0-keras"


def link_record(run):
    """What the link leads to would be a whole record."""
    (run / f"cells/{KEY}.json").rename(run.parent / "elsewhere")
    (run / f"cells/{KEY}.json").symlink_to(run.parent / "elsewhere")


def link_arrays(run):
    (run / f"cells/{KEY}.safetensors").rename(run.parent / "elsewhere")
    (run / f"cells/{KEY}.safetensors").symlink_to(run.parent / "elsewhere")


def link_cells(run):
    (run / "cells").rename(run.parent / "elsewhere")
    (run / "cells").symlink_to(run.parent / "elsewhere")


def pipe_record(run):
    (run / f"cells/{KEY}.json").unlink()
    os.mkfifo(run / f"cells/{KEY}.json")


def name_another(run):
    record = as_json(run / f"cells/{KEY}.json")
    (run / f"cells/{KEY}.json").write_text(json.dumps(record | {"key": "../../victim"}))


@pytest.mark.parametrize(
    "lay", [link_record, link_arrays, link_cells, pipe_record, name_another]
)  # fmt: skip
def test_a_run_that_leads_elsewhere_is_refused(lay, here, command):
    run = run_in(here / "a")
    lay(run)
    code, _, err = command("report", run)
    assert code == 2
    assert err.startswith("error: a/cells/") or str(run) in err


@pytest.mark.parametrize("lay", [link_record, link_arrays, link_cells, pipe_record])
@pytest.mark.parametrize("name", ["a", "../work/a", "."])
def test_a_run_that_leads_elsewhere_is_not_removed(lay, name, here, command, monkeypatch):
    run = run_in(here / "a")
    lay(run)
    if name == ".":
        monkeypatch.chdir(run)
    before = sorted(here.rglob("*"))
    assert command("runs", "rm", name, "--yes", "--dir", here)[0] == 2
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["..", "../..", "/", "", "../victim", "/etc", "~", "a/..", "a/cells"]
)
def test_what_is_not_a_run_is_not_removed(name, here, command):
    run_in(here / "a")
    before = sorted(here.rglob("*"))
    assert command("runs", "rm", name, "--yes", "--dir", here)[0] == 2
    assert sorted(here.rglob("*")) == before


@pytest.mark.parametrize(
    "name", ["results.json", "results.csv", "report.html", "plan.json"]
)  # fmt: skip
def test_a_link_in_the_place_of_a_result_is_replaced_not_followed(name, here, command):
    run = run_in(here / "a")
    for link in (name, f".{name}.{os.getpid()}"):
        (run / link).unlink(missing_ok=True)
        (run / link).symlink_to(here.parent / "victim")
    if name == "plan.json":
        assert command("run", "xor", "--with", "scratch", "--out", run, "--epochs", 1)[0] == 2
        (run / name).unlink()
        Store(run).create(["a"])
    else:
        command("report", run)
    assert not (run / name).is_symlink()
    assert not (run / f".{name}.{os.getpid()}").is_symlink()


def test_a_link_in_the_place_of_a_file_of_weights_is_replaced(here):
    model = ScratchClassifier(hidden=(), epochs=1, random_state=0)
    model.fit(np.eye(4), [0, 1, 0, 1])
    for link in ("w", f".w.{os.getpid()}"):
        (here / link).symlink_to(here.parent / "victim")
    model.save_weights("w")
    assert [path.name for path in here.iterdir() if not path.is_symlink()] == ["w"]


SECRET = "root:x:0:0:root:/root:/bin/bash\n"


def link_to_secret(path):
    (path.parent / "secret").write_text(SECRET)
    path.symlink_to("secret")


DATA_LINKS = {
    "a link to another file": link_to_secret,
    "a link to itself": lambda path: path.symlink_to(path.name),
    "a link to nothing": lambda path: path.symlink_to("nowhere"),
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a folder": lambda path: path.symlink_to("."),
    "a pipe": os.mkfifo,
}
READERS = {
    "churn/Churn_Modelling.csv": load_churn,
    "mnist/train-images-idx3-ubyte.gz": load_mnist,
    "mnist.npz": load_mnist,
}


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("kind", DATA_LINKS)
def test_a_link_in_a_data_folder_is_refused(kind, name, here):
    path = here / "data" / name
    path.parent.mkdir(parents=True)
    DATA_LINKS[kind](path)
    with pytest.raises(DataError):
        READERS[name]("real", here / "data")


def test_every_case_is_counted(request, figure):
    modules = {"test_hostile.py", "test_links.py"}
    cases = [item for item in request.session.items if item.path.name in modules]
    figure(f"{len(cases) - 1} cases of hostile names, texts, archives and links: each that passed "
           "was refused or escaped")  # fmt: skip
