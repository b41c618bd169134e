"""Trainings recorded in other versions of Keras are compared with the one that is installed."""

import pytest

from lockstep import Training, diverge

from .stored_recordings import STORED, X, build, y

pytestmark = pytest.mark.slow

RECORDINGS = sorted(STORED.glob("*.trace"))


def test_there_are_recordings_of_two_versions():
    assert len(RECORDINGS) >= 2


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_the_installed_keras_trains_as_the_recorded_one_did(path):
    pytest.importorskip("keras", reason="needs Keras, which this environment is without")
    report = diverge(path, Training(build()), X, y)
    assert report.same, str(report)
    assert report.steps == 6


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_a_changed_learning_rate_is_a_difference_in_any_version(path):
    pytest.importorskip("keras", reason="needs Keras, which this environment is without")
    report = diverge(path, Training(build(rate=2.0**-6)), X, y)
    assert (report.same, report.level) == (False, "step")


def test_recordings_of_two_versions_need_no_keras():
    report = diverge(*RECORDINGS[:2])
    assert report.same, str(report)
