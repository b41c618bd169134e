"""A Dask cluster trains as this machine does: equal bytes, and no worker that is unlike the others.

The cluster is in this process; the trainings are processes of their own, as on any worker.
"""

import asyncio
import socket
import time
from contextlib import suppress
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from experiments import run as run_in_python
from experiments.harness.records.environment import source_digest
from experiments.harness.records.store import Store
from experiments.harness.request import Request
from experiments.harness.workers.cluster import admission, connection, on_worker
from experiments.harness.workers.cluster.admission import Cluster
from experiments.harness.workers.cluster.on_worker import Traits, traits
from experiments.harness.workers.cluster.packed_data import pack, unpack
from experiments.harness.workers.cluster.tasks import ClusterTasks, _files
from experiments.registry import EXPERIMENTS, find_experiment
from frameworks.errors import RequestError

from ...reliability.timings import contents, different

pytestmark = pytest.mark.slow

pytest.importorskip("distributed", reason="needs Dask: pip install distributed")

ASKED = ("perceptron", "--with", "scratch,python", "--epochs", "3", "--seeds", "4")
PAGE = """
from circle_numbers import SPEC, initial_weights, load  # beside the page


def build_scratch(spec=SPEC):
    from experiments.circle import build_scratch as build

    return build(spec)


EXPERIMENT = Experiment(
    page=__name__, data="the circle", spec=SPEC, load=load, builders=(build_scratch,)
)
"""


@pytest.fixture
def saved(monkeypatch):
    """The names of the records that this process writes, from now on."""
    names, save = [], Store.save

    def note(store, record, arrays):
        names.append(record.key)
        save(store, record, arrays)

    monkeypatch.setattr(Store, "save", note)
    return names


def test_a_cluster_gives_the_bytes_of_local_processes_and_repeating_trains_nothing(
    cluster, call, saved, tmp_path
):
    there = ("--dask", cluster.scheduler_address, "--out", tmp_path / "there")
    answer = call("run", *ASKED, *there)
    assert (answer.code, answer.err.count("3 epochs")) == (0, 8), answer
    assert len(saved) == len(set(saved)) == 8  # by the command, and each once
    saved.clear()
    assert call("run", *ASKED, "--jobs", "2", "--out", tmp_path / "here").code == 0
    assert different(contents(tmp_path / "there"), contents(tmp_path / "here")) == []
    assert {path.name for path in (tmp_path / "there").iterdir()} == {
        *("cells", "plan.json", "report.html", "results.csv", "results.json", "trainings.csv")
    }

    answer = call("run", *ASKED, *there)
    assert "8 of 8 trainings are in" in answer.out
    assert ("3 epochs" in answer.err, saved) == (False, [])


def test_a_page_of_ones_own_travels_only_where_that_is_allowed(cluster, client, call, tmp_path):
    (tmp_path / "circle_numbers.py").write_text(
        "from experiments.circle import SPEC, initial_weights, load\n"
    )
    page = tmp_path / "my_circle.py"
    imports = "from experiments.harness.experiment import Experiment\n"
    page.write_text(f'"""my_circle: is it the same?"""\n\n{imports}{PAGE}')
    options = ("run", page, "--epochs", "2", "--seeds", "7,", "--dask", cluster.scheduler_address)
    refused = call(*options, "--out", tmp_path / "refused")
    assert (refused.code, refused.out) == (2, "")
    assert "whose code every worker would execute; --send-pages" in refused.err
    assert call(*options, "--send-pages", "--out", tmp_path / "there").code == 0
    here = run_in_python(str(page), epochs=2, seeds=[7], out=tmp_path / "here", quiet=True)
    assert different(contents(tmp_path / "there"), contents(here.folder)) == []


def test_a_page_that_its_load_changes_is_refused_before_anything_is_trained(client, tmp_path):
    changing = "def load(*given):\n    SPECS.append(given)\n    return xor.load(*given)\n"
    imports = (
        "from experiments import xor\nfrom experiments.harness.experiment import Experiment\n"
        "from experiments.xor import SPEC, build_scratch\n\nSPECS = []\n\n\n"
    )
    ends = "page=__name__, data='four', spec=SPEC, load=load, builders=(build_scratch,)"
    (tmp_path / "mine.py").write_text(f"{imports}{changing}\n\nEXPERIMENT = Experiment({ends})\n")
    options = {"epochs": 2, "out": tmp_path / "run", "quiet": True}
    with pytest.raises(RequestError, match=r"load\(\) changes SPECS at the top"):
        run_in_python(tmp_path / "mine.py", dask=client, send_pages=True, **options)
    assert not (tmp_path / "run").exists()
    assert run_in_python(tmp_path / "mine.py", **options).cells["status"].tolist() == ["ok"]


def test_files_of_a_page_lie_to_each_other_on_a_worker_as_they_do_here(tmp_path):
    """Those above the page, too, which finds them by its own place; none lies outside."""
    project = tmp_path / "project"
    page, folder = project / "pages" / "circles" / "my_circle.py", tmp_path / "worker"
    page.parent.mkdir(parents=True)
    (project / "circle_numbers.py").write_text(
        "from experiments.circle import SPEC, initial_weights, load\n"
    )
    above = (
        "import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..'))"
    )
    imports = "from experiments.harness.experiment import Experiment\n"
    page.write_text(f'"""my_circle: is it the same?"""\n\n{above}\n{imports}{PAGE}')
    here = find_experiment(str(page))
    planned = source_digest(here.source, here.text, here.beside)
    files = _files(here)
    assert [*files] == ["pages/circles/my_circle.py", "circle_numbers.py"]
    project.rename(tmp_path / "elsewhere")
    there = find_experiment(on_worker._keep_page(folder, files))
    assert source_digest(there.source, there.text, there.beside) == planned
    assert all(path.is_relative_to(folder) for path in [there.source, *there.beside])
    assert [path.read_text() for path in there.beside] == [files["circle_numbers.py"].decode()]


def test_a_training_that_fails_has_its_reason_and_the_others_go_on(
    client, append_to_page, tmp_path
):
    append_to_page("perceptron", "def build_scratch(spec=SPEC):\n    raise MemoryError('no room')")
    options = {"epochs": 2, "out": tmp_path / "run", "quiet": True, "dask": client}
    cells = run_in_python("perceptron", "xor", implementations="scratch", **options).cells
    assert cells["status"].tolist() == ["failed", "ok"]
    assert cells["error"].iloc[0] == "MemoryError: no room"


def test_workers_with_too_few_threads_are_refused(client, tmp_path):
    with pytest.raises(RequestError, match="a training asks for 2 threads, and it has 1"):
        run_in_python("xor", threads=2, dask=client, out=tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_without_a_scheduler_one_sentence_says_so(call, monkeypatch):
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 0.2)
    answer = call("run", "xor", "--dask", "tcp://127.0.0.1:1")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert answer.err.startswith("error: dask: no scheduler answers at tcp://127.0.0.1:1 (")


@pytest.mark.parametrize(
    "said", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"], ids=["nothing", "a web server"]
)
def test_what_is_no_scheduler_ends_in_one_sentence_in_time(call, monkeypatch, said):
    monkeypatch.setattr(connection, "_SECONDS_TO_CONNECT", 0.5)
    taken = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            with suppress(OSError):  # until the server is closed
                while True:
                    taken.append(server.accept()[0])
                    taken[-1].sendall(said)

        Thread(target=serve, daemon=True).start()
        start = time.monotonic()
        answer = call("run", "xor", "--dask", f"tcp://127.0.0.1:{server.getsockname()[1]}")
        assert time.monotonic() - start < 30  # it waited for ever
    for each in taken:
        each.close()
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1), answer.err
    assert answer.err.startswith("error: dask: no scheduler answers at tcp://127.0.0.1:")


def test_an_empty_address_starts_no_cluster_of_its_own(call):
    answer = call("run", "xor", "--dask", "")
    assert (answer.code, answer.out, answer.err.count("\n")) == (2, "", 1)
    assert "the address is empty" in answer.err


def test_without_dask_the_option_says_what_to_install(call, monkeypatch):
    monkeypatch.setattr(connection, "find_spec", lambda name: None)
    answer = call("run", "xor", "--dask", "tcp://127.0.0.1:1")
    assert answer.code == 2
    assert answer.err == (
        "error: dask: the package distributed is not installed; "
        "run: make setup, or pip install -c constraints.txt -e '.[dask]'\n"
    )


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--dask", "tcp://127.0.0.1:1", "--jobs", "2"), "with --dask the workers' threads decide"),
        (("--send-pages",), "name it with --dask"),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, said, call):
    answer = call("run", "xor", *options)
    assert (answer.code, said in answer.err) == (2, True)


HERE = Traits({"processor": "A", "versions": {"torch": "2.13.0"}}, {"pytorch": "11"}, "code")
OTHER = replace(HERE, environment={"processor": "B", "versions": {"torch": None}})
THIRD = replace(HERE, packages={"pytorch": "22"})


def test_workers_like_this_machine_are_chosen_and_the_others_named_with_their_difference():
    refused = {}
    found = {"a": OTHER, "b": HERE, "c": OTHER, "d": THIRD}
    assert admission._choose(found, HERE, refused) == HERE
    other = "processor B, not A; torch not installed, not 2.13.0"
    assert refused == {"a": other, "c": other, "d": "files of pytorch's packages 22, not 11"}


def test_where_none_is_like_this_machine_the_largest_group_is_chosen():
    refused = {}
    assert admission._choose({"a": THIRD, "b": OTHER, "c": OTHER}, HERE, refused) == OTHER
    assert refused.keys() == {"a"}


def test_a_worker_that_joins_is_admitted_only_if_it_is_like_the_others(client, monkeypatch):
    joined = Cluster(client, Request(("xor",), ("scratch",)))
    assert (joined.slots, joined.look()) == (2, (False, []))
    joined._chosen = replace(joined._chosen, packages={"scratch": "of another version"})
    joined.ticket += "-other"  # as if both had just joined
    first, remarks = joined.look()
    assert (first, len(remarks), joined.slots) == (False, 2, 1)
    assert all("files of scratch's packages" in remark for remark in remarks)
    assert joined.look() == (False, [])  # said once


def test_a_worker_that_was_started_with_other_code_is_refused(client, monkeypatch):
    """It keeps what it has loaded, though its checkout has been updated since."""
    monkeypatch.setattr(on_worker, "_LOADED", "of the last version")
    with pytest.raises(RequestError, match="update it, and start the worker again"):
        Cluster(client, Request(("perceptron",), ("scratch",)))


def test_a_worker_that_does_not_answer_is_left_out(client, monkeypatch):
    async def survey(threads, names, dask_worker):
        if dask_worker.address == frozen:
            await asyncio.sleep(60)
        return known

    known = traits(1, ["scratch"])
    frozen = max(client.scheduler_info(n_workers=-1)["workers"])
    monkeypatch.setattr(on_worker, "survey", survey)
    monkeypatch.setattr(connection, "_SECONDS_TO_ANSWER", 0.5)
    joined = Cluster(client, Request(("perceptron",), ("scratch",)))
    assert joined.left_out == [f"worker {frozen}: it did not answer within 0.5 s"]
    assert joined.slots == 1  # also where an earlier command has admitted it


def test_a_worker_that_goes_while_it_is_asked_is_not_left_out_but_gone(client, monkeypatch):
    joined = Cluster(client, Request(("perceptron",), ("scratch",)))
    workers = joined._workers()
    gone = max(workers)
    answers = dict.fromkeys(workers, traits(1, ["scratch"])) | {gone: OSError("closed")}
    monkeypatch.setattr(admission, "answers_of", lambda *_: answers)
    monkeypatch.setattr(
        joined, "_workers", lambda: {name: workers[name] for name in [min(workers)]}
    )
    joined._refused.clear()
    assert joined._ask(workers, joined._chosen).keys() == {min(workers)}
    assert joined._refused == {}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_packed_data_are_the_same_data(name):
    data = find_experiment(name).load_data("stand-in", None)
    again = unpack(pack(data))
    assert pack(again) == pack(data)
    for name in ("X_train", "y_train", "X_test", "y_test"):
        sent, arrived = getattr(data, name), getattr(again, name)
        assert (arrived.dtype, arrived.flags.writeable) == (sent.dtype, True)
        np.testing.assert_array_equal(arrived, sent)
    assert (again.targets, again.sha256) == (data.targets, data.sha256)
    assert (again.feature_names, again.note) == (data.feature_names, data.note)


def test_a_delivery_that_is_not_what_was_asked_for_is_refused(client, tmp_path):
    result = run_in_python("xor", implementations="scratch", epochs=2, out=tmp_path, quiet=True)
    from experiments.harness.plan import plan

    request = Request(("xor",), ("scratch",), epochs=2, out=tmp_path / "new")
    planned = plan(request)
    planned.store.create()
    tasks = ClusterTasks(None, planned.store, 60, None)
    key = next(iter(planned.heads.values())).key
    record = (result.folder / "cells" / f"{key}.json").read_bytes()
    arrays = (result.folder / "cells" / f"{key}.safetensors").read_bytes()
    flipped = arrays[:-1] + bytes([arrays[-1] ^ 1])
    for content in [(record, flipped), (record.replace(b'"seed": 0', b'"seed": 1'), arrays)]:
        with pytest.raises(ValueError, match=f"what a worker sent for {key} is damaged"):
            tasks._save(planned.heads, *content)
    tasks._save(planned.heads, record, arrays)
    assert planned.missing() == {}
