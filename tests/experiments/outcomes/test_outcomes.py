"""What a command comes to, said in four places: they never contradict each other."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from experiments.harness.cli import session
from experiments.harness.outcomes import Case, Outcome
from experiments.harness.outcomes.github import markdown
from experiments.harness.outcomes.junit import document
from frameworks.recordings import write_trace

from ...frameworks.recordings.samples import sample_trace
from ..stored_runs import correct_but, failed, store_run, training

KERAS = {"implementation": "keras"}
NO_PACKAGE = {"error": "keras: keras not installed; run: make setup", "missing": True}


def without_a_package():
    record, arrays = failed(**KERAS)
    return record | NO_PACKAGE, arrays


OUTCOMES = {
    "agree": ([training(), training(**KERAS)], "passed", 0),
    "differ": ([training(), training(correct_but(1), **KERAS)], "failed", 1),
    "out of band": ([training(acceptance=[1.5, 2.0])], "failed", 1),
    "failed cell": ([training(), failed(**KERAS)], "failed", 1),
    "no package": ([training(), without_a_package()], "incomplete", 2),
}


class Told:
    """What a command said in each place."""

    def __init__(self, answer, junit: Path, summary: Path) -> None:
        self.code, self.annotations = answer.code, answer.err.count("::error title=")
        self.json = json.loads(answer.out)
        self.suite = ElementTree.parse(junit).getroot()
        self.summary = summary.read_text()

    def check(self, verdict: str, code: int) -> None:
        """Hold every place against what is expected, and so against each other."""
        assert (self.code, self.json["verdict"]) == (code, verdict)
        assert bool(self.json.get("against")) == bool(code)
        assert bool(self.annotations) == bool(code)
        bad = self.suite.findall(".//failure"), self.suite.findall(".//error")
        assert [bool(each) for each in bad] == [code == 1, code not in (0, 1)]
        assert (int(self.suite.get("failures")), int(self.suite.get("errors"))) == (
            *(len(bad[0]), len(bad[1])),
        )
        assert self.summary.splitlines()[0].endswith(f": {verdict}")


@pytest.fixture
def told(call, tmp_path, monkeypatch):
    """Return a function that runs a command, and returns what it said everywhere."""
    junit, summary = tmp_path / "junit.xml", tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    return lambda *arguments: Told(call(*arguments, "--json", "--junit", junit), junit, summary)


@pytest.fixture
def run_of(monkeypatch, tmp_path):
    """Return a function that lets `run` come to the results of trainings made by hand."""

    def come_to(trainings):
        folder = store_run(tmp_path / "made", *trainings)

        def trained(*_):
            store = session.Store(folder)
            return session.build_results(store), "", store

        monkeypatch.setattr(session, "_run", trained)

    return come_to


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_run_says_the_same_everywhere(name, run_of, told):
    trainings, verdict, code = OUTCOMES[name]
    run_of(trainings)
    told("run", "churn").check(verdict, code)


def test_a_run_that_is_interrupted_says_so_everywhere(monkeypatch, told):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "_run", interrupted)
    told("run", "churn").check("interrupted", 130)


def test_a_run_that_is_refused_says_so_everywhere(told):
    found = told("run", "xor", "--set", "hiden=3")
    found.check("refused", 2)
    assert "did you mean 'hidden'?" in found.json["against"][0]


def test_a_run_that_breaks_unforeseen_says_so_everywhere(monkeypatch, told):
    monkeypatch.setattr(session, "_run", lambda *_: 1 / 0)
    told("run", "churn").check("refused", 2)


def test_a_comparison_says_the_same_everywhere(tmp_path, told):
    before = store_run(tmp_path / "before", training(), training(**KERAS))
    after = store_run(tmp_path / "after", training(), failed(**KERAS))
    told("compare", before, before).check("unchanged", 0)
    (tmp_path / "summary.md").unlink()
    found = told("compare", before, after)
    assert (found.code, found.json["verdict"]) == (1, "worse")
    assert [each.get("name") for each in found.suite.iter("testcase") if len(each)] == [
        "churn keras 0"
    ]
    (tmp_path / "summary.md").unlink()
    told("compare", before, "nowhere").check("refused", 2)


def test_a_junit_file_that_cannot_be_written_is_refused_before_anything_is_done(call, tmp_path):
    answer = call("run", "xor", "--junit", tmp_path / "nowhere" / "junit.xml")
    assert answer.code == 2
    assert "choose another --junit" in answer.err
    assert not (tmp_path / "runs").exists()


def test_a_verdict_that_its_cases_contradict_is_no_outcome():
    with pytest.raises(ValueError, match="'passed' with 1 objections"):
        Outcome("lockstep run", "passed", [Case("xor", "scratch", ("failed",))])
    with pytest.raises(ValueError, match="'failed' with 0 objections"):
        Outcome("lockstep run", "failed", [Case("xor", "scratch")])
    with pytest.raises(ValueError, match="expected one of"):
        Outcome("lockstep run", "fine", [])


HOSTILE = "<b> & ]]> \x1b[31m `code` | [x](http://y) \ufffe @all"


def test_no_text_can_break_the_files():
    outcome = Outcome("lockstep run", "failed", [Case(HOSTILE, HOSTILE, (HOSTILE,), 1.5)])
    (case,) = ElementTree.fromstring(document(outcome)).iter("testcase")
    assert case.get("name").startswith("<b> & ]]> \\x1b[31m")
    assert case.get("time") == "1.500"
    shown = markdown(outcome)
    assert "<b>" not in shown
    assert "\\[x\\](" in shown
    assert "\\`code\\`" in shown
    assert "\\@all" in shown


def test_a_summary_names_a_few_of_many_objections(capsys, monkeypatch, tmp_path):
    from experiments.harness.outcomes.github import show_on_github

    cases = [Case("xor", f"seed {i}", (f"seed {i}: failed",)) for i in range(100)]
    outcome = Outcome("lockstep run", "failed", cases, "0 of 100 trainings finished.")
    assert markdown(outcome).count("\n- ") == 21
    assert "- and 80 more" in markdown(outcome)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path))  # a folder: nothing can be written
    show_on_github(outcome)
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 11
    assert "no summary was written" in said[-1]


def test_two_recordings_say_the_same_everywhere(tmp_path, told):
    trace = sample_trace()
    steps = [replace(step, loss=0.5) for step in trace.steps]
    write_trace(replace(trace, steps=steps), tmp_path / "a.trace")
    steps[1] = replace(steps[1], loss=0.25)
    write_trace(replace(trace, steps=steps), tmp_path / "b.trace")
    told("diverge", "a.trace", "a.trace").check("same", 0)
    (tmp_path / "summary.md").unlink()
    found = told("diverge", "a.trace", "b.trace")
    found.check("part", 1)
    assert found.json["against"][0].startswith("They first differ at the trajectory level")
    (tmp_path / "summary.md").unlink()
    told("diverge", "a.trace", "nowhere.trace").check("refused", 2)
