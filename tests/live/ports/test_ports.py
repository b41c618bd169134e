"""Ports that are right train alike; ports that are wrong are told where, and why."""

import pytest

from .catalogue import PORTS
from .publish import Said

pytestmark = pytest.mark.slow

LIMIT = 1e-12  # the suite's own for float64


@pytest.mark.parametrize("port", PORTS, ids=lambda port: port.name)
def test_a_port_that_is_right_trains_alike_or_the_difference_is_explained(port, steps, published):
    report = port.compare(steps)
    (trajectory,) = [level for level in report.levels if level.name == "trajectory"]
    published["ports"][port.name] = steps, trajectory, report.cause
    if port.explained:
        assert report.level == "trajectory"
        assert port.explained in report.cause
        return
    assert report.same, str(report)
    assert trajectory.worst.error <= LIMIT


def test_a_mistake_is_noticed_and_named(port, mistake, swapped, steps, published):
    report = port.compare(steps, mistake, swapped=swapped)
    said = Said(
        port.name, mistake, swapped, report.same, report.level or "", report.place or "",
        report.cause or "",
    )  # fmt: skip
    published["said"].append(said)
    assert not report.same
    assert said.level_is_right, str(report)
    assert said.place_is_right, str(report)
    assert said.judgement != "wrong", str(report)


def test_there_are_eight_ports_with_five_mistakes_each():
    assert len(PORTS) == 8
    assert all(len(port.mistakes) == 5 for port in PORTS)
