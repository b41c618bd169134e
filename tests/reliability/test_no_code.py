"""Nothing that is read runs: not a pickle, not a model file, wherever it is put."""

import ast
import gzip
import io
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets import DataError, load_churn, load_mnist
from experiments import RequestError, load_run
from experiments.harness.compare.stored_run import StoredRun
from frameworks import ScratchClassifier, WeightFileError
from scratch import Dense, Sequential

from .originals import run_in

ROOT = Path(datasets.__file__).parents[1]
PACKAGES = ("scratch", "frameworks", "datasets", "experiments")
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
MODULES |= {"h5py", "yaml", "xml", "subprocess32", "tarfile"}
CALLS = {"eval", "exec", "compile", "__import__", "np.load", "numpy.load", "torch.load"}
CALLS |= {"torch.jit.load", "pd.read_pickle", "pd.read_hdf", "np.fromregex"}
ENDS = (
    "ElementTree.parse",
    "ElementTree.fromstring",
    "load_model",
    "model_from_json",
    "from_config",
    "unsafe_load",
    "load_state_dict_from_url",
)


def source_files():
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def what_could_run(path):
    """Yield each call or import, in a file, by which data could become code."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [(node.module or "").partition(".")[0]]
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            yield f"{path.name}:{node.value.lineno}: allow_pickle"
        elif isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in CALLS or called.endswith(ENDS):
                yield f"{path.name}:{node.lineno}: {called}"
        yield from (f"{path.name}:{node.lineno}: import {n}" for n in names if n in MODULES)


def test_the_source_has_no_call_that_makes_code_of_data(figure):
    files = source_files()
    assert len(files) > 150
    found = [each for path in files for each in what_could_run(path)]
    # The compiler of scratch writes the calls that it has noted as lines: names and numbers of its
    # own making. NumPy unpickles nothing unless it is told to; that of its call is tried below.
    # JUnit's file is written as XML, and none is read. What a signal interrupts evaluates "0".
    known = ["source.py: exec", "source.py: compile", "network.py: np.load", "junit.py: import xml"]
    known.insert(3, "interruption.py: eval")
    assert [re.sub(r":\d+", "", each) for each in found] == known
    figure(f"{len(files)} files of source, no import and no call that makes code of data")


@pytest.mark.parametrize(
    "line", ["import pickle", "from joblib import load", "x = np.load(f)", "torch.load(f)",
             "eval(text)", "keras.models.load_model(f)", "f(allow_pickle=False)",
             "from xml.etree import ElementTree", "ElementTree.fromstring(text)"],
)  # fmt: skip
def test_such_a_call_would_be_found(tmp_path, line):
    (tmp_path / "a.py").write_text(line)
    assert list(what_could_run(tmp_path / "a.py"))


class Payload:
    """A pickle of it makes a file wherever it is loaded."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def payloads(marker):
    """Yield a pickle in each wrapping in which one comes."""
    payload = Payload(marker)
    plain = pickle.dumps(payload)
    names = ("x_train", "y_train", "x_test", "y_test")
    yield "pickle", plain
    yield "pickle of protocol 0", pickle.dumps(payload, 0)
    yield "pickle in gzip", gzip.compress(plain)
    out = io.BytesIO()
    np.savez(out, **{name: np.array([payload], dtype=object) for name in names})
    yield "objects in npz", out.getvalue()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in (*[f"{name}.npy" for name in names], "data.pkl", "model.keras", "config.json"):
            archive.writestr(name, plain)
    yield "pickles in zip", out.getvalue()
    out = io.BytesIO()
    np.save(out, np.array([payload], dtype=object))
    yield "objects in npy", out.getvalue()
    import torch

    out = io.BytesIO()
    torch.save(payload, out)
    yield "PyTorch's file", out.getvalue()


def readers(folder, run):
    """Yield everything that reads a file: its path, the reader, and how it refuses."""
    first = "mnist/train-images-idx3-ubyte"
    for name in (f"{first}.gz", first, "mnist/mnist.npz", "mnist.npz"):
        yield folder / name, lambda: load_mnist("real", folder), DataError
    yield folder / "churn/Churn_Modelling.csv", lambda: load_churn("real", folder), DataError
    key = "cells/xor-float64-seed0-keras"
    for name in (f"{key}.json", f"{key}.safetensors"):
        yield run / name, lambda: load_run(run), RequestError
    yield run / "results.json", lambda: StoredRun.open(run / "results.json"), RequestError
    network = Sequential(Dense(1, 1))
    yield folder / "a.npz", lambda: network.load(folder / "a.npz"), (ValueError, zipfile.BadZipFile)
    model = ScratchClassifier(hidden=(2,))
    yield (
        folder / "a.safetensors",
        lambda: model.load_weights(folder / "a.safetensors"),
        (WeightFileError),
    )


def test_the_payload_runs_where_pickles_are_loaded(tmp_path):
    for i, (_, content) in enumerate(payloads(tmp_path / "marker")):
        if i < 2:
            pickle.loads(content)
            assert (tmp_path / "marker").exists()
            (tmp_path / "marker").unlink()


def test_no_pickle_runs_wherever_it_is_put(tmp_path, monkeypatch, figure):
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCKSTEP_MIRROR", "http://127.0.0.1:1")
    marker, tried = tmp_path / "marker", 0
    for i, (kind, content) in enumerate(payloads(marker)):
        folder, run = tmp_path / f"data{i}", run_in(tmp_path / f"run{i}")
        for path, read, error in readers(folder, run):
            path.parent.mkdir(parents=True, exist_ok=True)
            before = path.read_bytes() if path.exists() else None
            path.write_bytes(content)
            with pytest.raises(error):
                read()
            assert not marker.exists(), f"{kind} ran in {path.name}"
            path.unlink() if before is None else path.write_bytes(before)
            tried += 1
    figure(f"{tried} pickles in every place that is read: none ran")
