"""The pinned packages and the supported Pythons are those of the project's own file."""

import tomllib
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_requirement_has_a_pin_in_its_range():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = dict(line.lower().split("==") for line in lines if not line.startswith("#"))
    extras = chain.from_iterable(PROJECT["optional-dependencies"].values())
    for text in [*PROJECT["dependencies"], *extras]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pins[requirement.name.lower()]), text


def test_supported_pythons_are_those_of_the_project():
    script = (ROOT / "tools/setup.sh").read_text()
    versions = script.split("versions='")[1].split("'")[0].split()
    declared = SpecifierSet(PROJECT["requires-python"])
    assert all(declared.contains(version) for version in versions)
    assert not declared.contains("3.10")
