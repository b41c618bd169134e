"""Damaged files of every kind: each is read correctly, or refused by one of our own errors."""

import gzip
import io
import zipfile

import numpy as np
import pytest

from datasets import DataError
from datasets.churn_schema import CATEGORIES
from datasets.churn_table import read_churn
from datasets.idx import encode_idx, gunzip_idx, parse_idx
from datasets.npz import read_npz
from experiments.harness.records.arrays import read_arrays
from experiments.harness.records.models import read_plan, read_record, read_results
from frameworks import ScratchClassifier, WeightFileError
from frameworks.errors import RequestError

from .fuzz import fuzz
from .originals import (
    MEMBER,
    as_version_1,
    csv_files,
    idx_files,
    npy_files,
    npz_files,
    run_in,
    weight_file,
)


def read_idx(content):
    assert encode_idx(parse_idx(content)) == content


def read_gzip(content):
    read_idx(gunzip_idx(content))


def read_packed(content):
    """Read what is damaged inside, and then packed."""
    read_gzip(gzip.compress(content, 1))


def read_archived(content):
    """Read an archive whose member is damaged, and then packed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{MEMBER}.npy", content)
    read_archive(out.getvalue())


def read_archive(content):
    array = read_npz(content, MEMBER)
    assert array.dtype == np.uint8
    assert array.size <= 64 * 2**20


def read_table(content):
    table = read_churn(content)
    assert table.drop(columns=list(CATEGORIES)).map(np.isfinite).all(axis=None)
    for name, categories in CATEGORIES.items():
        assert set(table[name]) <= {*categories}


@pytest.mark.parametrize(
    ("read", "originals", "short", "long"),
    [
        (read_idx, idx_files, 1500, 30_000),
        (read_gzip, lambda: [gzip.compress(file) for file in idx_files()], 500, 10_000),
        (read_packed, idx_files, 500, 10_000),
        (read_archive, npz_files, 500, 10_000),
        (read_archived, npy_files, 500, 10_000),
        (read_table, csv_files, 100, 3000),
    ],
    ids=["IDX", "gzip", "IDX in gzip", "npz", "npy in npz", "CSV"],
)
def test_data_files_are_read_or_refused(read, originals, short, long, torture, figure):
    figure(fuzz(read, originals(), long if torture else short, DataError))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return run_in(tmp_path_factory.mktemp("fuzz") / "run")


def on_disk(read, path):
    """Return a reader of content that is written to a file first."""

    def write_and_read(content):
        path.write_bytes(content)
        read(path)

    return write_and_read


@pytest.mark.parametrize(
    ("read", "name", "short", "long"),
    [
        (read_record, "cells/xor-float64-seed0-keras.json", 500, 8000),
        (read_results, "results.json", 300, 5000),
        (read_plan, "plan.json", 200, 3000),
    ],
)
def test_files_of_a_run_are_read_or_refused(
    read, name, short, long, run, tmp_path, torture, figure
):
    original = run / name
    reader = on_disk(read, tmp_path / original.name)
    figure(fuzz(reader, [original.read_bytes()], long if torture else short, RequestError))


def test_arrays_of_a_run_are_read_or_refused(run, tmp_path, torture, figure):
    key = "xor-float64-seed0-keras"
    record = read_record(run / f"cells/{key}.json")
    reader = on_disk(lambda path: read_arrays(path, record), tmp_path / "a.safetensors")
    original = (run / f"cells/{key}.safetensors").read_bytes()
    figure(fuzz(reader, [original], 8000 if torture else 300, RequestError))


def test_weight_files_are_read_or_refused(tmp_path, torture, figure):
    shapes = [(3, 2), (2,), (2, 3), (3,)]

    def read(path):
        classifier = ScratchClassifier(hidden=(2,), dtype="float64").load_weights(path)
        assert [w.shape for w in classifier.get_weights()] == shapes

    reader, original = on_disk(read, tmp_path / "w.safetensors"), weight_file(tmp_path)
    originals = [original, as_version_1(original)]  # the older has no digest
    figure(fuzz(reader, originals, 8000 if torture else 300, WeightFileError))
