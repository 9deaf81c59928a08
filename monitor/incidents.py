"""Incidents: what is told of them, and what is kept of one while it is open."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec
from msgspec import Struct

from monitor.clocks import NEVER

Severity = Literal["info", "warning", "page"]
Change = Literal["open", "update", "close"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "page")
SYMBOLS_SHOWN: Final = 50
# What is told but never pages alone: a drift, and what is wrong with the input itself.
SEVERITY_MAX: Final[dict[str, Severity]] = {
    "drift": "info",
    "feed_gap": "warning",
    "clock_skew": "warning",
}
FEED: Final = ("feed_gap", "clock_skew")  # signals of the input, which no account is behind
VENUE: Final = "*"  # the symbol of what concerns all of them


class SymbolEvidence(Struct, frozen=True):
    """One stream of an incident. observed and expected: counts since its onset."""

    symbol: str
    signal: str
    score: float
    observed: float
    expected: float
    ratio: float


class AccountEvidence(Struct, frozen=True):
    """An account's part of a signal, over the incident's symbols since its onset."""

    account: str
    signal: str
    share: float
    count: int


class Incident(Struct, frozen=True):
    """One change of an incident, as the outside sees it (contract, schema 1)."""

    schema: int
    id: str
    change: Change
    at_ns: int
    onset_ns: int
    severity: Severity
    signals: list[str]
    symbols: list[SymbolEvidence]
    accounts: list[AccountEvidence]
    score: float
    summary: str
    trust: dict[str, float | str | list[str]]


encode: Final = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskOptions:
    """When an incident opens, closes, and what its severity is.

    info, warning, page: venue-wide decades from which each severity holds.
    join_bins: onsets this near each other are one incident. hold_bins: quiet time before it closes.
    lead_bins: onsets this far apart may still lead up to one another. calm_bins: after so long
    without evidence for a page, a page takes in no new one.
    update_bins: least time between updates that only add detail.
    """

    info: float
    warning: float
    page: float
    join_bins: int
    hold_bins: int
    lead_bins: int
    calm_bins: int
    update_bins: int

    def severity(self, score: float) -> Severity:
        """The severity of a score that has opened an incident."""
        if score >= self.page:
            return "page"
        return "warning" if score >= self.warning else "info"


class Sighting(Struct):
    """A stream that is loud in one bin. score: venue-wide decades. What follows is not known of
    one that is no louder than what an incident holds of it."""

    signal: str
    symbol: str
    feature: str
    score: float
    onset_bin: int = NEVER
    observed: float = 0.0
    expected: float = 0.0

    @property
    def stream(self) -> tuple[str, str]:
        return self.signal, self.symbol


def weighing(streams: Sequence[Sighting]) -> list[Sighting]:
    """Those that an incident is about, and not merely part of: within a decade of the loudest, or
    half as loud."""
    loudest = max(seen.score for seen in streams)
    least = loudest - max(1.0, loudest / 2.0)
    return [seen for seen in streams if seen.score >= least]


def in_order(streams: Sequence[Sighting], onset_bin: int) -> list[Sighting]:
    """The streams that weigh and began with an incident's onset or after it, as they began."""
    led = [seen for seen in weighing(streams) if seen.onset_bin >= onset_bin]
    return sorted(led, key=lambda seen: (seen.onset_bin, -seen.score, seen.stream))


class Case(Struct):
    """An open incident as the desk keeps it. streams: the strongest sighting of each stream.
    loud_bin: the last with evidence for a page. joined: the incident that it goes on in."""

    id: str
    opened_bin: int
    onset_bin: int
    active_bin: int
    told_bin: int
    score: float
    told_score: float
    severity: Severity
    streams: list[Sighting]
    fresh: bool = False
    loud_bin: int = NEVER
    joined: str = ""
