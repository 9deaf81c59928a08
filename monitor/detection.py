"""The global half: frames of the whole venue in, changes of incidents out. One per venue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.base import Detector, Frame, State, Verdict, nest, unnest
from detectors.correlated import CorrelatedTest, Evidence
from detectors.feed_gap import ANY
from detectors.level import Level
from detectors.options import BurstOptions
from detectors.registry import DETECTORS
from detectors.tail import MAXIMA_S
from monitor.accounts import AccountRing
from monitor.bins import PartialFrame
from monitor.blindness import Blindness, Reason, unheard
from monitor.columns import ACCOUNT_BITS, KIND_SHIFT, Names, Recoding
from monitor.events import KINDS, NS_PER_S, Kind
from monitor.explain import VENUE, describe
from monitor.features import FrameBuilder, Roster
from monitor.feeds import FeedRoster
from monitor.incidents import (
    FEED,
    AccountEvidence,
    Case,
    Change,
    Desk,
    DeskOptions,
    Incident,
    Sighting,
)
from monitor.market.state import Market

FEED_DECADES: Final = 1e-4  # what a decade of a gap adds to its score
DRIFT_DECADES: Final = 0.5  # how far above the level of an open incident a drift is put
HYSTERESIS_DECADES: Final = 1.0
SIGHTINGS_MAX: Final = 100  # a bin; the loudest, and twice what an incident shows
QUIET_HOURS_MIN: Final = 24.0
WEEK_NS: Final = 604_800 * NS_PER_S


class _Part(Protocol):
    """Anything whose state goes into a checkpoint."""

    def state(self) -> State: ...
    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None: ...


class _Taught(Protocol):
    """Anything that quiet flow calibrates."""

    def calibration(self) -> State: ...
    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """What one closed bin came to. verdicts: one a detector; this bin is number `at` of theirs."""

    bin: int
    end_ns: int
    at: int
    verdicts: Sequence[Verdict]
    score: float
    incidents: Sequence[Incident]


@dataclass(frozen=True, slots=True)
class Budget:
    """Pages a week, and what their rarity rests on.

    achieved_per_week: all pages, right and wrong, over the time watched.
    null_check_ratio: see detectors/nullcheck.py. quiet_hours: flow that scores are calibrated on.
    """

    promised_per_week: float = 0.0
    achieved_per_week: float = 0.0
    null_check_ratio: float = 1.0
    quiet_hours: float = 0.0


class Detection:
    """All detectors, the correlated test and the desk, stepped bin by bin."""

    def __init__(
        self,
        names: Names,
        *,
        venue: str,
        symbols_max: int,
        burst: BurstOptions,
        desk: DeskOptions,
        disabled: Sequence[str] = (),
    ) -> None:
        self.bin_ns = burst.bin_ns
        self._names = names
        self.roster = Roster(names, symbols_max=symbols_max)
        self.frames = FrameBuilder(self.roster)
        self.feeds = FeedRoster(bin_ns=burst.bin_ns)
        self.market = Market(bin_ns=burst.bin_ns)
        self.detectors: dict[str, Detector] = {
            name: make(burst)
            for name, make in DETECTORS.items()
            if name.partition(".")[0] not in disabled
        }
        per_symbol = [d for d in self.detectors.values() if d.signal.endswith("_burst")]
        self.test = CorrelatedTest(len(per_symbol), burst)
        self.ring = AccountRing(bins_max=burst.bins(300.0), events_max=2_000_000)
        self.desk = Desk(venue, desk)
        self.bins = 0
        self.blindness = Blindness(self.detectors, len(KINDS), self.feeds)

    def steps(self, partials: Iterable[PartialFrame]) -> Iterator[Step]:
        """Judge closed bins, oldest first; to be run to its end. How bins are handed over, one at
        a time or many, changes nothing in what comes out."""
        for built in self.frames.build(partials):
            feeds = self.feeds.panel([settled.feeds for settled in built.bins])
            frame = replace(built.frame, levels=self.market.update(built), feeds=feeds)
            self.blindness.found()
            verdicts = self._verdicts(frame)
            bursts = [v for v in verdicts if v.mixture is not None]
            venue = [v for v in verdicts if v.venue]
            levels = [v for v in verdicts if v.level]
            evidence = self.test.update(frame.bin, bursts, venue, levels)
            counts = frame.values.sum(axis=1)
            for at, held in enumerate(built.bins):
                now = frame.bin + at
                self.bins += 1
                self.feeds.hear(feeds.values[at])
                self.blindness.judged(at, verdicts, counts[at])
                self.ring.append(now, held.keys)
                sightings = self._sightings(at, verdicts, evidence)
                score = float(evidence.score[at])
                changes = self.desk.update(now, sightings, score)
                incidents = [self._describe(change, case, now) for change, case in changes]
                yield Step(now, (now + 1) * self.bin_ns, at, verdicts, score, incidents)

    def _verdicts(self, frame: Frame) -> list[Verdict]:
        """Of all detectors; what one finds silent, those after it do not see."""
        verdicts = []
        for detector in self.detectors.values():
            verdict = detector.update(frame)
            verdicts.append(verdict)
            if verdict.silent is not None:
                frame = unheard(frame, verdict.silent)
        return verdicts

    def _describe(self, change: Change, case: Case, at_bin: int) -> Incident:
        return describe(
            change,
            case,
            at_bin=at_bin,
            bin_ns=self.bin_ns,
            accounts=self._accounts(case),
            trust=self._trust(case),
        )

    def open_incidents(self) -> list[Incident]:
        """What is open now, as it would be told; for whoever starts to look after a restart."""
        return [self._describe("update", case, case.told_bin) for case in self.desk.open]

    def blind(self) -> dict[str, Reason]:
        """Signals that cannot speak, with the reason."""
        return self.blindness.reasons()

    def _sightings(
        self,
        at: int,
        verdicts: Sequence[Verdict],
        evidence: Evidence,
    ) -> list[Sighting]:
        """Every stream that is loud in a bin, strongest first, with its venue-wide score."""
        least = self.desk.options.info - HYSTERESIS_DECADES
        found: list[Sighting] = []
        if evidence.score[at] >= least:
            for q, verdict in enumerate(v for v in verdicts if v.mixture is not None):
                scores = evidence.streams[q, at]
                loud = scores >= least
                if max(evidence.mixture[at, q], evidence.mixture[at, -1]) >= least:
                    loud |= evidence.members[q, at]
                found += self._of(verdict, at, scores, loud)
            levels = [v for v in verdicts if v.level]
            for verdict, scores in zip(levels, evidence.levels, strict=True):
                found += self._of(verdict, at, scores[at], scores[at] >= least)
            venue = [v for v in verdicts if v.venue]
            for verdict, alone in zip(venue, evidence.alone, strict=True):
                found += self._of(verdict, at, alone[at], alone[at] >= least)
        for verdict in verdicts:
            if verdict.feed:
                found += self._of_feed(verdict, at)
            if verdict.signal == "drift":
                drifted = np.isfinite(verdict.score[at])
                score = np.full(drifted.shape, self.desk.options.info + DRIFT_DECADES)
                found += self._of(verdict, at, score, drifted)
        return sorted(found, key=lambda s: (-s.score, s.stream))[:SIGHTINGS_MAX]

    def _of(
        self, verdict: Verdict, at: int, scores: NDArray[np.float64], loud: NDArray[np.bool_]
    ) -> list[Sighting]:
        streams = np.flatnonzero(loud & np.isfinite(scores))
        if not streams.size:
            return []
        why = verdict.detail(at, streams)
        return [
            Sighting(
                signal=verdict.signal,
                symbol=self._name(verdict, stream),
                feature=why.feature[i] if why.feature else verdict.feature_of(stream),
                score=float(scores[stream]),
                onset_bin=int(why.onset_bin[i]),
                observed=float(why.observed[i]),
                expected=float(why.expected[i]),
            )
            for i, stream in enumerate(streams.tolist())
        ]

    def _name(self, verdict: Verdict, stream: int) -> str:
        if verdict.venue:
            return VENUE
        return (verdict.names or self.roster.symbols)[stream]

    def _of_feed(self, verdict: Verdict, at: int) -> list[Sighting]:
        """What is wrong with the input; one sighting where it is wrong for all of it."""
        score = verdict.score[at]
        found = self._of(verdict, at, score, score > 0.0)
        options = self.desk.options
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

    def _accounts(self, case: Case) -> list[AccountEvidence]:
        """The busiest accounts of each signal over the case's symbols since its onset."""
        found = []
        bins = range(case.onset_bin, case.active_bin + 1)
        for signal in dict.fromkeys(seen.signal for seen in case.streams):
            streams = [
                Kind[seen.feature.upper()] << KIND_SHIFT
                | self._names.symbols[seen.symbol] << ACCOUNT_BITS
                for seen in case.streams
                if seen.signal == signal
                and seen.symbol != VENUE
                and seen.feature in KINDS
                and seen.signal not in FEED
            ]
            found += [
                AccountEvidence(top.account, signal, top.share, top.count)
                for top in self.ring.top(streams, bins, self._names.accounts)
            ]
        return found

    def _trust(self, case: Case) -> dict[str, float | str | list[str]]:
        symbols = sorted(case.symbols() & self._names.symbols.keys())
        rows = self.roster.row_of[[self._names.symbols[name] for name in symbols]].tolist()
        return {
            "blind": sorted(self.blind()),
            "late": self.feeds.late(),
            "blind_for": self.blindness.of_streams(symbols, rows),
            "calibration": self.calibrated,
            "quiet_hours": round(self.quiet_hours, 3),
            "null_check": round(self.test.check.ratio, 3),
        }

    @property
    def quiet_hours(self) -> float:
        """Quiet flow that scores are calibrated on, here and before."""
        return float(self.test.venue.seen[0, 0]) * MAXIMA_S / 3_600.0

    def budget(self) -> Budget:
        """Whether the page budget is held."""
        weeks = self.bins * self.bin_ns / WEEK_NS
        bins_a_week = WEEK_NS / self.bin_ns
        return Budget(
            promised_per_week=bins_a_week / 10.0**self.desk.options.page,
            achieved_per_week=self.desk.pages / weeks if weeks else 0.0,
            null_check_ratio=self.test.check.ratio,
            quiet_hours=self.quiet_hours,
        )

    @property
    def calibrated(self) -> Literal["prior", "measured", "lost"]:
        """What the page budget rests on. While it is the prior, the budget is held by scores
        that are too low; where it is lost, by nothing."""
        if self.test.check.lost:
            return "lost"
        return "measured" if self.quiet_hours >= QUIET_HOURS_MIN else "prior"

    def _taught(self) -> dict[str, _Taught]:
        """The parts that quiet flow calibrates."""
        banks = {name: getattr(part, "bank", None) for name, part in self.detectors.items()}
        taught: dict[str, _Taught] = {n: bank for n, bank in banks.items() if bank is not None}
        taught |= {n: part for n, part in self.detectors.items() if isinstance(part, Level)}
        return taught | {"test": self.test}

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        state: State = {}
        for name, part in self._taught().items():
            state |= nest(name, part.calibration())
        return state

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run, of the same detectors, was taught."""
        for name, part in self._taught().items():
            part.calibrate(unnest(name, taught))

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.roster.recode(recoding)
        self.ring.recode(recoding)

    def _parts(self) -> dict[str, _Part]:
        parts: dict[str, _Part] = {f"detector:{n}": part for n, part in self.detectors.items()}
        parts |= {"test": self.test, "roster": self.roster, "ring": self.ring, "desk": self.desk}
        parts |= {"market": self.market, "feeds": self.feeds}
        return parts

    def state(self) -> State:
        """Everything that the next step depends on, as plain arrays."""
        state: State = {"bins": np.array(self.bins), "seen": self.blindness.seen.copy()}
        for name, part in self._parts().items():
            state |= nest(name, part.state())
        return state

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken; the names it refers to are in place."""
        self.bins = int(state["bins"])
        self.blindness.seen = np.array(state["seen"], dtype=np.float64)
        for name, part in self._parts().items():
            part.restore(unnest(name, state))
        self.blindness.found()
