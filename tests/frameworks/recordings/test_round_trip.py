"""What is written is read again, bit by bit; files are bounded, and written whole or not at all."""

import subprocess
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

from frameworks.errors import RequestError
from frameworks.recordings import (
    Facts,
    Kept,
    LayerTrace,
    RecordingError,
    StepTrace,
    Trace,
    Weight,
    check_rows,
    check_same_data,
    digest,
    digests_of,
    read_trace,
    write_trace,
)

from .samples import flat, sample_trace


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_every_number_and_word_comes_back(tmp_path, dtype):
    trace = sample_trace(dtype)
    write_trace(trace, tmp_path / "a.trace")
    assert flat(read_trace(tmp_path / "a.trace")) == flat(trace)


def test_the_sample_has_a_value_in_every_field():
    """So a field that is added to traces, and not to files, does not come back."""
    trace = sample_trace()
    items = [trace, *trace.layers, *trace.weights, *trace.steps, trace.layers[1].facts]
    items += trace.kept
    for kind in (Trace, LayerTrace, Weight, StepTrace, Facts, Kept):
        for field in fields(kind):
            default = field.default_factory() if callable(field.default_factory) else field.default
            found = [getattr(item, field.name) for item in items if isinstance(item, kind)]
            assert any(isinstance(x, np.ndarray) or x != default for x in found), field


def test_the_same_trace_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write_trace(sample_trace(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_arrays_of_any_order_and_byte_order_come_back(tmp_path):
    given = np.asfortranarray(np.arange(8.0).reshape(4, 2))
    for changed in (given, given.astype(">f8"), np.arange(16.0).reshape(4, 4)[:, ::2]):
        trace = replace(sample_trace(), inputs=(changed,))
        write_trace(trace, tmp_path / "a")
        (read,) = read_trace(tmp_path / "a").inputs
        np.testing.assert_array_equal(read, changed)


def test_an_array_that_stands_twice_is_stored_once(tmp_path):
    trace = sample_trace(rows=4)
    large = np.random.default_rng(0).normal(size=(4, 100_000))
    write_trace(replace(trace, outputs=(large, large), final_outputs=(large,)), tmp_path / "a")
    assert large.nbytes < (tmp_path / "a").stat().st_size < 1.1 * large.nbytes
    assert [len(a) for a in read_trace(tmp_path / "a").outputs] == [4, 4]


def test_words_that_a_terminal_would_obey_are_escaped(tmp_path):
    trace = replace(sample_trace(), notes=("a\x1b[2J b\n\tc\u202ed\ud800",))
    write_trace(trace, tmp_path / "a")
    assert read_trace(tmp_path / "a").notes == (r"a\x1b[2J b c\u202ed\ud800",)


def test_numbers_of_numpy_are_facts_like_any_other(tmp_path):
    given = {"units": np.int64(3), "bias": np.bool_(True), "rate": np.float32(0.1), "at": [1, [2]]}
    write_trace(replace(sample_trace(), loss=Facts("own", given)), tmp_path / "a")
    read = read_trace(tmp_path / "a").loss.values
    assert read == {"units": 3, "bias": True, "rate": float(np.float32(0.1)), "at": (1, (2,))}


def test_a_fact_that_has_no_form_in_json_is_named(tmp_path):
    trace = replace(sample_trace(), loss=Facts("own", {"weights": np.zeros(2)}))
    with pytest.raises(RecordingError, match=r"a: cannot be written: own's weights: expected num"):
        write_trace(trace, tmp_path / "a")
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"weights": [Weight("w", np.ones(2, int))]}, "weights.0: expected floating-point numb"),
        ({"inputs": (np.ones((4, 2), complex),)}, "inputs.0: expected numbers of at most 64 bits"),
        ({"targets": (np.array([None] * 4),)}, "targets.0: expected numbers of at most 64 bits"),
        ({"dtype": "float16"}, "dtype: expected float64 or float32, found 'float16'"),
        ({"framework": "a" * 10_001}, "framework: expected printable text of one line"),
        ({"loss": Facts("own", {"big": 10**400})}, "values: expected a number"),
        ({"targets": (np.arange(3),)}, "do not have equally many rows"),
        *(
            ({"layers": [replace(sample_trace().layers[1], unread=unread)]}, "unread: expected tru")
            for unread in (np.ones((4, 3)), np.ones(2, bool))
        ),
    ],
)
def test_what_could_not_be_read_again_is_not_written(tmp_path, wrong, message):
    with pytest.raises(RecordingError, match=f"a: cannot be written: .*{message}"):
        write_trace(replace(sample_trace(), **wrong), tmp_path / "a")
    assert not [*tmp_path.iterdir()]


def test_of_many_steps_left_out_the_last_are_counted(tmp_path):
    trace = sample_trace()
    steps = [trace.steps[0]] + [trace.steps[1]] * 500
    many = replace(trace, steps=steps, batches=(), digests={}, kept=())
    with pytest.warns(UserWarning, match="step 29, and 472 steps more$"):
        write_trace(many, tmp_path / "a", max_bytes=6_700)
    assert len(read_trace(tmp_path / "a").steps) == 501


def test_what_does_not_fit_is_left_out_from_the_last_step_on(tmp_path):
    trace = sample_trace()
    heavy = [np.random.default_rng(i).normal(size=(4, 1000)) for i in range(4)]
    step = replace(trace.steps[1], weights=[heavy[0][:2, :1], heavy[0][0, :3]])
    layer = replace(trace.layers[1], output=heavy[1], training_output=heavy[2])
    trace = replace(trace, layers=[layer], steps=[trace.steps[0], step, trace.steps[2]])
    with pytest.warns(UserWarning, match="left out to keep the file below 50,000 bytes"):
        write_trace(trace, tmp_path / "a", max_bytes=50_000)
    read = read_trace(tmp_path / "a")
    assert (tmp_path / "a").stat().st_size <= 50_000
    assert read.notes[-1] == (
        "left out to keep the file below 50,000 bytes: the layers' inputs and outputs in training"
        " mode, the weights and gradients of step 2"
    )
    assert read.steps[0].weights is not None
    assert read.steps[1].weights is read.steps[1].gradients is None
    assert read.layers[0].training_output is None
    np.testing.assert_array_equal(read.layers[0].output, heavy[1])
    assert flat(read.final_weights) == flat(trace.final_weights)


def test_a_trace_whose_weights_do_not_fit_is_not_written(tmp_path):
    with pytest.raises(RecordingError, match="and a recording may have 500; use a smaller model"):
        write_trace(sample_trace(), tmp_path / "a", max_bytes=500)
    assert not [*tmp_path.iterdir()]


def test_a_file_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(RecordingError, match="nowhere/a: cannot be written"):
        write_trace(sample_trace(), tmp_path / "nowhere/a")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordingError, match="folder: cannot be written"):
        write_trace(sample_trace(), tmp_path / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_a_digest_is_of_numbers_not_of_types():
    whole = np.arange(6).reshape(2, 3)
    assert digest([whole]) == digest([whole.astype("f4")]) == digest([np.asfortranarray(whole)])
    assert digest([whole]) == digest([whole.astype("u1")])
    assert digest([whole]) != digest([whole.reshape(3, 2)])
    assert digest([whole]) != digest([whole + 2.0**-40])


def test_a_digest_is_that_of_the_documentation():
    """By the words of docs/recordings.md: "(2,)", then 1.0 and 2.0 in little-endian float64."""
    from hashlib import sha256

    bytes_ = b"(2,)" + bytes.fromhex("000000000000f03f0000000000000040")
    assert digest([np.array([1, 2])]) == sha256(bytes_).hexdigest()


def test_other_data_than_the_recordings_are_named():
    trace, X = sample_trace(), np.zeros((10, 2))
    with pytest.raises(RequestError, match="made with other inputs and targets; give diverge"):
        check_same_data(trace, digests_of((X,)))
    same = {name: trace.digests[name] for name in ("inputs", "targets")}
    check_same_data(trace, same)
    with pytest.raises(RequestError, match="made with other sample weights"):
        check_same_data(trace, same | digests_of((), w=np.ones(10)))


def test_rows_that_are_not_there_are_refused():
    trace = sample_trace()
    last = max(int(batch.max()) for batch in trace.batches)
    check_rows(trace, last + 1)
    with pytest.raises(RequestError, match=f"rows that are not among the {last} of"):
        check_rows(trace, last)
    with pytest.raises(RequestError, match="does not say which rows"):
        check_rows(replace(trace, batches=()), 10)


def test_batches_that_have_not_the_digest_of_their_orders_are_refused(tmp_path):
    trace = sample_trace()
    first, *rest = trace.batches
    with pytest.raises(RecordingError, match="the rows of the steps have not the digest of orders"):
        write_trace(replace(trace, batches=(first[::-1], *rest)), tmp_path / "a")
    write_trace(replace(trace, batches=(first[::-1], *rest), digests={}), tmp_path / "b")
    assert flat(read_trace(tmp_path / "b"))  # a recording need not give digests


def test_a_recording_is_read_without_any_framework(tmp_path):
    write_trace(sample_trace(), tmp_path / "a")
    program = (
        "import sys; from frameworks.recordings import Recording, read_trace;"
        "read_trace(sys.argv[1]);"
        "heavy = {'torch', 'tensorflow', 'keras', 'jax', 'sklearn', 'pandas', 'scipy', 'pydantic'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    command = [sys.executable, "-c", program, tmp_path / "a"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr
