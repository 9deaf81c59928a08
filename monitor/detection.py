"""The global half: frames of the whole venue in, changes of incidents out. One per venue."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from detectors.base import BLOCK, Detector, Frame, State, Verdict, nest, unnest
from detectors.burst import Bursts
from detectors.correlated import CorrelatedTest
from detectors.level import LevelSignals
from detectors.options import BurstOptions
from detectors.registry import BURSTS, DETECTORS, LEVELS
from detectors.tail import MAXIMA_S
from monitor.accounts import AccountRing
from monitor.blindness import Blindness, Judge, Reason, unheard
from monitor.clocks import NEVER
from monitor.columns import Names, Recoding
from monitor.desk import Desk
from monitor.events import KINDS, NS_PER_S
from monitor.explain import describe
from monitor.features import FrameBuilder, Roster
from monitor.feeds import FeedRoster
from monitor.incidents import (
    FEED,
    VENUE,
    Case,
    Change,
    DeskOptions,
    Incident,
)
from monitor.market.state import Market
from monitor.partial import PartialFrame
from monitor.sightings import Lookout
from monitor.witnesses import Witnesses

QUIET_HOURS_MIN: Final = 24.0
WEEK_NS: Final = 604_800 * NS_PER_S


class _Part(Protocol):
    """Anything whose state goes into a checkpoint."""

    def state(self) -> State: ...
    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None: ...


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
        wanted = [name for name in DETECTORS if name.partition(".")[0] not in disabled]
        self.levels = LevelSignals({n: LEVELS[n] for n in wanted if n in LEVELS}, burst)
        self.detectors: dict[str, Detector] = {
            name: DETECTORS[name](burst) for name in wanted if name not in {**BURSTS, **LEVELS}
        }
        self.test = CorrelatedTest(len(features), burst, levels=len(self.levels.options))
        self.ring = AccountRing(bins_max=burst.bins(300.0), events_max=2_000_000)
        self.desk = Desk(venue, desk, self._linked)
        self._lookout = Lookout(self.roster, desk)
        self._witnesses = Witnesses(names, self.roster, self.ring, self.market)
        self.bins = 0
        self._block = NEVER
        self.blindness = Blindness(self._judges(), len(KINDS), self.feeds)
        self._rests_on: dict[str, str | float] = {}
        self._begin_block()

    def steps(self, partials: Iterable[PartialFrame]) -> Iterator[Step]:
        """Judge closed bins, oldest first; to be run to its end. How bins are handed over, one at
        a time or many, changes nothing in what comes out."""
        for built in self.frames.build(partials):
            feeds = self.feeds.panel([settled.feeds for settled in built.bins])
            frame = replace(built.frame, levels=self.market.update(built), feeds=feeds)
            if frame.bin // BLOCK != self._block:  # what is warm changes between blocks only
                self._block = frame.bin // BLOCK
                self.levels.begin()
                self._begin_block()
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
                sightings = self._lookout.sightings(
                    at,
                    [*bursts, *levels],
                    verdicts,
                    evidence,
                    calm=not self.desk.open,
                    held=partial(self.desk.held, now),
                )
                score = float(evidence.score[at])
                changes = self.desk.update(now, sightings, score)
                incidents = [self._describe(change, case, now) for change, case in changes]
                yield Step(now, (now + 1) * self.bin_ns, at, verdicts, score, incidents)

    def _begin_block(self) -> None:
        """What is learned as a block ends is told from the next one on, since a frame may hold
        bins of before."""
        self.blindness.begin_block()
        self._rests_on = {
            "calibration": self.calibrated,
            "quiet_hours": round(self.quiet_hours, 3),
            "null_check": round(self.test.check.ratio, 3),
        }

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
        verdicts += self.levels.update(frame).values()
        verdicts += [
            part.update(frame) for name, part in self.detectors.items() if name not in FEED
        ]
        return verdicts

    def _linked(self, symbol: str, others: Collection[str]) -> bool:
        """Whether the graph of the market joins a symbol to any of some others."""
        row = self.roster.row
        return self.market.risk.related.linked(row(symbol), [row(name) for name in others])

    def _describe(self, change: Change, case: Case, at_bin: int) -> Incident:
        return describe(
            change,
            case,
            at_bin=at_bin,
            bin_ns=self.bin_ns,
            accounts=self._witnesses.accounts(case, at_bin),
            trust=self._trust(case),
            notes=() if change == "close" else self._witnesses.notes(case, at_bin),
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
        return {**first, **self.bursts.alone(), **self.levels.alone(), **rest}

    def _trust(self, case: Case) -> dict[str, float | str | list[str]]:
        rows = {seen.symbol: self.roster.row(seen.symbol) for seen in case.streams}
        known = sorted((name, row) for name, row in rows.items() if name != VENUE and row >= 0)
        return {
            "blind": sorted(self.blind()),
            "late": self.feeds.late(),
            "blind_for": self.blindness.of_streams(known),
            **self._rests_on,
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
        taught: dict[str, _Taught] = {**self.bursts.alone(), **self.levels.alone()}
        taught |= {n: part for n, part in self.detectors.items() if isinstance(part, _Taught)}
        return taught | {"test": self.test}

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        self.levels.begin()
        state: State = {}
        for name, part in self._taught().items():
            state |= nest(name, part.calibration())
        return state

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run, of the same detectors, was taught."""
        for name, part in self._taught().items():
            part.calibrate(unnest(name, taught))
        self._begin_block()

    def recode(self, recoding: Recoding) -> None:
        """Follow the name tables after they were compacted."""
        self.roster.recode(recoding)
        self.ring.recode(recoding)
        self.market.recode(recoding)

    def _parts(self) -> dict[str, _Part]:
        parts: dict[str, _Part] = {f"detector:{n}": part for n, part in self.detectors.items()}
        parts |= {
            "bursts": self.bursts,
            "levels": self.levels,
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
        self._begin_block()
