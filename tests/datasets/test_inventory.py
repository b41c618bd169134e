import gzip

import numpy as np
import pytest

from datasets import DataError, fetch, inventory, status, verify
from datasets.churn import CHURN
from datasets.idx import encode_idx

IMAGES, LABELS = "mnist/train-images-idx3-ubyte", "mnist/train-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def tiny_recipes(tiny, monkeypatch):
    monkeypatch.setattr(inventory, "RECIPES", (tiny.recipe, CHURN))


@pytest.fixture
def folder(tiny, tmp_path):
    return tiny.write(tmp_path / "data")


def states(rows):
    return {(row.where, row.file): row.state for row in rows}


def test_status_lists_every_file_in_folder_and_cache(folder, tiny):
    rows = status(folder)
    assert len(rows) == 10
    first = rows[0]
    assert (first.dataset, first.file, first.where) == ("mnist", IMAGES, "folder")
    assert first.path == folder / f"{IMAGES}.gz"
    assert first.bytes == first.path.stat().st_size
    assert (first.sha256, first.state) == (tiny.recipe.files[0].sha256, "canonical")
    assert states(rows)["folder", "churn/Churn_Modelling.csv"] == "missing"
    assert {row.state for row in rows if row.where == "cache"} == {"missing"}


def test_status_without_a_folder_lists_the_cache():
    assert {row.where for row in status()} == {"cache"}


def test_an_edited_file_is_told_from_a_damaged_one(folder):
    path = folder / f"{LABELS}.gz"
    path.write_bytes(gzip.compress(encode_idx(np.zeros(12, np.uint8))))
    assert states(verify(folder))["folder", LABELS] == "edited"
    path.write_bytes(path.read_bytes()[:-9])
    row = next(row for row in verify(folder) if row.file == LABELS)
    assert (row.state, row.sha256) == ("damaged", None)
    assert row.problem.startswith(f"{path}: the gzip stream is damaged")


def test_edited_files_that_do_not_fit_together_are_damaged(folder):
    (folder / f"{LABELS}.gz").write_bytes(gzip.compress(encode_idx(np.zeros(7, np.uint8))))
    found = states(verify(folder))
    assert found["folder", LABELS] == "damaged"
    assert found["folder", IMAGES] == "canonical"


def test_verify_leaves_out_what_is_not_there(folder):
    assert len(verify(folder)) == 4
    assert verify() == []


def test_fetch_fills_the_cache_and_an_edit_there_counts_as_damage(server, tiny, tmp_path):
    server.replies.update(tiny.served())
    rows = fetch(["mnist"])
    assert {row.state for row in rows} == {"canonical"}
    assert {row.where for row in rows} == {"cache"}
    (tmp_path / "cache" / LABELS).write_bytes(encode_idx(np.zeros(12, np.uint8)))
    row = next(row for row in verify() if row.state == "damaged")
    assert row.file == LABELS
    assert "the next one replaces it" in row.problem


def test_fetch_without_names_takes_what_has_a_mirror():
    assert fetch() == []


def test_fetch_goes_on_after_a_data_set_that_cannot_be_obtained(server, tiny, monkeypatch):
    server.replies.update(tiny.served())
    monkeypatch.setattr(inventory, "RECIPES", (CHURN, tiny.recipe))
    with pytest.raises(DataError, match="churn was not fetched(.|\n)*404(.|\n)*Kaggle") as error:
        fetch()
    assert "mnist" not in str(error.value)
    assert {row.state for row in status() if row.dataset == "mnist"} == {"canonical"}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("iris", "no such data set to fetch: 'iris'; expected mnist or churn"),
        ("churn", "churn was not fetched(.|\n)*no public mirror(.|\n)*Kaggle"),
    ],
)
def test_fetch_that_cannot_be_carried_out_is_an_error(name, message):
    with pytest.raises(DataError, match=message):
        fetch([name])
