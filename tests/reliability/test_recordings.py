"""A recording that is wrong in any way is refused in one sentence; nothing in it is executed."""

import json
import pickle
import random

import numpy as np
import pytest
from safetensors.numpy import load, save

from frameworks.recordings import RecordingError, read_trace, write_trace
from frameworks.recordings.strict_json import MAX_TEXT
from lockstep import RequestError, diverge

from ..frameworks.recordings.samples import flat, sample_trace
from .fuzz import fuzz
from .mutations import damaged_value

KEY = "lockstep trace"
NOT_SAFETENSORS = "is damaged, or not safetensors"


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    path = tmp_path_factory.mktemp("original") / "a.trace"
    write_trace(sample_trace(), path)
    return path.read_bytes()


def parts(raw):
    """Return a file's arrays and its document."""
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
    return load(raw), json.loads(header["__metadata__"][KEY])


def with_text(change):
    """Return what changes the text of the document."""

    def rewrite(raw):
        arrays, document = parts(raw)
        return save(arrays, {KEY: change(json.dumps(document))})

    return rewrite


def with_document(change):
    def rewrite(text):
        document = json.loads(text)
        change(document)
        return json.dumps(document)

    return with_text(rewrite)


def with_field(*place, value):
    """Return what sets a field of the document; `place` is a path of names and positions."""

    def change(document):
        for name in place[:-1]:
            document = document[name]
        document[place[-1]] = value

    return with_document(change)


def without_field(*place):
    def change(document):
        for name in place[:-1]:
            document = document[name]
        del document[place[-1]]

    return with_document(change)


def with_array(name, array):
    """Return what replaces an array, or removes it for None."""

    def rewrite(raw):
        arrays, document = parts(raw)
        document["same"].pop(name, None)
        changed = {**arrays, name: array}
        kept = {name: array for name, array in changed.items() if array is not None}
        return save(kept, {KEY: json.dumps(document)})

    return rewrite


class Marker:
    def __reduce__(self):
        return open, ("/tmp/lockstep-executed", "w")


LONG = "x" * (MAX_TEXT + 1)
WRONG = {
    "empty": (lambda raw: b"", NOT_SAFETENSORS),
    "half": (lambda raw: raw[: len(raw) // 2], NOT_SAFETENSORS),
    "one byte less": (lambda raw: raw[:-1], NOT_SAFETENSORS),
    "one byte more": (lambda raw: raw + b"\0", NOT_SAFETENSORS),
    "a pickle": (lambda raw: pickle.dumps(Marker()), NOT_SAFETENSORS),
    "a header of 2**60 bytes": (
        lambda raw: (2**60).to_bytes(8, "little") + raw[8:],
        "no valid len",
    ),
    "a header that is no JSON": (lambda raw: raw[:8] + b"!" + raw[9:], NOT_SAFETENSORS),
    "a name twice in the header": (
        lambda raw: raw.replace(b'"inputs.0"', b'"losses"  ', 1),
        "the name 'losses' stands twice",
    ),
    "2**40 rows declared": (
        lambda raw: raw.replace(b'"shape":[2,3]', b'"shape":[1099511627776,3]'.ljust(13), 1),
        NOT_SAFETENSORS,
    ),
    "half precision of another kind": (
        lambda raw: raw.replace(b'"dtype":"I64"', b'"dtype":"C64"', 1),
        "numbers of type 'C64' are not read",
    ),
    "weights in a file of weights": (lambda raw: save(load(raw)), "is no recording"),
    "metadata of another program": (lambda raw: save(load(raw), {"format": "pt"}), "is no record"),
    "no JSON": (with_text(lambda text: text[:-1]), "its JSON cannot be read"),
    "more layers than can be compared": (
        with_document(lambda document: document.update(layers=document["layers"][:1] * 5_001)),
        "layers: expected at most 5,000, found 5,001",
    ),
    "nested deeply": (with_text(lambda text: "[" * 10**5), "its JSON cannot be read"),
    "no object": (with_text(lambda text: "[]"), "expected an object, found a list of 0"),
    "a field twice": (
        with_text(lambda text: text.replace('"seed"', '"dtype"')),
        "the name 'dtype' stands twice",
    ),
    "NaN": (with_text(lambda text: text.replace("0.5", "NaN")), "NaN is no number of JSON"),
    "1e999": (with_text(lambda text: text.replace("0.5", "1e999")), "1e999 is no number of double"),
    "400 digits": (with_field("seed", value=10**400), "found an integer of 1329 bits"),
    "9999 digits": (with_text(lambda t: t.replace("0.5", "9" * 9999)), "its JSON cannot be read"),
    "a later version": (with_field("version", value=3), "is of version 3, .* update it"),
    "no version": (without_field("version"), "version: is missing"),
    "a version that is true": (with_field("version", value=True), "version: expected a whole"),
    "an unknown field": (with_field("wieghts", value=[]), "unknown field 'wieghts'"),
    "an unknown field of a layer": (
        with_field("layers", 0, "output", value=1),
        r"layers\[0\]: unknown field 'output'",
    ),
    "no framework": (without_field("framework"), "framework: is missing"),
    "another dtype": (with_field("dtype", value="float16"), "expected float64 or float32"),
    "no loss": (without_field("loss"), "loss: is missing"),
    "a loss without a kind": (with_field("loss", value={}), "loss.kind: is missing"),
    "a text that is a number": (with_field("framework", value=3), "expected printable text"),
    "control characters": (with_field("notes", 0, value="\x1b[2J"), "expected printable text"),
    "half a character": (with_field("layers", 1, "path", value="\ud800"), "expected printable"),
    "text from right to left": (with_field("framework", value="a\u202eb"), "expected printable"),
    "two lines": (with_field("versions", "keras", value="3\n4"), "versions: expected printable"),
    "a hostile name of a fact": (
        with_field("loss", "values", value={"\x07": 1}),
        "expected printable text",
    ),
    "versions in a list": (with_field("versions", value=["3"]), "versions: expected an object"),
    "facts in a list": (with_field("loss", "values", value=[1]), "loss.values: expected an object"),
    "layers in an object": (
        with_field("layers", value={}),
        "layers: expected a list, found an obj",
    ),
    "a flag that is a number": (
        with_field("weights", 0, "trainable", value=1),
        r"weights\[0\].trainable: expected true or false, found 1",
    ),
    "a long text": (with_field("layers", 1, "path", value=LONG), "expected printable text"),
    "a value that is an object": (
        with_field("loss", "values", "takes", value={"a": 1}),
        "expected a number, text, a list or null, found an object",
    ),
    "a value nested deeply": (
        with_field("loss", "values", "takes", value=json.loads("[" * 50 + "]" * 50)),
        "expected a number, text, a list or null, found a list",
    ),
    "a number that is none": (
        with_field("loss", "values", "takes", value={"number": "five"}),
        "expected a number, text",
    ),
    "a position beyond the weights": (
        with_field("layers", 1, "weights", value=[0, 2]),
        r"layers\[1\].weights: expected positions below 2",
    ),
    "a negative position": (with_field("layers", 1, "weights", value=[-1]), "expected positions"),
    "a position that is true": (with_field("layers", 1, "weights", value=[True]), "expected posi"),
    "a group too many": (with_field("weights", 0, "group", value=2), "optimizer has 2 groups"),
    "a weight without a name": (without_field("weights", 0, "name"), r"weights\[0\].name: is miss"),
    "a weight less": (
        with_document(lambda document: document["weights"].pop()),
        r"layers\[1\].weights: expected positions below 1",
    ),
    "an array less": (with_array("gradients.1", None), "the array gradients.1 is missing"),
    "another shape": (
        with_array("final.weights.0", np.zeros((3, 2))),
        r"final.weights.0: expected floating-point numbers of shape \(2, 3\), found .* \(3, 2\)",
    ),
    "gradients that are whole": (with_array("gradients.0", np.zeros((2, 3), int)), "found int64"),
    "half of a step's gradients": (
        with_array("steps.0.gradients.1", None),
        "steps.0.gradients.1 is",
    ),
    "a hostile name": (
        with_array("../../weights.4", np.zeros(1)),
        "unknown array '../../weights.4",
    ),
    "a name that is a command": (with_array("\x1b[2J", np.zeros(1)), r"unknown array '\\x1b"),
    "a gap": (with_array("inputs.2", np.zeros((4, 2))), "unknown array 'inputs.2'"),
    "no inputs": (with_array("inputs.0", None), "(same: cannot take|expected inputs.0)"),
    "losses in a matrix": (with_array("losses", np.zeros((3, 1))), r"losses: expected .*\(None,\)"),
    "two million losses": (with_array("losses", np.zeros(2 * 10**6)), "at most 1,000,000, found 2"),
    "a loss less": (with_array("losses", np.zeros(2)), "has 2 losses, and 3 batches"),
    "no batches but their sizes": (with_array("batches.rows", None), "batches.rows: expected a li"),
    "negative rows": (with_array("batches.rows", np.full(12, -1)), "whole numbers .* from 0"),
    "rows that are no numbers": (
        with_array("batches.rows", np.zeros(12)),
        "expected a list of who",
    ),
    "an empty batch": (with_array("batches.sizes", np.array([4, 8, 0])), "whole numbers .* from 1"),
    "huge batches": (with_array("batches.sizes", np.full(3, 2**62)), "their sum is not the number"),
    "other rows": (with_array("targets.0", np.zeros(3)), "do not have equally many rows"),
    "a target without rows": (with_array("targets.0", np.zeros(())), "a row for each example"),
    "an array from nowhere": (
        with_field("same", "inputs.1", value="inputs.7"),
        "same: cannot take 'inputs.1' from 'inputs.7'",
    ),
    "an array from itself": (with_field("same", "a", value="a"), "same: cannot take 'a' from 'a'"),
    "arrays in a circle": (
        with_document(lambda document: document["same"].update({"a": "b", "b": "a"})),
        "same: cannot take 'a' from 'b'",
    ),
    "an array that is there twice": (
        with_field("same", "losses", value="inputs.0"),
        "same: cannot take 'losses'",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_recording_is_one_sentence(kind, original, tmp_path):
    spoil, message = WRONG[kind]
    spoilt, path = spoil(original), tmp_path / "a.trace"
    assert spoilt != original
    path.write_bytes(spoilt)
    with pytest.raises(RecordingError, match=f"^{path}: .*{message}") as raised:
        read_trace(path)
    assert len(str(raised.value)) < len(str(path)) + 500
    assert str(raised.value).isprintable()


def test_what_is_no_file_is_refused(tmp_path):
    with pytest.raises(RecordingError, match="nowhere: there is no such file"):
        read_trace(tmp_path / "nowhere")
    for path in (tmp_path, "/dev/zero"):
        with pytest.raises(RecordingError, match="is no file"):
            read_trace(path)


def test_a_file_of_more_than_a_gigabyte_is_refused_unread(tmp_path):
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**30 + 1)  # takes no room on the disk
    with pytest.raises(RecordingError, match="has more than 1,073,741,824 bytes"):
        read_trace(tmp_path / "a")


def test_rewriting_nothing_changes_nothing(original, tmp_path):
    """So what `WRONG` changes is all that is wrong with its files."""
    for rewrite in (with_text(str), with_array("losses", sample_losses(original))):
        (tmp_path / "a").write_bytes(rewrite(original))
        assert flat(read_trace(tmp_path / "a")) == flat(sample_trace())


def sample_losses(raw):
    return load(raw)["losses"]


def read_bytes_of(tmp_path):
    def read(content):
        (tmp_path / "a").write_bytes(content)
        trace = read_trace(tmp_path / "a")
        shapes = [w.values.shape for w in trace.weights]
        for arrays in (trace.gradients, trace.final_weights):
            assert [array.shape for array in arrays] == shapes

    return read


def test_damaged_recordings_are_read_or_refused(original, tmp_path, torture, figure):
    figure(fuzz(read_bytes_of(tmp_path), [original], 8000 if torture else 300, RecordingError))


def test_damaged_documents_are_compared_or_refused(original, tmp_path, torture, figure):
    """In a sound container: every kind of value in every field."""
    (tmp_path / "original").write_bytes(original)

    def compare(content):
        (tmp_path / "a").write_bytes(content)
        assert str(diverge(tmp_path / "original", tmp_path / "a")).endswith(
            (" agree.", " differ.", " judged.")
        )

    def damage(raw, rng: random.Random):
        arrays, document = parts(raw)
        for _ in range(rng.randint(1, 3)):
            document = damaged_value(document, rng)
        return save(arrays, {KEY: json.dumps(document)})

    figure(fuzz(compare, [original], 8000 if torture else 500, RequestError, damage))
