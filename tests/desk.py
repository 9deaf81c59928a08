"""A desk and sightings for it, and what it tells."""

from collections.abc import Sequence
from typing import Any

from monitor.desk import Desk
from monitor.explain import describe
from monitor.incidents import (
    AccountEvidence,
    Case,
    Change,
    DeskOptions,
    Incident,
    Sighting,
)

OPTIONS = DeskOptions(
    info=4,
    warning=5,
    page=6,
    join_bins=40,
    lead_bins=100,
    calm_bins=400,
    hold_bins=20,
    update_bins=10,
)
BIN_NS = 250_000_000
START_BIN = 1_700_000_000 * 4


def seen(score: float, symbol: str = "BTC", signal: str = "cancel_burst", onset: int = 0) -> Any:
    """A stream that is loud: 30 observed where 10 were expected."""
    return Sighting(signal, symbol, signal.partition("_")[0], float(score), onset, 30.0, 10.0)


def told(desk: Desk, bin_index: int, *sightings: Sighting) -> list[tuple[Change, str]]:
    """What the desk tells of a bin: changes with their severity."""
    score = max((s.score for s in sightings), default=0.0)
    changes = desk.update(bin_index, sightings, score)
    return [(change, case.severity) for change, case in changes]


def desk() -> Desk:
    return Desk("venue", OPTIONS)


def told_of(
    change: Change, found: Case, accounts: Sequence[AccountEvidence] = (), at_s: float = 10.0
) -> Incident:
    bin_index = START_BIN + round(at_s * 4)
    return describe(
        change, found, at_bin=bin_index, bin_ns=BIN_NS, accounts=accounts, trust={"blind": []}
    )
