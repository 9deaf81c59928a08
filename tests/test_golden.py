"""Golden incidents; how to write them again stands in `tests/golden/__init__.py`."""

import msgspec

from monitor.incidents import Incident
from tests import golden


def test_the_golden_log_gives_the_golden_incidents() -> None:
    assert golden.incidents() == golden.INCIDENTS.read_bytes(), "see tests/golden/__init__.py"


def test_the_golden_incidents_are_worth_comparing() -> None:
    lines = golden.INCIDENTS.read_bytes().splitlines()
    found = [msgspec.json.decode(line, type=Incident) for line in lines]
    assert {incident.change for incident in found} >= {"open", "close"}
    assert any(incident.accounts for incident in found)
    assert golden.LOG.stat().st_size < 300_000
