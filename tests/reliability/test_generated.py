"""Files made up from their grammar, rather than damaged: sizes, types and names of every kind."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from datasets import DataError
from datasets.churn_table import read_churn
from datasets.idx import encode_idx, parse_idx
from datasets.npz import read_npz
from experiments.harness.records.models import read_record
from frameworks import ScratchClassifier, WeightFileError
from frameworks.errors import RequestError
from frameworks.weight_files import sealed

from .originals import STORED, as_json, csv_files

SIDES = st.one_of(st.integers(0, 30), st.sampled_from([2**16, 2**31, 2**32 - 1]))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=10,
)
CHECKS = [f"check.0.{name}" for name in ("inputs", "outputs", "limits")]
WEIGHTS = st.sampled_from(["weights.0", "weights.1", *CHECKS, "check.inputs", "check.outputs", ""])
NUMBERS = st.sampled_from(["f8", "f4", "f2", "i8", "u1", "?"])


def check(strategy, count, read, error):
    """Read so many examples; say how many were read, the others having been refused."""
    done = {"read": 0, "refused": 0}

    @settings(max_examples=count, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(example):
        try:
            read(example)
        except error:
            done["refused"] += 1
        else:
            done["read"] += 1

    run()
    return f"{sum(done.values()):,} made up: {done['refused']:,} refused, {done['read']:,} read"


def test_idx_files_of_every_header(torture, figure):
    def read(example):
        kind, sides, rest = example
        content = struct.pack(f">HBB{len(sides)}I", 0, kind, len(sides), *sides) + rest
        assert encode_idx(parse_idx(content)) == content

    kinds = st.sampled_from([8, 8, 8, 9, 0x0D, 255])
    example = st.tuples(kinds, st.lists(SIDES, max_size=6), st.binary(max_size=100))
    figure(check(example, 5000 if torture else 150, read, DataError))


def test_npy_files_of_every_type_and_shape(torture, figure):
    def read(array):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive, archive.open("x.npy", "w") as file:
            np.save(file, array, allow_pickle=False)
        np.testing.assert_array_equal(read_npz(out.getvalue(), "x"), array, strict=True)

    shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5)
    types = scalar_dtypes() | st.just(np.dtype("u1"))
    example = types.flatmap(lambda dtype: arrays(dtype, shapes))
    figure(check(example, 3000 if torture else 100, read, DataError))


def test_npy_headers_of_every_text(torture, figure):
    def read(example):
        text, rest = example
        head = text.encode("latin-1", "replace")
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w") as archive:
            archive.writestr(
                "x.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + rest
            )
        assert read_npz(out.getvalue(), "x").nbytes == len(rest)

    sides = st.lists(st.integers(-3, 2**40), max_size=4).map(tuple)
    made = st.builds(
        "{{'descr': {!r}, 'fortran_order': {}, 'shape': {}}}\n".format,
        st.sampled_from(["|u1", "u1", "<f8", "|O", "|V1", "x", ("a", "u1"), [("a", "|u1")], "|S1"]),
        st.sampled_from([True, False, 1, None]),
        sides | st.just((3, 3)) | st.just("(3, 3)") | st.just((True, 9)) | st.just([9]),
    )
    example = st.tuples(made | st.text(max_size=80), st.just(b"123456789") | st.binary(max_size=9))
    figure(check(example, 3000 if torture else 100, read, DataError))


def test_records_with_any_value_in_any_field(tmp_path, torture, figure):
    (path,) = (STORED / "cells").glob("*.json")
    whole = as_json(path)

    def read(example):
        name, value = example
        (tmp_path / path.name).write_text(json.dumps(whole | {name: value}))
        record = read_record(tmp_path / path.name)
        assert not record.ok or len(record.history.loss) == record.epochs

    names = st.sampled_from([*whole, "mode", "certified", "anything"])
    figure(check(st.tuples(names, JSON), 5000 if torture else 100, read, RequestError))


def test_weight_files_with_any_tensors_and_metadata(tmp_path, torture, figure):
    path = tmp_path / "w.safetensors"

    def read(example):
        tensors, metadata, version = example
        text = {"format": "lockstep weights", "version": version} | metadata
        path.write_bytes(sealed(tensors, text))
        ScratchClassifier(hidden=(), dtype="float64").load_weights(path)

    shapes = array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    tensors = st.dictionaries(WEIGHTS, NUMBERS.flatmap(lambda dtype: arrays(dtype, shapes)))
    labels = st.just('["a", "b"]') | JSON.map(json.dumps) | st.text(max_size=20)
    metadata = st.fixed_dictionaries({}, optional={"classes": labels, "features": labels})
    example = st.tuples(tensors, metadata, st.sampled_from(["1", "2"]))
    figure(check(example, 3000 if torture else 100, read, WeightFileError))


@pytest.mark.parametrize("column", ["Age", "Geography", "Balance", "Exited", "Surname"])
def test_csv_files_with_any_text_in_a_column(column, torture, figure):
    head, *rows = csv_files()[0].decode().split("\n")[:5]
    at = head.split(",").index(column)

    def read(texts):
        table = [row.split(",") for row in rows]
        for row, text in zip(table, texts, strict=True):
            row[at] = '"' + text.replace('"', '""') + '"'
        content = "\n".join([head, *map(",".join, table)]).encode("utf-8", "surrogatepass")
        assert len(read_churn(content)) == len(rows)

    text = st.text(max_size=12) | st.integers().map(str) | st.floats().map(str)
    example = st.lists(text, min_size=len(rows), max_size=len(rows))
    figure(check(example, 200 if torture else 5, read, DataError))
