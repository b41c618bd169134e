"""When a stored training is the one that would be trained now, and what is said where it is not."""

import json
from dataclasses import replace

import pytest

from experiments.harness.cell import Job
from experiments.harness.plan import plan
from experiments.harness.records.environment import packages_digest, source_digest
from experiments.harness.request import Request
from experiments.harness.workers.training import load_data, train_job
from experiments.registry import find_experiment
from frameworks.backends import BACKENDS
from frameworks.errors import RequestError

KEY = "xor-float64-seed0-scratch"


@pytest.fixture
def request_again(tmp_path):
    """What was asked for: one small training, which is stored."""
    request = Request(("xor",), ("scratch",), epochs=2, policy="stand-in", out=tmp_path / "run")
    planned = plan(request)
    ((cell, head),) = planned.heads.items()
    planned.store.create([cell.key])
    data = load_data(cell.find(), cell.policy, None)
    planned.store.save(*train_job(Job(cell, head, planned.store.folder), data, seconds_import=0.0))
    return request


@pytest.fixture
def altered(request_again):
    """Return a function that changes fields of the stored record."""
    path = request_again.out / "cells" / f"{KEY}.json"

    def alter(**values):
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return alter


def refusal(request, says):
    with pytest.raises(RequestError) as error:
        plan(request).missing()
    remedy = "choose another folder with --out, or delete this one"
    assert str(error.value) == f"{request.out}: holds {KEY} with {says}; {remedy}"


def test_a_folder_holds_no_native_training_beside_others(request_again):
    with pytest.raises(RequestError, match=f"holds {KEY} in another mode, native or not; choose"):
        plan(replace(request_again, native=True, implementations=("keras",))).missing()
    others = replace(request_again, experiments=("circle",), dtype="float32")  # has its own table
    assert len(plan(others).missing()) == 1


def test_what_is_stored_is_not_trained_again(request_again):
    assert plan(request_again).missing() == {}


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"fingerprint": "0" * 64}, "its fingerprint does not follow from its fields"),
        ({"limit": 2}, "its fingerprint does not follow from its fields"),
        ({"experiment": "circle"}, "its fields are those of 'circle-float64-seed0-scratch'"),
        ({"implementation": "keras"}, "its fields are those of 'xor-float64-seed0-keras'"),
        ({"seed": 7}, "its fields are those of 'xor-float64-seed7-scratch'"),
        ({"mode": "native"}, f"its fields are those of '{KEY}-native'"),
        ({"task": "foo"}, "task: expected one of classification, regression, reconstruction"),
    ],
)
def test_a_record_that_was_altered_is_one_error_of_every_command(
    request_again, altered, call, values, says
):
    altered(**values)
    again = ("run", "xor", "--with", "scratch", "--epochs", "2", "--data", "stand-in", "--out")
    for command in (again, ("report",)):
        answer = call(*command, request_again.out)
        assert (answer.code, answer.out.count("trainings")) == (2, 0)
        assert answer.err.startswith(f"error: {request_again.out / 'cells' / KEY}.json: ")
        assert says in answer.err
        assert "delete it, and run again" in answer.err


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"epochs": 3}, "another spec"),
        ({"limit": 3}, "another limit"),
        ({"threads": 2}, "another environment"),
        # one more would stand beside it, in the same tables and pictures
        ({"threads": 2, "seeds": (1,)}, "another environment"),
        ({"epochs": 3, "seeds": (1,)}, "another spec"),
        ({"limit": 3, "seeds": (1,)}, "another limit"),
        ({"implementations": ("pytorch",), "limit": 3, "seeds": (1,)}, "another limit"),
        ({"dtype": "float32"}, "another dtype"),
    ],
)
def test_another_request_is_refused_by_what_differs(request_again, changed, says):
    refusal(replace(request_again, **changed), says)


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """A framework of one module and one library, which scratch is said to need."""
    folder = tmp_path / "site" / "tiny_framework"
    (folder / "kernels").mkdir(parents=True)
    (folder / "__init__.py").write_text("raise SystemExit('it is never imported')\n")
    (folder / "kernels" / "matmul.py").write_text("ROUNDS = 'to nearest'\n")
    (folder / "kernels" / "fast.so").write_bytes(bytes(100))
    (folder / "kernels" / "notes.txt").write_text("no code\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    needs_it = replace(BACKENDS["scratch"], packages=("numpy", "tiny_framework"))
    monkeypatch.setitem(BACKENDS, "scratch", needs_it)
    packages_digest.cache_clear()
    yield folder
    packages_digest.cache_clear()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("kernels/matmul.py", b"ROUNDS = 'to even'\n"),
        ("kernels/fast.so", bytes(101)),
        ("kernels/more.py", b""),
    ],
)
def test_a_patched_package_of_the_same_version_is_another_run(tiny, request_again, name, content):
    assert plan(request_again).missing() == {}
    (tiny / name).write_bytes(content)
    packages_digest.cache_clear()  # as a new process has none
    for request in (request_again, replace(request_again, seeds=(1,))):
        refusal(request, "other files in its framework's packages")


def test_a_file_without_code_and_a_cache_of_bytecode_change_nothing(tiny, request_again):
    (tiny / "kernels" / "notes.txt").write_text("other words\n")
    (tiny / "__pycache__").mkdir()
    (tiny / "__pycache__" / "__init__.cpython-311.pyc").write_bytes(b"bytecode")
    packages_digest.cache_clear()
    assert plan(request_again).missing() == {}


def test_an_older_record_without_a_digest_of_packages_is_another_run(request_again, altered):
    altered(packages_sha256="", fingerprint="0" * 64)
    refusal(request_again, "other files in its framework's packages")


def test_the_source_of_an_experiment_is_its_page_and_what_trains_it(tmp_path):
    xor, circle = (find_experiment(name).source for name in ("xor", "circle"))
    assert source_digest(xor) == source_digest(xor) != source_digest(circle)
    mine = tmp_path / "mine.py"
    mine.write_text(xor.read_text())
    digests = [source_digest(mine)]
    mine.write_text(xor.read_text() + "\n")
    digests.append(source_digest(mine))
    assert len({*digests, source_digest(xor)}) == 3
