"""Which streams are loud in a bin, with what the desk makes incidents of."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import Verdict
from detectors.correlated import Evidence
from detectors.feed_gap import ANY
from monitor.events import KINDS
from monitor.features import Roster
from monitor.incidents import VENUE, DeskOptions, Sighting

FEED_DECADES: Final = 1e-4  # what a decade of a gap adds to its score
DRIFT_DECADES: Final = 0.5  # how far above the level of an open incident a drift is put
HYSTERESIS_DECADES: Final = 1.0
SIGHTINGS_MAX: Final = 100  # a bin; the loudest, and twice what an incident shows

Held = Callable[[str, str], float]
"""The score that is kept of a signal on a symbol: a sighting that is no louder tells nothing more
than that it goes on."""
_Loud = tuple[Verdict, NDArray[np.float64], NDArray[np.bool_]]  # scores, and which are loud


class Lookout:
    """Turns verdicts and evidence into sightings."""

    def __init__(self, roster: Roster, options: DeskOptions) -> None:
        self._roster = roster
        self._options = options

    def sightings(
        self,
        at: int,
        own: Sequence[Verdict],
        verdicts: Sequence[Verdict],
        evidence: Evidence,
        *,
        calm: bool,
        held: Held,
    ) -> list[Sighting]:
        """The streams that are loud in a bin, strongest first, with their venue-wide scores.
        own: the verdicts with a stream a symbol, bursts before levels. calm: no incident is open,
        so that nobody asks what is too weak to open one."""
        least = self._options.info - HYSTERESIS_DECADES
        found: list[_Loud] = []
        if evidence.score[at] >= (self._options.info if calm else least):
            streams, members = evidence.streams(at), evidence.members(at)
            loud = streams >= least
            if evidence.joint[at] >= least:
                loud |= evidence.joined(at)
            for q, verdict in enumerate(own):
                if not verdict.level and evidence.mixture[at, [q, -1]].max() >= least:
                    loud[q] |= members[q]
                found.append((verdict, streams[q], loud[q]))
            venue = [v for v in verdicts if v.venue]
            for verdict, alone in zip(venue, evidence.alone, strict=True):
                found.append((verdict, alone[at], alone[at] >= least))
        for verdict in verdicts:
            if verdict.signal == "drift":
                drifted = np.isfinite(verdict.score[at])
                if drifted.any():
                    score = np.full(drifted.shape, self._options.info + DRIFT_DECADES)
                    found.append((verdict, score, drifted))
        torn = [seen for v in verdicts if v.feed for seen in self._of_feed(v, at)]
        strongest = self._strongest(found, at, held)
        loudest = sorted([*strongest, *torn], key=lambda s: (-s.score, s.stream))
        return loudest[:SIGHTINGS_MAX]

    def _strongest(self, found: Sequence[_Loud], at: int, held: Held) -> list[Sighting]:
        """At most so many sightings; the detail is asked for of news only."""
        ranked = sorted(
            (-score, verdict.signal, self._name(verdict, row), number, row)
            for number, (verdict, rows, scores) in enumerate(_loudest(found))
            for row, score in zip(rows, scores, strict=True)
        )[:SIGHTINGS_MAX]
        sightings = []
        news: dict[int, list[tuple[int, Sighting]]] = {}
        for score, signal, symbol, number, row in ranked:
            seen = Sighting(signal, symbol, found[number][0].feature_of(row), -score)
            sightings.append(seen)
            if seen.score > held(signal, symbol):
                news.setdefault(number, []).append((row, seen))
        for number, mine in news.items():
            why = found[number][0].detail(at, np.array([row for row, _ in mine], np.intp))
            for i, (_, seen) in enumerate(mine):
                if why.feature:
                    seen.feature = why.feature[i]
                seen.onset_bin = int(why.onset_bin[i])
                seen.observed, seen.expected = float(why.observed[i]), float(why.expected[i])
        return sightings

    def _name(self, verdict: Verdict, stream: int) -> str:
        if verdict.venue:
            return VENUE
        return (verdict.names or self._roster.symbols)[stream]

    def _of_feed(self, verdict: Verdict, at: int) -> list[Sighting]:
        """What is wrong with the input; one sighting where it is wrong for all of it."""
        score = verdict.score[at]
        found = self._strongest([(verdict, score, score > 0.0)], at, _nothing)
        options = self._options
        for seen in found:
            least = options.info if seen.feature in KINDS else options.warning
            seen.score = least + seen.score * FEED_DECADES  # so that the widest is the one kept
        if not 1 < len(found) == np.count_nonzero(np.isfinite(score)):
            return found
        kinds = {seen.feature for seen in found}
        score_whole = options.warning + float(score.max()) * FEED_DECADES
        first = min(found, key=lambda seen: seen.onset_bin)
        expected = float(np.sort([seen.expected for seen in found]).sum())
        feature = first.feature if len(kinds) == 1 else ANY
        whole = Sighting(
            verdict.signal, VENUE, feature, score_whole, first.onset_bin, 0.0, expected
        )
        return [whole]


def _nothing(_signal: str, _symbol: str) -> float:
    return -np.inf


def _loudest(found: Sequence[_Loud]) -> list[tuple[Verdict, list[int], list[float]]]:
    """Of each verdict, the loud streams and their scores; those that too many others are stronger
    than are left out, before anything is made of them."""
    rows = [np.flatnonzero(loud & np.isfinite(scores)) for _, scores, loud in found]
    kept = [scores[row] for (_, scores, _), row in zip(found, rows, strict=True)]
    every = np.concatenate([np.empty(0), *kept])
    least = -np.inf
    if every.size > SIGHTINGS_MAX:
        least = np.partition(every, -SIGHTINGS_MAX)[-SIGHTINGS_MAX]
    return [
        (verdict, row[own >= least].tolist(), own[own >= least].tolist())
        for (verdict, _, _), row, own in zip(found, rows, kept, strict=True)
    ]
