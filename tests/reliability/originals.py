"""Small real files of every kind that is read, to be damaged."""

import gzip
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
from safetensors import numpy as safetensors

from datasets.churn_stand_in import invent_customers
from datasets.idx import encode_idx
from datasets.mnist_stand_in import draw_digits
from experiments.harness.records.results import build_results
from experiments.harness.records.store import Store
from frameworks import ScratchClassifier

STORED = Path(__file__).parents[1] / "experiments/stored/schema-1"  # by the first version
REAL_DATA = os.environ.get("LOCKSTEP_DATA", "")
MEMBER = "x_train"
ACTS = "\x1b\x07\x9b\x9d\r\x00"  # what a terminal acts on


def idx_files() -> list[bytes]:
    """Return images, labels, and, where they are, the labels of the real test rows."""
    X, y, *_ = draw_digits()
    files = [encode_idx(X[:2]), encode_idx(y[:40])]
    real = Path(REAL_DATA) / "mnist/t10k-labels-idx1-ubyte.gz"
    return [*files, gzip.decompress(real.read_bytes())] if real.is_file() else files


def npz_files() -> list[bytes]:
    X, y, *_ = draw_digits()
    files = []
    for save in (np.savez, np.savez_compressed):
        out = io.BytesIO()
        save(out, **{MEMBER: X[:2], "y_train": y[:2]})
        files.append(out.getvalue())
    return files


def npy_files() -> list[bytes]:
    out = io.BytesIO()
    np.save(out, draw_digits()[0][:2])
    return [out.getvalue()]


def csv_files() -> list[bytes]:
    """Return eight customers, invented and, where they are, real."""
    files = [b"\n".join(invent_customers().split(b"\n")[:8])]
    real = Path(REAL_DATA) / "churn/Churn_Modelling.csv"
    return [*files, b"".join(real.read_bytes().splitlines(True)[:8])] if real.is_file() else files


def run_in(folder: Path) -> Path:
    """Make a run of two implementations, one of which failed on a second seed."""
    shutil.copytree(STORED, folder)
    store = Store(folder)
    (record,) = store.records()
    arrays = store.arrays_of(record) | {"labels": np.array([0, 1, 1, 0])}
    (store.cells / f"{record.key}.json").unlink()  # what is finished is not written again
    for implementation in ("scratch", "keras"):
        key = f"xor-float64-seed0-{implementation}"
        changed = {"key": key, "implementation": implementation}
        store.save(record.model_copy(update=changed), arrays)
    key = "xor-float64-seed1-scratch"
    nothing = dict.fromkeys(("history", "test", "seconds", "digests", "n_train"))
    failed = {"key": key, "seed": 1, "status": "failed", "error": "no room"}
    store.save(record.model_copy(update=failed | nothing), {})
    store.create([key])
    store.write_results(build_results(store))
    return folder


def weight_file(folder: Path) -> bytes:
    """Return what a classifier of three classes saves."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(9, 3)), np.array(["a", "b", "c"] * 3)
    classifier = ScratchClassifier(hidden=(2,), epochs=1, dtype="float64", random_state=0)
    classifier.fit(X, y).save_weights(folder / "original.safetensors")
    return (folder / "original.safetensors").read_bytes()


def as_version_1(raw: bytes) -> bytes:
    """Return a file of weights as it was before there were limits, a digest, and rows by scale."""
    tensors, header = safetensors.load(raw), raw[8 : 8 + int.from_bytes(raw[:8], "little")]
    rows = {f"check.{name}": tensors[f"check.0.{name}"][:3] for name in ("inputs", "outputs")}
    kept = {name: array for name, array in tensors.items() if not name.startswith("check")}
    metadata = json.loads(header)["__metadata__"] | {"version": "1"}
    del metadata["sha256"]
    return safetensors.save(kept | rows, metadata)


def as_json(path: Path):
    return json.loads(path.read_bytes())
