"""`lockstep data` as a user runs it, on a data set of a few bytes."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest
from typer.testing import CliRunner

from datasets import DataError, cache, inventory
from datasets.churn import CHURN
from datasets.idx import encode_idx
from datasets.mnist import MNIST
from datasets.recipe import Content
from experiments.harness.cli import data as data_command

IMAGES = "mnist/train-images-idx3-ubyte"


@pytest.fixture(autouse=True)
def tiny(monkeypatch, tmp_path):
    """A canonical MNIST of three images, an empty cache, no mirror."""
    arrays = [np.zeros((3, 28, 28), np.uint8), np.zeros(3, np.uint8)] * 2
    contents = [Content(encode_idx(array)) for array in arrays]
    files = tuple(
        replace(file, sha256=content.sha256, size=len(content.data))
        for file, content in zip(MNIST.files, contents, strict=True)
    )
    recipes = (replace(MNIST, files=files, mirrors=()), replace(CHURN, mirrors=()))
    monkeypatch.setattr(inventory, "RECIPES", recipes)
    monkeypatch.setattr(data_command, "RECIPES", recipes)
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("LOCKSTEP_MIRROR", raising=False)
    monkeypatch.delenv("LOCKSTEP_DATA", raising=False)
    cache.forget_failures()
    for file, content in zip(files, contents, strict=True):
        path = tmp_path / "data" / file.spellings[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(content.data))


@pytest.fixture
def run(tmp_path):
    def invoke(*arguments: str):
        return CliRunner().invoke(data_command.app, list(arguments))

    return invoke


def test_table_shows_what_is_there_within_80_columns(run, tmp_path):
    result = run("--data-dir", str(tmp_path / "data"))
    assert result.exit_code == 0
    row = next(line for line in result.output.splitlines() if f"{IMAGES}   folder" in line)
    assert row.split()[-1] == "canonical"
    table = [line for line in result.output.splitlines() if "ubyte" in line]
    assert max(map(len, table)) <= 80
    assert f"cache   {tmp_path / 'cache'}" in result.output


def test_what_is_missing_comes_with_the_way_to_get_it(run, monkeypatch):
    result = run()
    assert "churn: Download the data set 'Churn Modelling' from Kaggle" in result.output
    monkeypatch.setenv("LOCKSTEP_MIRROR", "http://127.0.0.1:1")
    for name in ("mnist", "churn"):
        assert f"{name}: Run `lockstep data fetch {name}`." in run().output


@pytest.mark.parametrize("command", [(), ("verify",)])
def test_json_holds_every_row_and_nothing_else_is_printed(run, tmp_path, command):
    result = run(*command, "--data-dir", str(tmp_path / "data"), "--json")
    answer = json.loads(result.stdout)
    assert answer["folder"] == str(tmp_path / "data")
    assert answer["files"][0]["file"] == IMAGES
    assert answer["files"][0]["state"] == "canonical"
    assert len(answer["files"][0]["sha256"]) == 64


def test_verify_is_content_with_good_files_and_with_none(run, tmp_path):
    assert run("verify", "--data-dir", str(tmp_path / "data")).exit_code == 0
    result = run("verify")
    assert result.exit_code == 0
    assert "no files" in result.output


def test_verify_that_finds_damage_prints_the_table_and_fails(run, tmp_path):
    path = tmp_path / "data" / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-9])
    result = run("verify", "--data-dir", str(tmp_path / "data"))
    assert isinstance(result.exception, DataError)
    assert str(result.exception).startswith(f"1 damaged\n{path}: the gzip stream is damaged")
    assert "damaged" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data-dir", "/nowhere"), "/nowhere, named by the argument, is not a folder"),
        (("fetch", "churn"), "churn was not fetched"),
        (("fetch", "iris"), "expected mnist or churn"),
    ],
)
def test_a_request_that_cannot_be_carried_out_is_a_data_error(run, arguments, message):
    result = run(*arguments)
    assert isinstance(result.exception, DataError)
    assert message in str(result.exception)


def test_fetch_does_not_care_for_the_data_folder(run, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_DATA", "/nowhere")
    assert run("fetch").exit_code == 0


@pytest.mark.parametrize("command", [(), ("fetch",), ("verify",)])
def test_help_shows_an_example(run, command):
    assert "For example:" in run(*command, "--help").output
