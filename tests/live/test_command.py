"""`lockstep diverge` on two recordings, as the library alone has it."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from frameworks.live.command import main
from frameworks.recordings import write_trace

from ..frameworks.recordings.samples import sample_trace


@pytest.fixture
def recordings(tmp_path, monkeypatch):
    """Write three: "a" and "b" are the same training, in "c" the second step's loss is another."""
    monkeypatch.chdir(tmp_path)
    trace = sample_trace()
    trace = replace(trace, steps=[replace(step, loss=0.5) for step in trace.steps])
    other = [trace.steps[0], replace(trace.steps[1], loss=0.25), trace.steps[2]]
    write_trace(trace, "a")
    write_trace(trace, "b")
    write_trace(replace(trace, steps=other), "c")
    return tmp_path


@pytest.fixture
def call(recordings, capsys):
    def call_main(*arguments):
        code = main(arguments)
        return code, *capsys.readouterr()

    return call_main


def test_equal_recordings_exit_0(call):
    code, out, err = call("diverge", "a", "b")
    assert (code, err) == (0, "")
    assert "the first keras and the second keras agree." in out


def test_recordings_that_differ_exit_1_and_name_the_step(call):
    code, out, err = call("diverge", "a", "c")
    assert (code, err) == (1, "")
    assert "They first differ at the trajectory level" in out
    assert "step 2" in out


def test_json_says_the_same(call):
    code, out, _ = call("diverge", "a", "c", "--json")
    found = json.loads(out)
    assert (code, found["same"], found["level"], found["step"]) == (1, False, "trajectory", 2)
    assert found["difference"]["error"] == 0.5
    assert json.loads(call("diverge", "a", "b", "--json")[1])["same"] is True


def test_a_file_that_is_no_recording_exits_2_with_one_sentence(call, recordings):
    (recordings / "d").write_text("no recording")
    for name, why in (("d", "is damaged, or not safetensors"), ("e", "there is no such file")):
        code, out, err = call("diverge", "a", name)
        assert (code, out) == (2, "")
        assert err.startswith(f"error: {name}: {why}")
        assert len(err.splitlines()) == 1


def test_an_error_that_nobody_expected_is_no_verdict(call, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("by \x1b[31mzero")

    monkeypatch.setattr("frameworks.live.entry.diverge", fail)
    code, out, err = call("diverge", "a", "b")
    assert (code, out) == (2, "")
    assert err == (
        r"error: unforeseen ZeroDivisionError: by \x1b[31mzero; LOCKSTEP_TRACEBACK=1 shows where"
        "\n"
    )
    monkeypatch.setenv("LOCKSTEP_TRACEBACK", "1")
    assert "Traceback" in call("diverge", "a", "b")[2]


def test_wrong_arguments_exit_2_and_help_has_examples(call, capsys):
    for arguments in ((), ("diverge", "a"), ("run",)):
        with pytest.raises(SystemExit, match="2"):
            call(*arguments)
    with pytest.raises(SystemExit, match="0"):
        call("diverge", "--help")
    assert "lockstep diverge before.trace after.trace" in capsys.readouterr().out


@pytest.mark.parametrize(("other", "code"), [("b", 0), ("c", 1)])
@pytest.mark.parametrize("options", [(), ("--json",)], ids=["tables", "JSON"])
def test_a_reader_that_stops_reading_changes_no_exit_code(recordings, other, code, options):
    program = "import sys; from frameworks.live.command import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", program, "diverge", "a", other, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        process.stdout.close()
        assert process.wait(60) == code
        assert process.stderr.read() == ""
