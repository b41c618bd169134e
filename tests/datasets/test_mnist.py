import gzip
import zipfile
from dataclasses import replace
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets import DataError, load_mnist, mnist
from datasets.idx import encode_idx, parse_idx

IMAGES, LABELS = "mnist/train-images-idx3-ubyte", "mnist/train-labels-idx1-ubyte"
MEMBERS = ("x_train", "y_train", "x_test", "y_test")


@pytest.fixture
def folder(tiny, monkeypatch, tmp_path):
    """A data folder with a canonical tiny MNIST."""
    monkeypatch.setattr(mnist, "MNIST", tiny.recipe)
    return tiny.write(tmp_path / "data")


def npz(contents, **changes) -> bytes:
    arrays = {m: parse_idx(c) for m, c in zip(MEMBERS, contents.values(), strict=True)} | changes
    buffer = BytesIO()
    np.savez_compressed(buffer, **{name: a for name, a in arrays.items() if a is not None})
    return buffer.getvalue()


def test_pixels_are_divided_by_255_and_rows_flattened_in_file_order(folder, tiny):
    data = load_mnist("real", folder)
    images = parse_idx(tiny.contents[IMAGES])
    assert data.X_train.shape == (12, 784)
    assert data.X_test.shape == (5, 784)
    assert data.X_train[3, 28 * 5 + 7] == images[3, 5, 7] / 255
    assert data.feature_names[28 * 5 + 7] == "pixel_5_7"
    assert data.y_train.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert data.canonical


@pytest.mark.parametrize("separator", ["-", "."])
@pytest.mark.parametrize("packed", [True, False])
def test_every_spelling_of_the_four_files_is_read(folder, tiny, separator, packed):
    expected = load_mnist("real", folder)
    for path, content in tiny.contents.items():
        (folder / f"{path}.gz").unlink()
        name = path.replace("-idx", f"{separator}idx") + ".gz" * packed
        (folder / name).write_bytes(gzip.compress(content) if packed else content)
    data = load_mnist("real", folder)
    assert data.sha256 == expected.sha256
    np.testing.assert_array_equal(data.X_test, expected.X_test)


def test_a_gz_that_a_browser_unpacked_under_its_old_name_is_read(folder, tiny):
    (folder / f"{IMAGES}.gz").write_bytes(tiny.contents[IMAGES])
    assert load_mnist("real", folder).canonical


@pytest.mark.parametrize("name", ["mnist/mnist.npz", "mnist.npz"])
def test_keras_archive_has_the_same_checksum_as_the_four_files(tiny, folder, tmp_path, name):
    other = tmp_path / "other"
    (other / name).parent.mkdir(parents=True)
    (other / name).write_bytes(npz(tiny.contents))
    data = load_mnist("real", other)
    assert data.sha256 == load_mnist("real", folder).sha256
    assert data.origin == str(other / name)


def test_the_checksum_is_that_of_the_list_of_checksums(folder, tiny):
    lines = "".join(f"{sha256(content).hexdigest()}\n" for content in tiny.contents.values())
    assert load_mnist("real", folder).sha256 == sha256(lines.encode()).hexdigest()


def test_edited_files_are_used_and_the_note_gives_their_checksum(folder, tiny):
    content = bytearray(tiny.contents[IMAGES])
    content[-1] ^= 1
    (folder / f"{IMAGES}.gz").write_bytes(gzip.compress(content))
    data = load_mnist("auto", folder)
    assert (data.source, data.canonical) == ("real", False)
    assert "not the canonical content" in data.note
    assert f"{IMAGES} has SHA-256 {sha256(content).hexdigest()}" in data.note
    assert "\n" not in data.note


@pytest.mark.parametrize(
    ("path", "content", "message"),
    [
        (IMAGES, b"", "two zero bytes; found b''"),
        (IMAGES, encode_idx(np.zeros((12, 27, 28), np.uint8)), r"\('n', 28, 28\), found"),
        (IMAGES, encode_idx(np.zeros((0, 28, 28), np.uint8)), r"found \(0, 28, 28\)"),
        (LABELS, encode_idx(np.zeros((12, 1), np.uint8)), r"\('n',\), found \(12, 1\)"),
        (LABELS, encode_idx(np.array([0, 10] * 6, np.uint8)), "labels 0 to 9, found 10 at 1"),
        (LABELS, encode_idx(np.zeros(11, np.uint8)), "12 training images, but 11 labels"),
    ],
)
@pytest.mark.parametrize("policy", ["auto", "real"])
def test_broken_files_are_an_error_with_path_and_remedy(folder, path, content, message, policy):
    (folder / f"{path}.gz").write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=message) as error:
        load_mnist(policy, folder)
    assert str(error.value).startswith(str(folder))
    assert str(error.value).endswith("name that folder with --data-dir or LOCKSTEP_DATA.")


def test_a_truncated_file_is_an_error_that_names_it(folder):
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="cut short") as error:
        load_mnist("auto", folder)
    assert str(error.value).startswith(f"{path}: ")


def test_an_incomplete_set_is_an_error_that_names_what_is_missing(folder):
    (folder / f"{LABELS}.gz").unlink()
    with pytest.raises(DataError, match=f"some files of mnist, but not {LABELS}.gz"):
        load_mnist("auto", folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y_test": None}, "no array 'y_test'"),
        ({"x_train": np.zeros((12, 28, 28))}, "x_train: expected unsigned bytes, found float64"),
        ({"y_train": np.array([{}] * 12)}, "y_train: expected unsigned bytes, found object"),
    ],
)
def test_an_archive_of_another_form_is_refused(tiny, folder, tmp_path, changes, message):
    (tmp_path / "mnist.npz").write_bytes(npz(tiny.contents, **changes))
    with pytest.raises(DataError, match=message):
        load_mnist("auto", tmp_path)


def test_an_archive_that_would_unpack_to_too_much_is_refused(tiny, folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "mnist.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x_train.npy", bytes(65 * 2**20))
    with pytest.raises(DataError, match="more than the 67,108,864 allowed"):
        load_mnist("auto", tmp_path)


@given(st.data())
def test_a_damaged_archive_is_refused_or_read(data):
    buffer = BytesIO()
    np.savez(buffer, x_train=np.arange(30, dtype=np.uint8), y_train=np.zeros(3))
    raw = bytearray(buffer.getvalue())
    for at in data.draw(st.lists(st.integers(2, len(raw) - 1), max_size=3)):
        raw[at] = data.draw(st.integers(0, 255))
    raw = raw[: data.draw(st.integers(len(raw) - 30, len(raw)))]
    try:
        mnist.MNIST.unwrap(bytes(raw), mnist.MNIST.files[0])
    except DataError:
        pass


def test_stand_in_is_stratified_handwriting_in_mnist_form():
    data = load_mnist("stand-in")
    assert data.X_train.shape == (1500, 784)
    assert data.X_test.shape == (297, 784)
    assert data.X_train.min() == 0
    assert data.X_train.max() == 1
    counts = np.bincount(data.y_test)
    assert counts.min() >= 28  # 297 images of ten nearly equal classes
    assert counts.max() <= 31  # likewise
    image = data.X_train[0].reshape(28, 28)
    assert not image[:2].any()
    assert not image[:, -2:].any()
    blocks = image[2:-2, 2:-2].reshape(8, 3, 8, 3)
    np.testing.assert_array_equal(blocks, np.broadcast_to(blocks[:, :1, :, :1], blocks.shape))


def test_stand_in_is_the_same_everywhere_and_can_be_learned():
    from sklearn.linear_model import RidgeClassifier

    data = load_mnist("stand-in")
    assert data.sha256 == ("99a60090b1bd8fe4c259bcc9c8248e2e63e0d10f9bf7a62af6be3e244cf2ffc8")
    model = RidgeClassifier().fit(data.X_train, data.y_train)
    assert model.score(data.X_test, data.y_test) > 0.9  # ten classes; guessing gives 0.1


def test_real_mnist_is_the_canonical_one(real_folder):
    data = load_mnist("real", real_folder)
    assert data.canonical
    assert data.X_train.shape == (60000, 784)
    assert data.X_test.shape == (10000, 784)
    published = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(data.y_train).tolist() == published
    assert np.bincount(data.y_test).tolist() == [
        980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
    ]  # fmt: skip
    assert data.y_train[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.X_train.mean() == pytest.approx(0.1307, abs=5e-5)  # published with 4 digits
    assert data.X_train.std() == pytest.approx(0.3081, abs=5e-5)  # published with 4 digits


def test_real_mnist_in_keras_archive_is_the_same_data(real_folder, tmp_path):
    files = mnist.MNIST.files
    raw = [gzip.decompress((real_folder / f.spellings[0]).read_bytes()) for f in files]
    arrays = {name: parse_idx(content) for name, content in zip(MEMBERS, raw, strict=True)}
    np.savez(tmp_path / "mnist.npz", **arrays)
    assert load_mnist("real", tmp_path).sha256 == load_mnist("real", real_folder).sha256


def test_a_set_of_another_size_is_used_and_said_to_be_edited(folder, tiny):
    small = {IMAGES: parse_idx(tiny.contents[IMAGES])[:7], LABELS: np.arange(7, dtype=np.uint8)}
    for path, array in small.items():
        (folder / f"{path}.gz").write_bytes(gzip.compress(encode_idx(array)))
    data = load_mnist("real", folder)
    assert data.X_train.shape == (7, 784)
    assert not data.canonical
    assert replace(data, note="").y_train.tolist() == list(range(7))
