"""Weeks of clustered quiet flow, at the level of frames: how often a venue is paged for nothing.

STREAMS symbols, and on each of them the five kinds of event that burst signals count: orders and
cancels as in clustered.py, leverage changes and rejects one in twenty of those, liquidations one in
five hundred. Each kind wanders by itself, over the day it goes with the same tide. They are judged
as the monitor judges them: all signals in one bank, the venue's own totals, and one test over all,
whose score pages where it reaches the decades of one a week. Within five minutes it is one page.
Books, positions and prices have no part in it: that takes the simulated venue, of which no weeks
can be simulated. A venue's first day is for learning, as `foreshock calibrate` would, and counts
nowhere. No venue is longer than DAYS_MAX, so that there is work for every process.
"""

from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from typing import Final

import click
import numpy as np

from detectors.base import Floats, Frame
from detectors.burst import Bursts
from detectors.correlated import CorrelatedTest
from detectors.market_wide import MarketWide
from detectors.options import BurstOptions
from detectors.registry import BURSTS
from monitor.seeds import SCORING_FROM
from tests.detectors.flow import Flow, frames
from tests.quality.clustered import APART_BINS, CHUNK, DAY_BINS, DECADES, SEASON
from tests.quality.matching import poisson_interval
from tests.quality.study import Study, columns

STREAMS: Final = 50
WEEKS: Final = 0.25
DAYS_MAX: Final = 14.0
KINDS: Final = {"order": 1.0, "cancel": 1.0, "leverage": 0.05, "liquidation": 0.002, "reject": 0.05}
FIRST_SEED: Final = SCORING_FROM + 500_000
WIDE: Final = ("order", "cancel", "leverage")


class Venue:
    """Five burst signals from flow to evidence."""

    def __init__(self, seed: int) -> None:
        options = BurstOptions()
        self.flows = [
            Flow(seed + number, STREAMS, mean=(0.3 * share, 60.0 * share), season=SEASON)
            for number, share in enumerate(KINDS.values())
        ]
        for flow in self.flows:
            flow.bins = self.flows[0].bins
        self.bursts = Bursts(BURSTS, options)
        self.wide = MarketWide(WIDE, options)
        self.test = CorrelatedTest(len(BURSTS), options)
        self.bin = 0

    def take(self, bins: int) -> Floats:
        """(bins,) venue-wide scores."""
        counts = np.stack([flow.take(bins) for flow in self.flows], axis=2)
        found = [self._score(frame) for frame in frames(counts, tuple(KINDS), first=self.bin)]
        self.bin += bins
        return np.concatenate(found)

    def _score(self, frame: Frame) -> Floats:
        verdicts = self.bursts.update(frame)
        return self.test.update(frame.bin, verdicts, [self.wide.update(frame)]).score


def measure(seed: int, days: float) -> dict[str, int]:
    """Alarms by rate in `days` of one venue, after its day of learning."""
    venue = Venue(seed)
    for _ in range(DAY_BINS // CHUNK):
        venue.take(CHUNK)
    high = {rate: [-APART_BINS] for rate in DECADES}
    alarms = dict.fromkeys(DECADES, 0)
    for _ in range(round(days * DAY_BINS / CHUNK)):
        start = venue.bin
        scores = venue.take(CHUNK)
        for rate, least in DECADES.items():
            loud = (start + np.flatnonzero(scores >= least)).tolist()
            alarms[rate] += sum(b - a > APART_BINS for a, b in pairwise([*high[rate], *loud]))
            high[rate] = loud[-1:] or high[rate]
    return alarms


def run(jobs: int, weeks: float = WEEKS) -> Study:
    """As many venues as processes, or more where the weeks are many."""
    venues = max(jobs, int(np.ceil(7.0 * weeks / DAYS_MAX)))
    days = 7.0 * weeks / venues
    seeds = [FIRST_SEED + 10 * number for number in range(venues)]
    measured = []
    with ProcessPoolExecutor(jobs) as pool:
        for alarms in pool.map(measure, seeds, [days] * venues):
            measured.append(alarms)
            told = ", ".join(f"{count} at once {rate}" for rate, count in alarms.items())
            click.echo(f"null: {len(measured)} of {venues} venues; {told}", err=True)
    rows = [["", *DECADES]]
    total = {rate: sum(alarms[rate] for alarms in measured) for rate in DECADES}
    due = {rate: days * venues * DAY_BINS / 10**least for rate, least in DECADES.items()}
    rows.append([f"wrong in {weeks:g} weeks", *(f"{total[rate]}" for rate in DECADES)])
    rows.append(["promised", *(f"{due[rate]:.1f}" for rate in DECADES)])
    rates = {}
    for rate in DECADES:
        low, high = poisson_interval(total[rate])
        rates[rate] = [total[rate] / weeks, low / weeks, high / weeks]
    shown = [f"{now:.2f} ({low:.2f}–{high:.2f})" for now, low, high in rates.values()]
    rows.append(["a week (95 %)", *shown])
    title = f"Wrong pages of a quiet venue: {venues} venues of {STREAMS} symbols, five signals"
    data = {"weeks": weeks, "wrong": total, "promised": due, "a_week": rates, "venues": measured}
    return Study("null", title, columns(rows), data)
