"""Clustered quiet flow for days, and bursts of known size in it: what one signal finds, and what
it gets wrong, at the rates that it promises.

The venue of detection.md's study: 200 streams of 0.3 to 60 events a bin, variance over mean 1.5 to
3.5 within a bin, rates that wander on their own (sd 0.2 over 5 s) and together (sd 0.15 over 30 s),
and a tide of 30 % over the day. A venue's first day is for learning and counts nowhere. Then half a
day without any burst: alarms in it are wrong (null.py is about them, and has weeks). Bursts are
planted in copies of the venue at times spread over it; one is found if the venue-wide score reaches
the rate's decades while it lasts. Alarms within five minutes of each other are one.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from copy import deepcopy
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from detectors.base import BLOCK, Floats, Ints, State
from detectors.burst import Burst
from detectors.correlated import CorrelatedTest
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from monitor.seeds import SCORING_FROM
from tests.detectors.flow import BINS_PER_S, DAY_S, Flow, frames
from tests.quality.study import Study, columns

STREAMS: Final = 200
SEASON: Final = 0.3
DAY_BINS: Final = int(DAY_S * BINS_PER_S)
VENUES: Final = 2
DAYS: Final = 0.5  # a venue, after its day of learning
SNAPSHOTS: Final = 6  # moments after that day that bursts are planted at
CHUNK: Final = 150 * BLOCK
APART_BINS: Final = 300 * BINS_PER_S
DECADES: Final = {"a day": float(np.log10(DAY_BINS)), "a week": float(np.log10(7 * DAY_BINS))}


@dataclass(frozen=True, slots=True)
class Case:
    """So many streams at a multiple of their rate for so long."""

    streams: int
    ratio: float
    seconds: int
    trials: int  # a snapshot

    @property
    def name(self) -> str:
        plural = "s" if self.streams > 1 else ""
        return f"{self.streams} stream{plural}, {self.ratio:g}x for {self.seconds} s"


CASES: Final = (
    Case(1, 2.0, 30, 34),
    Case(1, 4.0, 5, 34),
    Case(1, 1.5, 300, 8),
    Case(5, 2.0, 30, 6),
    Case(50, 2.0, 5, 6),
    Case(50, 1.5, 30, 6),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """Of one venue. alarms: by rate, wrong ones in `days`. found: by case and rate, delays in
    seconds of what was found, and of how many."""

    days: float
    alarms: dict[str, int]
    found: dict[str, dict[str, list[float]]]
    trials: dict[str, int]


class Venue:
    """One signal from flow to evidence."""

    def __init__(self, seed: int) -> None:
        options = BurstOptions()
        self.flow = Flow(seed, STREAMS, season=SEASON)
        self.burst = Burst("order_burst", "order", options)
        self.wide = MarketWide(("order",), options)
        self.test = CorrelatedTest(1, options)
        self.bin = 0

    def take(self, bins: int, boost: Floats | None = None) -> Iterator[Floats]:
        """Venue-wide scores, bin by bin."""
        for frame in frames(self.flow.take(bins, boost), first=self.bin):
            verdicts = [self.burst.update(frame)], [self.wide.update(frame)]
            yield self.test.update(frame.bin, *verdicts).score
        self.bin += bins

    def snapshot(self) -> tuple[int, Flow, list[State]]:
        """Everything that what comes next depends on."""
        return (
            self.bin,
            deepcopy(self.flow),
            [self.burst.state(), self.wide.state(), self.test.state()],
        )

    def go_back(self, snapshot: tuple[int, Flow, list[State]], seed: int) -> None:
        """Continue from a snapshot, with other chance."""
        self.bin, self.flow = snapshot[0], deepcopy(snapshot[1])
        self.flow.rng = np.random.default_rng(seed)
        burst, wide, test = snapshot[2]
        self.burst.restore(burst)
        self.wide.restore(wide)
        self.test.restore(test)


def measure(seed: int, days: float, cases: Sequence[Case] = CASES) -> Measured:
    """One venue, for a day of learning and `days` more."""
    venue = Venue(seed)
    for _ in range(DAY_BINS // CHUNK):
        for _ in venue.take(CHUNK):
            pass
    snapshots: list[tuple[int, Flow, list[State]]] = []
    high = {rate: [-APART_BINS] for rate in DECADES}
    alarms = dict.fromkeys(DECADES, 0)
    chunks = round(days * DAY_BINS / CHUNK)
    for chunk in range(chunks):
        if chunk % (chunks // SNAPSHOTS) == 0 and len(snapshots) < SNAPSHOTS:
            snapshots.append(venue.snapshot())
        start = venue.bin
        scores = np.concatenate(list(venue.take(CHUNK)))
        for rate, least in DECADES.items():
            loud = (start + np.flatnonzero(scores >= least)).tolist()
            alarms[rate] += sum(b - a > APART_BINS for a, b in pairwise([*high[rate], *loud]))
            high[rate] = loud[-1:] or high[rate]
    found: dict[str, dict[str, list[float]]] = {}
    order = np.random.default_rng(seed).permutation(STREAMS)  # each has its turn
    for case in cases:
        found[case.name] = {rate: [] for rate in DECADES}
        for number, snapshot in enumerate(snapshots):
            for trial in range(case.trials):
                venue.go_back(snapshot, seed + 1 + 1000 * number + trial)
                first = (number * case.trials + trial) * case.streams
                hit = order[np.arange(first, first + case.streams) % STREAMS]
                for rate, delay_s in _plant(venue, case, hit).items():
                    found[case.name][rate].append(delay_s)
    trials = {case.name: case.trials * len(snapshots) for case in cases}
    return Measured(chunks * CHUNK / DAY_BINS, alarms, found, trials)


def _plant(venue: Venue, case: Case, hit: Ints) -> dict[str, float]:
    """One burst, of the streams that are hit; the delay of the alarm at each rate at which there
    was one."""
    bins = case.seconds * BINS_PER_S
    boost = np.ones((bins, STREAMS))
    boost[:, hit] = case.ratio
    delays: dict[str, float] = {}
    seen = 0
    for scores in venue.take(bins, boost):
        for rate, least in DECADES.items():
            if rate not in delays and (scores >= least).any():
                delays[rate] = float(seen + (scores >= least).argmax() + 1) / BINS_PER_S
        if len(delays) == len(DECADES):
            break
        seen += scores.size
    return delays


def run(jobs: int) -> Study:
    """VENUES venues on scoring seeds."""
    seeds = range(SCORING_FROM, SCORING_FROM + 10_000 * VENUES, 10_000)
    with ProcessPoolExecutor(jobs) as pool:
        measured = list(pool.map(measure, seeds, [DAYS] * VENUES))
    days = sum(m.days for m in measured)
    rows = [["", *DECADES]]
    for case in CASES:
        trials = sum(m.trials[case.name] for m in measured)
        rows.append([f"{case.name} ({trials})"])
        for rate in DECADES:
            delays = [delay for m in measured for delay in m.found[case.name][rate]]
            middle = f", {np.median(delays):.1f} s" if delays else ""
            rows[-1].append(f"{len(delays) / trials:.0%}{middle}")
    wrong = {rate: sum(m.alarms[rate] for m in measured) for rate in DECADES}
    due = {rate: days * DAY_BINS / 10**least for rate, least in DECADES.items()}
    told = [f"{wrong[rate]}, promised {due[rate]:.1f}" for rate in DECADES]
    rows.append([f"alarms in {days:.1f} quiet days", *told])
    data = {"days": days, "wrong": wrong, "promised": due, "venues": [asdict(m) for m in measured]}
    return Study("clustered", "Bursts in clustered flow: found, median delay", columns(rows), data)
