"""What a command comes to, said in four places: they never contradict each other."""

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from experiments.harness.cli import session
from experiments.harness.compare.baseline import write_baseline
from experiments.harness.outcomes import Case, Outcome, announcing
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
    "failed judge": (
        [training(dtype="float32"), training(dtype="float32", **KERAS)]
        + [failed(dtype="float32", mode="nudged-1")],
        "failed",
        1,
    ),
    "another dtype": ([training(), training(dtype="float32", seed=1)], "failed", 1),
    "another mode": ([training(), training(mode="native", seed=1)], "failed", 1),
    "another limit": ([training(), training(limit=5, seed=1)], "failed", 1),
    "other data": ([training(), training(data={"sha256": "0" * 64}, seed=1)], "failed", 1),
    "another spec": ([training(), training(spec={"learning_rate": 0.5}, seed=1)], "failed", 1),
    "other sources": (
        [training(), training(source_sha256="0" * 64, seed=1)],
        "failed",
        1,
    ),
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
        assert bool(self.json["against"]) == bool(code)
        assert bool(self.annotations) == bool(code)
        bad = self.suite.findall(".//failure"), self.suite.findall(".//error")
        assert [bool(each) for each in bad] == [code == 1, code not in (0, 1)]
        assert (int(self.suite.get("failures")), int(self.suite.get("errors"))) == (
            *(len(bad[0]), len(bad[1])),
        )
        assert self.summary.splitlines()[0].endswith(f": {verdict}")
        assert self.sentences() == self.json["against"]

    def sentences(self) -> list[str]:
        """All that went against, as the JUnit file has it."""
        bad = [*self.suite.iter("failure"), *self.suite.iter("error")]
        return [line for each in bad for line in each.text.splitlines()]


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


def test_a_command_that_is_killed_leaves_no_verdict_of_an_earlier_one(
    monkeypatch, run_of, told, tmp_path
):
    """What stands in the file at any moment of its work is what a killed one leaves."""
    run_of([training()])
    told("run", "churn").check("passed", 0)
    meanwhile = []

    def at_work(*_):
        meanwhile.append((tmp_path / "junit.xml").read_text())
        raise KeyboardInterrupt

    monkeypatch.setattr(session, "_run", at_work)
    assert told("run", "churn").code == 130
    assert (
        "it has not ended: it is at work, or was killed; repeating it finishes it" in meanwhile[0]
    )
    assert 'errors="1"' in meanwhile[0]


REFUSED = {
    "run xor --set hiden=3": "did you mean 'hidden'?",
    "run mnits": "unknown experiment 'mnits'",
    "run xor --quite": "No such option: --quite (Possible options: --junit, --out, --quiet)",
    "run xor --learning-rate=0.1 --junit elsewhere.xml": "as --set learning_rate=VALUE",
    "run xor --epochs many": "Invalid value for '--epochs'",
    "run xor --seeds x": "expected a number of seeds, or a list",
    "run xor --margin 0.01": "--margin is that of the means of native runs; add --native",
    "run xor --all": "--all takes no names, got xor",
    "compare": "Missing argument 'RUN_A'",
    "compare before": "name two runs, or one run and a --baseline",
    "compare before after --htlm x": "No such option: --htlm",
    "diverge xor --seed -1": "Invalid value for '--seed'",
    "diverge xor --between scratch": "--between takes two names",
}


@pytest.mark.parametrize("arguments", REFUSED)
def test_a_command_that_is_refused_says_so_everywhere_in_one_sentence(arguments, told):
    found = told(*arguments.split())
    found.check("refused", 2)
    (sentence,) = found.json["against"]
    assert REFUSED[arguments] in sentence
    assert "Try:" not in sentence


def test_a_baseline_without_a_run_to_hold_against_it_is_refused_everywhere(tmp_path, told):
    run = store_run(tmp_path / "run", training())
    write_baseline(session.build_results(session.Store(run)), tmp_path / "baseline.json")
    told("compare", tmp_path / "baseline.json").check("refused", 2)


def test_options_that_cannot_be_parsed_leave_no_file_of_a_name_that_is_an_option(call, tmp_path):
    for arguments in (["run", "xor", "--junit"], ["run", "xor", "--quite", "--junit"], ["rnu"]):
        answer = call(*arguments)
        assert (answer.code, answer.out, [*tmp_path.iterdir()]) == (2, "", [])
        assert answer.err.count("error: ") == 1


@pytest.mark.parametrize(
    "command",
    [
        "run churn",
        "compare before before",
        "diverge a.trace a.trace",
        "diverge xor --epochs 1",
        "diverge xor --epochs 1 --explain-all --steps 2",
    ],
)
def test_a_junit_file_that_cannot_be_written_in_the_end_is_no_verdict(
    command, monkeypatch, tmp_path, run_of, call
):
    """There is one JSON document, and it says so."""

    def full(*_):
        raise OSError(28, "No space left on device")

    run_of(OUTCOMES["agree"][0])
    store_run(tmp_path / "before", training())
    write_trace(sample_trace(), tmp_path / "a.trace")
    monkeypatch.setattr(announcing, "write_junit", full)
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    monkeypatch.chdir(tmp_path)
    answer = call(*command.split(), "--json", "--junit", tmp_path / "junit.xml")
    assert (answer.code, json.loads(answer.out)["verdict"]) == (2, "refused")
    told = (tmp_path / "summary.md").read_text()
    assert told.startswith(f"### ⚠️ lockstep {command.split()[0]}: refused")


def test_a_run_that_breaks_unforeseen_says_so_everywhere(monkeypatch, told):
    monkeypatch.setattr(session, "_run", lambda *_: 1 / 0)
    told("run", "churn").check("refused", 2)


def test_a_comparison_says_the_same_everywhere(tmp_path, told):
    before = store_run(tmp_path / "before", training(), training(**KERAS))
    after = store_run(tmp_path / "after", training(), failed(**KERAS))
    told("compare", before, before).check("unchanged", 0)
    (tmp_path / "summary.md").unlink()
    found = told("compare", before, after)
    found.check("worse", 1)
    assert found.json["against"][0].startswith("churn keras 0: worse: ")
    assert [each.get("name") for each in found.suite.iter("testcase") if len(each)] == [
        "churn keras 0"
    ]
    (tmp_path / "summary.md").unlink()
    told("compare", before, "nowhere").check("refused", 2)


def test_trainings_that_cannot_be_compared_are_skipped_and_counted(tmp_path, told):
    kept, new = training(experiment="xor"), training(experiment="mnist")
    gone = failed(experiment="circle")
    before = store_run(tmp_path / "before", kept, gone, training())
    after = store_run(tmp_path / "after", kept, new, training(data={"sha256": "ff" * 32}))
    found = told("compare", before, after)
    found.check("unchanged", 0)
    skipped = {case.get("name"): case.find("skipped") for case in found.suite.iter("testcase")}
    said = {name: each.get("message")[:14] for name, each in skipped.items() if each is not None}
    assert said == {
        **{"churn scratch 0": "not comparable", "circle scratch 0": "only before"},
        "mnist scratch 0": "only after",
    }
    assert "1 not comparable; 1 only before; 1 only after." in found.summary


def test_a_training_of_a_baseline_that_a_run_lacks_is_a_failure_everywhere(tmp_path, told):
    run = store_run(tmp_path / "before", training(), training(**KERAS))
    write_baseline(session.build_results(session.Store(run)), tmp_path / "baseline.json")
    found = told("compare", tmp_path / "baseline.json", store_run(tmp_path / "after", training()))
    found.check("worse", 1)
    (failure,) = found.suite.iter("failure")
    assert failure.get("message") == found.json["against"][0]
    assert failure.get("message").startswith("churn keras 0: worse: ")


def test_a_junit_file_that_cannot_be_written_is_refused_before_anything_is_done(call, tmp_path):
    for folder in (tmp_path / "nowhere", "/proc"):
        answer = call("run", "xor", "--junit", f"{folder}/junit.xml")
        assert answer.code == 2
        assert "choose another --junit" in answer.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("arguments", [("run", "xor"), ("run", "xor", "--quite")])
def test_a_file_that_is_no_junit_file_is_never_replaced(arguments, call, tmp_path):
    page = tmp_path / "my_page.py"
    page.write_text("SPEC = 1\n")
    assert call(*arguments, "--junit", page).code == 2
    assert page.read_text() == "SPEC = 1\n"
    assert not (tmp_path / "runs").exists()


def test_a_junit_file_is_replaced_and_an_empty_one_filled(told, call, tmp_path):
    (tmp_path / "junit.xml").touch()
    told("run", "mnits").check("refused", 2)
    told("run", "xor", "--seeds", "x").check("refused", 2)


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
