"""Incidents: opened by evidence, grown while it lasts, closed with hysteresis."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from detectors.base import State
from monitor.textstate import from_text, to_text

Severity = Literal["info", "warning", "page"]
Change = Literal["open", "update", "close"]
SEVERITIES: Final[tuple[Severity, ...]] = ("info", "warning", "page")
SCORE_MAX: Final = 99.0
SYMBOLS_SHOWN: Final = 50
# What is told but never pages alone: a drift, and what is wrong with the input itself.
SEVERITY_MAX: Final[dict[str, Severity]] = {
    "drift": "info",
    "feed_gap": "warning",
    "clock_skew": "warning",
}
FEED: Final = ("feed_gap", "clock_skew")  # signals of the input, which no account is behind


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
    update_bins: least time between updates that only add detail.
    """

    info: float
    warning: float
    page: float
    join_bins: int
    hold_bins: int
    update_bins: int

    def severity(self, score: float) -> Severity:
        """The severity of a score that has opened an incident."""
        if score >= self.page:
            return "page"
        return "warning" if score >= self.warning else "info"


class Sighting(Struct):
    """A stream that is loud in one bin. score: venue-wide decades."""

    signal: str
    symbol: str
    feature: str
    score: float
    onset_bin: int
    observed: float
    expected: float

    @property
    def stream(self) -> tuple[str, str]:
        return self.signal, self.symbol


class Case(Struct):
    """An open incident as the desk keeps it. streams: the strongest sighting of each stream."""

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


class Desk:
    """Keeps open cases and decides which change is worth telling.

    A bin may hold a hundred sightings of cases of hundreds of streams, so what a case has is looked
    up by case, symbol and signal, and its onset is worked out no more often than it is asked for.
    """

    def __init__(self, venue: str, options: DeskOptions) -> None:
        self.venue = venue
        self.options = options
        self.open: list[Case] = []
        self.pages = 0  # incidents that ever were one
        self._places: dict[str, dict[str, dict[str, int]]] = {}  # in the streams of a case
        self._undated: set[str] = set()  # cases whose onset may have moved

    def update(
        self, bin_index: int, sightings: Sequence[Sighting], score: float
    ) -> list[tuple[Change, Case]]:
        """Take in what is loud in one bin. score: venue-wide decades of all of it together."""
        changes: list[tuple[Change, Case]] = []
        grown: set[str] = set()
        for seen in sorted(sightings, key=lambda s: (-s.score, s.stream)):
            case = self._case_of(seen)
            if case is None:
                # The bin's evidence is one: what it opens or feeds first has it.
                if (seen.score if grown else max(score, seen.score)) < self.options.info:
                    continue
                case = self._open(bin_index, seen)
                changes.append(("open", case))
            self._add(case, seen, bin_index)
            if case.id not in grown:
                case.score = max(case.score, min(seen.score if grown else score, SCORE_MAX))
                grown.add(case.id)
        for case in self.open:
            self._rise(case)
            self._date(case)
        quiet = [c for c in self.open if bin_index - c.active_bin >= self.options.hold_bins]
        told = {case.id for _, case in changes} | {case.id for case in quiet}
        changes += [
            ("update", case)
            for case in self.open
            if case.id not in told and self._worth_telling(case, bin_index)
        ]
        for case in quiet:
            self.open.remove(case)
            del self._places[case.id]
            changes.append(("close", case))
        for _, case in changes:
            case.told_bin, case.told_score, case.fresh = bin_index, case.score, False
        return changes

    def _case_of(self, seen: Sighting) -> Case | None:
        """The open case that a sighting belongs to: same stream, same symbol, or same time."""
        near = []
        for case in self.open:
            signals = self._places[case.id].get(seen.symbol)
            if signals is None and not self._begins_with(case, seen):
                continue
            near.append((seen.signal in (signals or ()), case.score, case.id, case))
        return max(near, key=lambda found: found[:3])[3] if near else None

    def _begins_with(self, case: Case, seen: Sighting) -> bool:
        self._date(case)
        return abs(seen.onset_bin - case.onset_bin) <= self.options.join_bins

    def _open(self, bin_index: int, seen: Sighting) -> Case:
        name = f"{self.venue}\n{bin_index}\n{seen.signal}\n{seen.symbol}"
        digest = blake2b(name.encode(), digest_size=8).hexdigest()
        case = Case(digest, bin_index, seen.onset_bin, bin_index, bin_index, 0.0, 0.0, "info", [])
        self.open.append(case)
        self._places[case.id] = {}
        return case

    def _add(self, case: Case, seen: Sighting, bin_index: int) -> None:
        case.active_bin = bin_index
        case.score = max(case.score, min(seen.score, SCORE_MAX))
        places = self._places[case.id].setdefault(seen.symbol, {})
        place = places.setdefault(seen.signal, len(case.streams))
        if place == len(case.streams):
            case.streams.append(seen)
            case.fresh = True
        elif seen.score > case.streams[place].score:
            case.streams[place] = seen
        else:
            return
        self._undated.add(case.id)

    def _date(self, case: Case) -> None:
        """A case began with the earliest of the streams that weigh."""
        if case.id in self._undated:
            self._undated.discard(case.id)
            top = max(seen.score for seen in case.streams)
            least = top - max(1.0, top / 2)
            case.onset_bin = min(s.onset_bin for s in case.streams if s.score >= least)

    def _rise(self, case: Case) -> None:
        """Severity never falls while a case is open; some signals alone never page."""
        severity = self.options.severity(case.score)
        most = max(SEVERITIES.index(SEVERITY_MAX.get(s.signal, "page")) for s in case.streams)
        severity = SEVERITIES[min(SEVERITIES.index(severity), most)]
        if SEVERITIES.index(severity) > SEVERITIES.index(case.severity):
            self.pages += severity == "page"
            case.severity, case.told_bin = severity, -(2**62)
            case.fresh = True

    def _worth_telling(self, case: Case, bin_index: int) -> bool:
        if not case.fresh and case.score < 1.5 * case.told_score:
            return False
        return bin_index - case.told_bin >= self.options.update_bins

    def state(self) -> State:
        """Open cases as text, and how many pages there were."""
        return {"open": from_text(self.open), "pages": np.array(self.pages)}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.open = to_text(state["open"], list[Case])
        self.pages = int(state["pages"])
        self._undated.clear()
        self._places = {case.id: {} for case in self.open}
        for case in self.open:
            for place, seen in enumerate(case.streams):
                self._places[case.id].setdefault(seen.symbol, {})[seen.signal] = place
