"""An outcome as a JUnit file, as continuous integration systems read it."""

import re
from pathlib import Path
from xml.etree import ElementTree

from experiments.harness.outcomes.outcome import Case, Outcome
from experiments.harness.records.own_files import refuse_a_runs_own
from frameworks.errors import RequestError, printable
from frameworks.files import is_another, require_place, write_atomically

__all__ = ["check_junit", "write_junit"]

_NOT_XML = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_junit(path: Path | None) -> None:
    """Raise RequestError, before anything is trained, for a file that cannot be written.

    Nor is a file replaced that is no XML: a page, say, where the name of the file was forgotten.
    """
    if path is None:
        return
    require_place(path, "--junit")
    if is_another(path, b"<?xml"):
        raise RequestError(
            f"{path}: is there already, and is no JUnit file; choose another --junit"
        )
    refuse_a_runs_own(path, "choose another --junit")


def write_junit(outcome: Outcome, path: Path) -> None:
    """Write an outcome's cases: those that a verdict went against as failures.

    A request that could not be carried out to its end is an error instead. RequestError in the
    place of another file.
    """
    check_junit(path)
    write_atomically(path, document(outcome))


def document(outcome: Outcome) -> bytes:
    """Return the JUnit file of an outcome."""
    kind = "failure" if outcome.exit_code == 1 else "error"
    against = sum(bool(case.against) for case in outcome.cases)
    counts = {
        "tests": len(outcome.cases),
        "failures": against if kind == "failure" else 0,
        "errors": against if kind == "error" else 0,
        "skipped": sum(bool(case.not_judged) and not case.against for case in outcome.cases),
        "time": f"{sum(case.seconds for case in outcome.cases):.3f}",
    }
    attributes = {"name": outcome.command} | {name: str(count) for name, count in counts.items()}
    suites = ElementTree.Element("testsuites", attributes)
    suite = ElementTree.SubElement(suites, "testsuite", attributes)
    for case in outcome.cases:
        _add(suite, case, kind)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n"


def _add(suite: ElementTree.Element, case: Case, kind: str) -> None:
    named = {"classname": _text(case.group), "name": _text(case.name)}
    element = ElementTree.SubElement(suite, "testcase", named | {"time": f"{case.seconds:.3f}"})
    if case.against:
        message = {"message": _text(case.against[0])}
        ElementTree.SubElement(element, kind, message).text = _text("\n".join(case.against))
    elif case.not_judged:
        ElementTree.SubElement(element, "skipped", {"message": _text(case.not_judged)})


def _text(words: str) -> str:
    """Return a text without what XML cannot hold."""
    return _NOT_XML.sub("�", printable(words))
