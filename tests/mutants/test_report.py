from pathlib import Path

import pytest

from . import report
from .report import Outcomes, Report, mutants_of

FILE, LINE = "scratch/a.py", "x = a + b"  # two mutants: a − b, and a alone


@pytest.fixture
def mutants(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(Outcomes, "path", tmp_path / "outcomes.jsonl")
    monkeypatch.setattr(report, "EXPLAINED", tmp_path / "survivors.toml")
    Path("scratch").mkdir()
    Path(FILE).write_text(LINE, encoding="utf-8")
    explain("a + b → a")
    return list(mutants_of(FILE))


def explain(change, file=FILE):
    entry = f'[[equivalent]]\nreason = "Here b is 0."\nmutants = [["{file}", "{LINE}", "{change}"]]'
    Path("survivors.toml").write_text(entry, encoding="utf-8")


def reported(mutants, *outcomes):
    kept = Outcomes()
    for mutant, outcome in zip(mutants, outcomes, strict=False):
        kept.add(mutant, 1, outcome)
    return Report([FILE], mutants, Outcomes(), wide=100, is_sample=False)


def test_survivor_is_open_unless_it_is_explained(mutants):
    made = reported(mutants, "survived", "survived")
    assert [mutant.change for _, mutant in made.open] == ["a + b → a - b"]
    assert made.total == {"mutants": 2, "tried": 2, "open": 1, "equivalent": 1}
    assert made.is_bad


def test_what_was_killed_later_is_not_counted_as_noticed_at_first(mutants):
    reported(mutants, "survived")
    made = reported(mutants, "killed", "survived")
    assert (made.total["killed"], made.total["at first"]) == (1, 0)
    assert "100.0% (20.7% to 100.0%), when they were first tried 0.0%" in made.summary()
    assert not made.is_bad


def test_explanation_is_stale_where_its_mutant_is_killed_or_gone(mutants):
    assert reported(mutants, "killed").stale == []  # its mutant has not been tried
    assert len(reported(mutants, "killed", "killed").stale) == 1
    explain("a + b → a", file="scratch/gone.py")
    assert len(reported(mutants, "killed", "killed").stale) == 1
