"""The global half: frames of the whole venue in, changes of incidents out. One per venue."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Detector, Frame, State, Verdict, nest, unnest
from detectors.burst import Bursts
from detectors.correlated import CorrelatedTest, Evidence
from detectors.feed_gap import ANY
from detectors.level import Level
from detectors.options import BurstOptions
from detectors.registry import BURSTS, DETECTORS
from detectors.tail import MAXIMA_S
from monitor import retries
from monitor.accounts import AccountRing
from monitor.bins import NEVER, PartialFrame
from monitor.blindness import Blindness, Judge, Reason, unheard
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
from monitor.market.notes import note
from monitor.market.state import Market

FEED_DECADES: Final = 1e-4  # what a decade of a gap adds to its score
DRIFT_DECADES: Final = 0.5  # how far above the level of an open incident a drift is put
HYSTERESIS_DECADES: Final = 1.0
SIGHTINGS_MAX: Final = 100  # a bin; the loudest, and twice what an incident shows
HOLDERS_SHOWN: Final = 5
QUIET_HOURS_MIN: Final = 24.0
WEEK_NS: Final = 604_800 * NS_PER_S


class _Part(Protocol):
    """Anything whose state goes into a checkpoint."""

    def state(self) -> State: ...
    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None: ...


_Loud = tuple[Verdict, NDArray[np.float64], NDArray[np.bool_]]  # scores, and which are loud


@runtime_checkable
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
        positions_max: int = 200_000,
    ) -> None:
        self.bin_ns = burst.bin_ns
        self._names = names
        self.roster = Roster(names, symbols_max=symbols_max)
        self.frames = FrameBuilder(self.roster)
        self.feeds = FeedRoster(bin_ns=burst.bin_ns)
        self.market = Market(names, bin_ns=burst.bin_ns, positions_max=positions_max)
        features = {signal: what for signal, what in BURSTS.items() if signal not in disabled}
        self.bursts = Bursts(features, burst)
        self.detectors: dict[str, Detector] = {
            name: make(burst)
            for name, make in DETECTORS.items()
            if name not in BURSTS and name.partition(".")[0] not in disabled
        }
        levels = sum(isinstance(detector, Level) for detector in self.detectors.values())
        self.test = CorrelatedTest(len(features), burst, levels=levels)
        self.ring = AccountRing(bins_max=burst.bins(300.0), events_max=2_000_000)
        self.desk = Desk(venue, desk)
        self.bins = 0
        self._block = NEVER
        self.blindness = Blindness(self._judges(), len(KINDS), self.feeds)

    def steps(self, partials: Iterable[PartialFrame]) -> Iterator[Step]:
        """Judge closed bins, oldest first; to be run to its end. How bins are handed over, one at
        a time or many, changes nothing in what comes out."""
        for built in self.frames.build(partials):
            feeds = self.feeds.panel([settled.feeds for settled in built.bins])
            frame = replace(built.frame, levels=self.market.update(built), feeds=feeds)
            if frame.bin // BLOCK != self._block:  # what is warm changes between blocks only
                self._block = frame.bin // BLOCK
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
                sightings = self._sightings(at, [*bursts, *levels], verdicts, evidence)
                score = float(evidence.score[at])
                changes = self.desk.update(now, sightings, score)
                incidents = [self._describe(change, case, now) for change, case in changes]
                yield Step(now, (now + 1) * self.bin_ns, at, verdicts, score, incidents)

    def _verdicts(self, frame: Frame) -> list[Verdict]:
        """Of all detectors; what one finds silent, those after it do not see."""
        verdicts = []
        for name in FEED:
            if name not in self.detectors:
                continue
            verdict = self.detectors[name].update(frame)
            verdicts.append(verdict)
            if verdict.silent is not None:
                frame = unheard(frame, verdict.silent)
        verdicts += self.bursts.update(frame)
        verdicts += [
            part.update(frame) for name, part in self.detectors.items() if name not in FEED
        ]
        return verdicts

    def _describe(self, change: Change, case: Case, at_bin: int) -> Incident:
        return describe(
            change,
            case,
            at_bin=at_bin,
            bin_ns=self.bin_ns,
            accounts=self._accounts(case, at_bin),
            trust=self._trust(case),
            notes=() if change == "close" else self._notes(case, at_bin),
        )

    def open_incidents(self) -> list[Incident]:
        """What is open now, as it would be told; for whoever starts to look after a restart."""
        return [self._describe("update", case, case.told_bin) for case in self.desk.open]

    def blind(self) -> dict[str, Reason]:
        """Signals that cannot speak, with the reason."""
        return self.blindness.reasons()

    @property
    def signals(self) -> list[str]:
        """Every signal that is judged; drift once for each of its features."""
        return [judge.signal for judge in self._judges().values()]

    def _judges(self) -> dict[str, Judge]:
        """Who gives each verdict, in the order of verdicts."""
        first: dict[str, Judge] = {n: self.detectors[n] for n in FEED if n in self.detectors}
        rest = {name: part for name, part in self.detectors.items() if name not in FEED}
        return {**first, **self.bursts.alone(), **rest}

    def _sightings(
        self,
        at: int,
        own: Sequence[Verdict],
        verdicts: Sequence[Verdict],
        evidence: Evidence,
    ) -> list[Sighting]:
        """The streams that are loud in a bin, strongest first, with their venue-wide scores.
        own: the verdicts with a stream a symbol, bursts before levels."""
        least = self.desk.options.info - HYSTERESIS_DECADES
        found: list[_Loud] = []
        if evidence.score[at] >= least:
            streams, members = evidence.streams(at), evidence.members(at)
            loud = streams >= least
            if evidence.joint[at] >= least:
                loud |= evidence.joined(at)
            for q, verdict in enumerate(own):
                mixed = 0.0 if verdict.level else evidence.mixture[at, [q, -1]].max()
                if mixed >= least:
                    loud[q] |= members[q]
                found.append((verdict, streams[q], loud[q]))
            venue = [v for v in verdicts if v.venue]
            for verdict, alone in zip(venue, evidence.alone, strict=True):
                found.append((verdict, alone[at], alone[at] >= least))
        for verdict in verdicts:
            if verdict.signal == "drift":
                drifted = np.isfinite(verdict.score[at])
                if drifted.any():
                    score = np.full(drifted.shape, self.desk.options.info + DRIFT_DECADES)
                    found.append((verdict, score, drifted))
        torn = [seen for v in verdicts if v.feed for seen in self._of_feed(v, at)]
        loudest = sorted([*self._strongest(found, at), *torn], key=lambda s: (-s.score, s.stream))
        return loudest[:SIGHTINGS_MAX]

    def _strongest(self, found: Sequence[_Loud], at: int) -> list[Sighting]:
        """At most so many sightings; only theirs is the detail that is asked for."""
        ranked = sorted(
            (-float(scores[row]), verdict.signal, self._name(verdict, row), number, row)
            for number, (verdict, scores, loud) in enumerate(found)
            for row in np.flatnonzero(loud & np.isfinite(scores)).tolist()
        )[:SIGHTINGS_MAX]
        sightings: dict[int, Sighting] = {}
        for number, (verdict, _, _) in enumerate(found):
            mine = [(place, *told) for place, told in enumerate(ranked) if told[3] == number]
            if not mine:
                continue
            why = verdict.detail(at, np.array([told[-1] for told in mine], np.intp))
            for i, (place, score, signal, symbol, _, row) in enumerate(mine):
                sightings[place] = Sighting(
                    signal=signal,
                    symbol=symbol,
                    feature=why.feature[i] if why.feature else verdict.feature_of(row),
                    score=-score,
                    onset_bin=int(why.onset_bin[i]),
                    observed=float(why.observed[i]),
                    expected=float(why.expected[i]),
                )
        return [sightings[place] for place in range(len(ranked))]

    def _name(self, verdict: Verdict, stream: int) -> str:
        if verdict.venue:
            return VENUE
        return (verdict.names or self.roster.symbols)[stream]

    def _of_feed(self, verdict: Verdict, at: int) -> list[Sighting]:
        """What is wrong with the input; one sighting where it is wrong for all of it."""
        score = verdict.score[at]
        found = self._strongest([(verdict, score, score > 0.0)], at)
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

    def _accounts(self, case: Case, at_bin: int) -> list[AccountEvidence]:
        """The busiest accounts of each signal over the case's symbols since its onset; of levels,
        those that have most of what they are made of."""
        found = []
        bins = range(case.onset_bin, case.active_bin + 1)
        for signal in dict.fromkeys(seen.signal for seen in case.streams):
            streams = self._streams(case, signal)
            found += [
                AccountEvidence(top.account, signal, top.share, top.count)
                for top in self.ring.top(streams, bins, self._names.accounts)
            ]
            found += self._holders(case, signal, at_bin)
        return found

    def _streams(self, case: Case, signal: str) -> list[int]:
        """Keys, without their account, of what a signal counts on the case's symbols."""
        return [
            Kind[seen.feature.upper()] << KIND_SHIFT
            | self._names.symbols[seen.symbol] << ACCOUNT_BITS
            for seen in case.streams
            if seen.signal == signal
            and seen.symbol != VENUE
            and seen.feature in KINDS
            and seen.signal not in FEED
        ]

    def _holders(self, case: Case, signal: str, at_bin: int) -> list[AccountEvidence]:
        """The accounts with most of what a level is made of; count: their positions in it."""
        told = self.market.risk.found(at_bin)
        total = 0.0
        held: dict[str, list[float]] = {}
        for seen in case.streams:
            if seen.signal != signal or seen.symbol not in self._names.symbols:
                continue
            codes, amounts = told.of(seen.feature, self._row(seen.symbol))
            total += float(amounts[0, 1]) if codes.size else 0.0
            for code, amount in zip(codes.tolist(), amounts[:, 0].tolist(), strict=True):
                held.setdefault(self._names.accounts.names[code], []).append(amount)
        ranked = sorted((-sum(parts), name) for name, parts in held.items())[:HOLDERS_SHOWN]
        return [
            AccountEvidence(name, signal, round(-amount / total, 4), len(held[name]))
            for amount, name in ranked
        ]

    def _notes(self, case: Case, at_bin: int) -> list[str]:
        """What the loudest stream of each signal means, in words."""
        told = self.market.risk.found(at_bin)
        ranked = sorted(case.streams, key=lambda s: (-s.score, s.signal, s.symbol))
        known = self._names.symbols.keys()
        loudest = {seen.signal: seen for seen in reversed(ranked) if seen.symbol in known}
        notes = [
            note(told, seen.feature, self._row(seen.symbol), self.roster.symbols)
            for _, seen in sorted(loudest.items())
        ]
        refused = self._streams(case, "reject_storm")
        if refused:
            bins = self.ring.within(range(case.onset_bin, at_bin + 1))
            notes.append(retries.note(bins, np.array(refused), self._names.accounts))
        return [text for text in notes if text is not None]

    def _row(self, symbol: str) -> int:
        return int(self.roster.row_of[self._names.symbols[symbol]])

    def _trust(self, case: Case) -> dict[str, float | str | list[str]]:
        symbols = sorted({seen.symbol for seen in case.streams} & self._names.symbols.keys())
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
        taught: dict[str, _Taught] = dict(self.bursts.alone())
        taught |= {n: part for n, part in self.detectors.items() if isinstance(part, _Taught)}
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
        self.market.risk.recode(recoding)

    def _parts(self) -> dict[str, _Part]:
        parts: dict[str, _Part] = {f"detector:{n}": part for n, part in self.detectors.items()}
        parts |= {
            "bursts": self.bursts,
            "test": self.test,
            "roster": self.roster,
            "ring": self.ring,
            "desk": self.desk,
            "market": self.market,
            "feeds": self.feeds,
        }
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
