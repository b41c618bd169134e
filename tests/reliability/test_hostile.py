"""A corpus of hostile names, links and archives: each is refused or escaped, and harms nothing."""

import gzip
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest

from datasets import DataError, load_mnist
from datasets.churn_table import read_churn
from datasets.idx import encode_idx
from datasets.mnist_stand_in import draw_digits
from experiments.certified.stored import find

from ..experiments.report.reading import Page
from .conftest import ACTS
from .originals import as_json, csv_files, run_in

KEY = "xor-float64-seed0-keras"
TEXTS = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "end of style": "</style></title><svg onload=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "address": "javascript:alert(1)",
    "traversal": "../../../../victim",
    "absolute path": "/etc/passwd",
    "markup of rich": "[red]x[/red] [link=file:///etc/passwd]y[/link] [/] :skull:",
    "title of the terminal": "\x1b]0;mine\x07",
    "clear the screen": "\x1b[2J\x1b[1;1H",
    "C1 commands": "\x9b2J\x9d0;mine\x9c",
    "over the line": "agree\r\x1b[1Aworse",
    "half a character": "\ud800",
    "NUL": "a\x00b",
    "formula": "$\\input{/etc/passwd}$",
    "very long": "A" * 10_000,
}


def written(path, text):
    """Rewrite a record with a text wherever it may hold any."""
    record = as_json(path)
    record |= {"experiment": text, "implementation": text, "source_sha256": text}
    record |= {"fingerprint": text, "error": text}
    record["data"] = {"name": text, "source": text, "sha256": text}
    record["environment"] |= {"processor": text, text: text, "versions": {text: text}}
    record["spec"] |= {text: text}
    path.write_text(json.dumps(record))
    return record


def test_half_a_character_is_no_text(here, command):
    run = run_in(here / "runs" / "a")
    written(run / f"cells/{KEY}.json", TEXTS["half a character"])
    for arguments in (("report", run), ("compare", run, run)):
        code, _, err = command(*arguments)
        assert code == 2
        assert f"{KEY}.json" in err
    assert command("runs")[0] == command("list")[0] == 0


@pytest.mark.parametrize("kind", [k for k in TEXTS if k != "half a character"])
def test_text_in_a_record_is_text(kind, here, command, torture):
    """In every field, shown by every command that shows a run; reports take the longest."""
    text, run = TEXTS[kind], run_in(here / "runs" / "a")
    for name in (KEY, "xor-float64-seed1-scratch"):
        written(run / f"cells/{name}.json", text)
    (run / "plan.json").write_text(json.dumps({"schema": 1, "cells": [text, f"../{text}"]}))
    if reported := torture or kind in ("script", "markup of rich", "clear the screen"):
        assert command("report", run)[0] == 1
    code, out, _ = command("compare", run, run, "--html", "c.html")
    assert code == 0
    assert command("compare", run / "results.json", run)[0] == 0
    assert command("runs")[0] == 0
    assert command("runs", "--json")[0] == 0
    assert command("list")[0] == 0
    for path in [Path("c.html"), *([run / "report.html"] if reported else [])]:
        page = Page(path.read_text())
        assert not [a for _, attributes in page.elements for a in attributes if a[:2] == "on"]
        assert not {tag for tag, _ in page.elements} & {"iframe", "object", "form", "base"}
        assert len(page.all("script")) <= 1
        links = [a.get(name) for _, a in page.elements for name in ("href", "src", "xlink:href")]
        assert not [link for link in links if link and not link.startswith(("#", "data:"))]
    if kind == "markup of rich":
        assert text[:12] in out


def test_the_name_of_a_surrounding_is_text(here, command):
    run, other = run_in(here / "runs" / "a"), run_in(here / "runs" / "b")
    for name in ("clear the screen", "markup of rich"):
        path = run / f"cells/{KEY}.json"
        record = as_json(path)
        record["environment"] |= {TEXTS[name]: TEXTS[name]}
        path.write_text(json.dumps(record))
    code, out, _ = command("compare", run, other)
    assert code == 0
    assert "\x1b" not in out
    assert "[red]x" in out


@pytest.mark.parametrize("kind", [k for k in TEXTS if k not in ("NUL", "half a character")])
def test_text_in_a_name_is_a_name(kind, here, command):
    """Of an experiment, an implementation, a data set, a run, a folder, a page."""
    text = TEXTS[kind]
    for arguments in (
        *(("run", text), ("run", "xor", "--with", text), ("data", "fetch", text)),
        *(("data", "--data-dir", text), ("report", text), ("compare", text, text)),
        *(("runs", "rm", text, "--yes"), ("runs", "--dir", text), ("certify", text)),
        *(("diverge", text, "--between", "scratch,keras"), ("bench", text)),
        ("diverge", "xor", "--between", f"scratch,{text}"),
    ):
        code, _, err = command(*arguments)
        assert code == 2 or (code == 0 and "--dir" in arguments), arguments
        assert err.startswith("error: ") or code == 0


@pytest.mark.parametrize(
    "name", ["[red]x", "[bold]", "\x1b[2J", ":skull:", "<b>", "a\rb", "\x9b2J"]
)
def test_the_name_of_a_runs_folder_is_a_name(name, here, command):
    run = run_in(here / "runs" / name)
    for arguments in (("runs",), ("report", run), ("compare", run, run), ("list",)):
        assert command(*arguments)[0] in (0, 1)
    if name.isprintable():
        assert name in command("runs")[1]
    assert command("runs", "rm", run, "--yes")[0] == 0
    assert not run.exists()


@pytest.mark.parametrize("name", ["../victim", "/etc/hostname", "a" * 5000, "..", "x/../../victim"])
def test_a_name_in_a_record_opens_no_certificate(name, here):
    (here / "certified").mkdir()
    (here / "victim-real.json").write_text("{}")
    assert find(name, "real", here / "certified") is None


MEMBERS = ["../../victim", "/victim", "..\\..\\victim", "C:\\victim", "x_train.npy/../../victim"]


@pytest.mark.parametrize("member", MEMBERS)
def test_names_in_an_archive_lead_nowhere(member, here):
    """Members are read by our names; nothing is ever unpacked to a path."""
    arrays = dict(zip(("x_train", "y_train", "x_test", "y_test"), draw_digits(), strict=True))
    (here / "data").mkdir()
    np.savez(here / "data/mnist.npz", **arrays)
    with zipfile.ZipFile(here / "data/mnist.npz", "a") as archive:
        archive.writestr(member, b"overwritten")
    assert len(load_mnist("real", here / "data").X_train) == 1500
    assert {path.name for path in here.rglob("*")} == {"data", "mnist.npz"}


@pytest.mark.parametrize("member", MEMBERS[:4])
def test_a_name_in_a_gzip_header_leads_nowhere(member, here):
    names = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")
    (here / "data/mnist").mkdir(parents=True)
    for name, array in zip(names, draw_digits(), strict=True):
        with (here / f"data/mnist/{name}-ubyte.gz").open("wb") as raw:
            with gzip.GzipFile(member, "wb", fileobj=raw) as packed:
                packed.write(encode_idx(array))
    assert len(load_mnist("real", here / "data").X_train) == 1500


@pytest.mark.parametrize("kind", TEXTS)
def test_text_in_a_csv_is_text(kind):
    """In a category, a number and the names of columns; a surname is not used at all."""
    text, good = TEXTS[kind].encode("utf-8", "surrogatepass"), csv_files()[0]
    quoted = b'"' + text.replace(b'"', b'""') + b'"'
    surname = good.replace(b"Invented", quoted)
    if kind != "half a character":  # which is no UTF-8
        assert len(read_churn(surname)) == 7
    for content in (good.replace(b"Female", quoted), good.replace(b",Geo", b"," + quoted)):
        with pytest.raises(DataError) as error:
            read_churn(content)
        assert not {*str(error.value)} & {*ACTS}
        assert len(str(error.value)) < 1500
