"""The desk: incidents are opened by evidence, grow while it lasts, and close with hysteresis."""

from collections.abc import Callable, Collection, Mapping, Sequence
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import State
from monitor.clocks import NEVER
from monitor.incidents import (
    FEED,
    SEVERITIES,
    SEVERITY_MAX,
    VENUE,
    Case,
    Change,
    DeskOptions,
    Sighting,
    weighing,
)
from monitor.textstate import from_text, to_text

SCORE_MAX: Final = 99.0
UNLINKED: Final = frozenset((*FEED, "drift"))  # what says nothing of other symbols

Links = Callable[[str, Collection[str]], bool]
"""Whether a symbol is joined to any of some others: by holders, collateral or how prices move."""


def _standing(case: Case) -> tuple[bool, int, str]:
    """Of two cases that become one, the least goes on."""
    return case.severity != "page", case.opened_bin, case.id


class Desk:
    """Keeps open cases and decides which change is worth telling.

    A stream belongs to the case that has its symbol, or began with it; or else to one that its
    symbol is linked to. Cases that turn out to be linked become one: the page goes on, or else the
    older. But a page that has calmed takes in no new one: that is another wave, and is told.

    A bin may hold a hundred sightings of cases of hundreds of streams, so what a case has is looked
    up by case, symbol and signal, and its onset is worked out no more often than it is asked for.
    """

    def __init__(
        self, venue: str, options: DeskOptions, linked: Links = lambda _symbol, _others: False
    ) -> None:
        self.venue = venue
        self.options = options
        self.open: list[Case] = []
        self.pages = 0  # incidents that ever were one
        self._linked = linked
        self._places: dict[str, dict[str, dict[str, int]]] = {}  # in the streams of a case
        self._undated: set[str] = set()  # cases whose onset may have moved

    def update(
        self, bin_index: int, sightings: Sequence[Sighting], score: float
    ) -> list[tuple[Change, Case]]:
        """Take in what is loud in one bin. score: venue-wide decades of all of it together."""
        changes: list[tuple[Change, Case]] = []
        grown: set[str] = set()
        for seen in sorted(sightings, key=lambda s: (-s.score, s.stream)):
            # The bin's evidence is one: what it opens or feeds first has it.
            weight = seen.score if grown else max(score, seen.score)
            case = self._case_of(seen, weight, bin_index)
            if case is None:
                if weight < self.options.info:
                    continue
                case = self._open(bin_index, seen)
                changes.append(("open", case))
            if self._add(case, seen, bin_index):
                case, absorbed = self._merge(case, seen, bin_index)
                changes += [("close", other) for other in absorbed]
            if case.id not in grown:
                case.score = max(case.score, min(weight, SCORE_MAX))
                grown.add(case.id)
            if weight >= self.options.page:
                case.loud_bin = bin_index
        for case in self.open:
            self._rise(case)
            self._date(case)
        changes += self._news(bin_index, {case.id for _, case in changes})
        for _, case in changes:
            case.told_bin, case.told_score, case.fresh = bin_index, case.score, False
        return changes

    def held(self, bin_index: int, signal: str, symbol: str) -> float:
        """The score at or below which a sighting of a stream is not kept, so that its details are
        not asked for; -inf where it may be."""
        scores = [
            case.streams[place].score
            for case in self.open
            if (place := self._places[case.id].get(symbol, {}).get(signal)) is not None
            and not self._spent(case, bin_index)
        ]
        return min(scores, default=-np.inf)

    def _news(self, bin_index: int, told: Collection[str]) -> list[tuple[Change, Case]]:
        """Closes, and updates of what was not told in this bin yet."""
        quiet = [c for c in self.open if bin_index - c.active_bin >= self.options.hold_bins]
        known = {*told, *(case.id for case in quiet)}
        changes: list[tuple[Change, Case]] = [
            ("update", case)
            for case in self.open
            if case.id not in known and self._worth_telling(case, bin_index)
        ]
        for case in quiet:
            self._drop(case)
            changes.append(("close", case))
        return changes

    def _case_of(self, seen: Sighting, weight: float, bin_index: int) -> Case | None:
        """The open case that a sighting belongs to: of its stream, of its symbol, one that it is
        linked to, if it could open one of its own, or one that began with it."""
        near = []
        for case in self.open:
            spent = self._spent(case, bin_index)
            if spent and weight >= self.options.page:
                continue
            signals = self._places[case.id].get(seen.symbol, {})
            may_link = not signals and not spent and weight >= self.options.info
            joins = may_link and self._joins(case, seen)
            if signals or joins or self._begins_with(case, seen):
                rank = (not spent, seen.signal in signals, bool(signals), joins)
                near.append((*rank, case.score, case.id, case))
        return max(near, key=lambda found: found[:6])[6] if near else None

    def _begins_with(self, case: Case, seen: Sighting) -> bool:
        self._date(case)
        return abs(seen.onset_bin - case.onset_bin) <= self.options.join_bins

    def _spent(self, case: Case, bin_index: int) -> bool:
        """Whether a case is a page that has calmed."""
        return case.severity == "page" and bin_index - case.loud_bin > self.options.calm_bins

    def _joins(self, case: Case, seen: Sighting) -> bool:
        """Whether a sighting is linked to a case; what moves the whole venue is, to all."""
        if seen.signal in UNLINKED:
            return False
        symbols = {
            symbol
            for symbol, signals in self._places[case.id].items()
            if not signals.keys() <= UNLINKED
        }
        if not symbols:
            return False
        if seen.symbol == VENUE or VENUE in symbols:
            return True
        return seen.symbol in symbols or self._linked(seen.symbol, symbols)

    def _merge(self, case: Case, seen: Sighting, bin_index: int) -> tuple[Case, list[Case]]:
        """Cases that a symbol new to one of them links become one; the case that went on, and
        those that are part of it now. Two pages stay two, since both were told."""
        absorbed = []
        for other in sorted(self.open, key=lambda c: (c.opened_bin, c.id)):
            pages = (case.severity == "page") + (other.severity == "page")
            fresh = bin_index in (case.opened_bin, other.opened_bin)
            if other is case or other in absorbed or pages == 2 or fresh:
                continue
            spent = self._spent(case, bin_index) or self._spent(other, bin_index)
            if spent or not self._joins(other, seen):
                continue
            kept, gone = sorted((case, other), key=_standing)
            for stream in gone.streams:
                self._add(kept, stream, max(kept.active_bin, gone.active_bin))
            kept.score = max(kept.score, gone.score)
            kept.loud_bin = max(kept.loud_bin, gone.loud_bin)
            gone.joined = kept.id
            self._drop(gone)
            absorbed.append(gone)
            case = kept  # which may be linked to more of them
        return case, absorbed

    def _open(self, bin_index: int, seen: Sighting) -> Case:
        assert seen.onset_bin != NEVER
        name = f"{self.venue}\n{bin_index}\n{seen.signal}\n{seen.symbol}"
        digest = blake2b(name.encode(), digest_size=8).hexdigest()
        case = Case(digest, bin_index, seen.onset_bin, bin_index, bin_index, 0.0, 0.0, "info", [])
        self.open.append(case)
        self._places[case.id] = {}
        return case

    def _drop(self, case: Case) -> None:
        self.open.remove(case)
        del self._places[case.id]
        self._undated.discard(case.id)

    def _add(self, case: Case, seen: Sighting, bin_index: int) -> bool:
        """Take a sighting in; whether its symbol is new to the case."""
        case.active_bin = bin_index
        case.score = max(case.score, min(seen.score, SCORE_MAX))
        new = seen.symbol not in self._places[case.id]
        places = self._places[case.id].setdefault(seen.symbol, {})
        place = places.setdefault(seen.signal, len(case.streams))
        if place < len(case.streams) and seen.score <= case.streams[place].score:
            return new
        assert seen.onset_bin != NEVER  # whoever made it knew that it would be kept
        if place == len(case.streams):
            case.streams.append(seen)
            case.fresh = True
        else:
            case.streams[place] = seen
        self._undated.add(case.id)
        return new

    def _date(self, case: Case) -> None:
        """A case began with the earliest of the streams that weigh and led up to the loudest."""
        if case.id not in self._undated:
            return
        self._undated.discard(case.id)
        loudest = max(case.streams, key=lambda seen: (seen.score, -seen.onset_bin))
        case.onset_bin = loudest.onset_bin
        begun = (seen.onset_bin for seen in weighing(case.streams))
        for onset_bin in sorted(begun, reverse=True):
            if onset_bin < case.onset_bin - self.options.lead_bins:
                break
            case.onset_bin = min(case.onset_bin, onset_bin)

    def _rise(self, case: Case) -> None:
        """Severity never falls while a case is open; some signals alone never page."""
        severity = self.options.severity(case.score)
        most = max(SEVERITIES.index(SEVERITY_MAX.get(s.signal, "page")) for s in case.streams)
        severity = SEVERITIES[min(SEVERITIES.index(severity), most)]
        if SEVERITIES.index(severity) > SEVERITIES.index(case.severity):
            self.pages += severity == "page"
            case.severity, case.told_bin = severity, NEVER
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
