"""What files make us allocate, however large the sizes that they declare."""

import gzip
import io
import json
import struct
import tracemalloc
import zipfile

import pytest

from datasets import DataError
from datasets.churn_table import read_churn
from datasets.idx import gunzip_idx, parse_idx
from datasets.npz import read_npz
from experiments.harness.records.models import read_results
from frameworks import WeightFileError
from frameworks.errors import RequestError
from frameworks.weight_files import decode

MIB = 2**20


def idx_head(*shape):
    return struct.pack(f">2xBB{len(shape)}I", 8, len(shape), *shape)


def npy(shape, rest=b"", descr="|u1"):
    head = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + rest


def zipped(content, method=zipfile.ZIP_DEFLATED, members=1):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for i in range(members):
            archive.writestr(f"x{i or ''}.npy", content)
    return out.getvalue()


def declaring(archive, size):
    """Declare another size of the first member than it has, in both of its headers."""
    changed = bytearray(archive)
    changed[22:26] = struct.pack("<I", size)
    at = archive.index(b"PK\x01\x02")
    changed[at + 24 : at + 28] = struct.pack("<I", size)
    return bytes(changed)


def safetensors(shape, end):
    head = {"weights.0": {"dtype": "F64", "shape": shape, "data_offsets": [0, end]}}
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text


def damaged_versions(count):
    versions = ", ".join(f'"{i}": 0' for i in range(count))
    return f'{{"environment": {{"versions": {{{versions}}}}}}}'.encode()


def read_file(tmp_path):
    def read(content):
        (tmp_path / "results.json").write_bytes(content)
        return read_results(tmp_path / "results.json")

    return read


def read_member(content):
    return read_npz(content, "x")


def read_gzip(content):
    return parse_idx(gunzip_idx(content))


def bomb(head):
    return gzip.compress(head + bytes(128 * MIB), 1)


BZIP2 = zipfile.ZIP_BZIP2
CASES = {  # the reader, the file, and the bound in MiB
    "IDX that declares 2**40": (parse_idx, lambda: idx_head(2**20, 2**20) + b"\0" * 99, 1),
    "IDX that declares 2**64": (parse_idx, lambda: idx_head(2**32 - 1, 2**32 - 1), 1),
    "IDX that declares no row of 2**64": (
        *(parse_idx, lambda: idx_head(0, 2**32 - 1, 2**32 - 1), 1),
    ),
    "gzip of 128 MiB that declares 1024": (read_gzip, lambda: bomb(idx_head(1024 * MIB)), 1),
    "gzip of 128 MiB that declares few": (read_gzip, lambda: bomb(idx_head(28, 28)), 1),
    "gzip of 128 MiB that declares 63": (read_gzip, lambda: bomb(idx_head(63 * MIB)), 130),
    "gzip of 128 MiB that is no IDX": (read_gzip, lambda: bomb(b"x"), 1),
    "npy that declares 2**40": (read_member, lambda: zipped(npy((2**40,), b"\0" * 99)), 1),
    "npy of 2**31 floats": (read_member, lambda: zipped(npy((2**31,), b"\0" * 99, "<f8")), 1),
    "npy of negative sides": (read_member, lambda: zipped(npy((-1, -99), b"\0" * 99)), 1),
    "60 MiB declared as 200 bytes": (
        *(read_member, lambda: declaring(zipped(npy((9,), b"\0" * 60 * MIB)), 200), 1),
    ),
    "a member declared as 2**31": (
        *(read_member, lambda: declaring(zipped(npy((9,), b"\0" * 9)), 2**31), 1),
    ),
    "40 MiB by bzip2": (read_member, lambda: zipped(npy((9,), b"\0" * 40 * MIB), BZIP2), 1),
    "70,000 members": (read_member, lambda: zipped(b"", zipfile.ZIP_STORED, 70_000), 1),
    "safetensors that declare 2**50": (decode, lambda: safetensors([2**47], 2**50), 1),
    "safetensors' header of 2**60": (decode, lambda: struct.pack("<Q", 2**60) + b"{}", 1),
    "a CSV of one field": (read_churn, lambda: b'"' + b"x" * 8 * MIB, 100),
    "a CSV of a million columns": (read_churn, lambda: b"," * MIB + b"\n", 30),
    "JSON of 100,000 lists": ("file", lambda: b'{"x": [' + b"[]," * 10**5 + b"0]}", 15),
    "JSON of 100,000 damaged records": (
        "file",
        lambda: b'{"cells": [' + b"[]," * 10**5 + b"0]}",
        15,
    ),
    "JSON of 100,000 damaged versions": ("file", lambda: damaged_versions(10**5), 30),
    "JSON nested 100,000 deep": ("file", lambda: b"[" * 10**5, 3),
    "a number of 10,000,000 digits": ("file", lambda: b"1" * 10**7, 30),
}


@pytest.mark.parametrize("kind", CASES)
def test_what_is_allocated_stays_within_a_bound(kind, tmp_path, figure):
    """The bound, in MiB, is stated with each; the file itself is not counted."""
    read, make, bound = CASES[kind]
    content = make()
    tracemalloc.start()
    try:
        with pytest.raises((DataError, RequestError, WeightFileError)):
            (read_file(tmp_path) if read == "file" else read)(content)
        peak = tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()
    assert peak <= bound
    figure(f"{kind}: a file of {len(content) / MIB:.2f} MiB, {peak:.1f} MiB allocated")
