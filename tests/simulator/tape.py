"""Short simulations that several tests look at, each run once, second by second."""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from monitor.events import NS_PER_S, Event, Kind, LeverageChange, Liquidation
from monitor.labels import LabelledEvent, Labels
from monitor.simulator import Options, Simulation
from monitor.simulator.arrays import Floats, Ints
from monitor.simulator.slices import SLICE_NS

SEED: Final = 11
SYMBOLS: Final = 6
ONSET_S: Final = 40.0


@dataclass(frozen=True)
class Tape:
    """counts: (seconds, S, 8) events by kind. depth_usd: (seconds, S) within half a percent.

    leverage: (seconds, S) mean of what accounts set, 0 where none did. mark: (seconds, S) log.
    """

    options: Options
    labels: Labels
    counts: Ints
    depth_usd: Floats
    interest: Ints
    leverage: Floats
    mark: Floats
    index: Floats
    accounts: dict[tuple[Kind, str], Ints]
    liquidations: Counter[str]

    @property
    def event(self) -> LabelledEvent:
        """The label of the scenario that was asked for."""
        return next(e for e in self.labels.events if e.scenario == self.options.scenario)

    @property
    def cast(self) -> Ints:
        """Rows of the scenario's symbols."""
        return np.array([self.options.symbol_names.index(name) for name in self.event.symbols])

    def per_s(self, kind: Kind, since_s: float, until_s: float, rows: Ints | None = None) -> float:
        """Events of a kind a second, over some symbols together."""
        chosen = slice(None) if rows is None else rows
        part = self.counts[int(since_s) : int(until_s), chosen, kind]
        return float(part.sum() / (int(until_s) - int(since_s)))


@cache
def tape(scenario: str, seconds: int = 120, seed: int = SEED, size: str = "medium") -> Tape:
    """Run a scenario that begins 40 s in."""
    options = Options(
        seed=seed,
        scenario=scenario,
        symbols=SYMBOLS,
        rate=900.0,
        duration_s=float(seconds),
        onset_s=ONSET_S,
        size=size,  # type: ignore[arg-type] # the parametrised tests name sizes by text
    )
    simulation = Simulation(options)
    recorder = _Recorder(simulation, seconds)
    for events in simulation.events():
        recorder.take(events)
    return recorder.tape(options)


class _Recorder:
    def __init__(self, simulation: Simulation, seconds: int) -> None:
        self._simulation = simulation
        shape = (seconds, SYMBOLS)
        self._row = {name: row for row, name in enumerate(simulation.options.symbol_names)}
        self._counts = np.zeros((*shape, len(Kind)), np.int64)
        self._depth, self._interest = np.zeros(shape), np.zeros(shape, np.int64)
        self._leverage, self._mark = np.zeros(shape), np.zeros(shape)
        self._index = np.zeros(shape)
        self._accounts: dict[tuple[Kind, str], Ints] = {}
        self._liquidations: Counter[str] = Counter()

    def take(self, events: list[Event]) -> None:
        """Count a slice, and look at the venue at the end of each second."""
        simulation = self._simulation
        for event in events:
            second = (event.ts - simulation.options.start_ns) // NS_PER_S
            row, kind = self._row[event.symbol], Kind(event.code)
            self._counts[second, row, kind] += 1
            if isinstance(event, LeverageChange):
                self._leverage[second, row] += event.new_leverage
            if isinstance(event, Liquidation):
                self._liquidations[event.kind or ""] += 1
            if event.account is not None and kind in (Kind.CANCEL, Kind.REJECT):
                key = (kind, event.account)
                self._accounts.setdefault(key, np.zeros(self._counts.shape[0], np.int64))
                self._accounts[key][second] += 1
        if simulation.slices_done * SLICE_NS % NS_PER_S == 0:
            self._look(simulation.slices_done * SLICE_NS // NS_PER_S - 1)

    def _look(self, second: int) -> None:
        market = self._simulation.market
        reference = np.exp(market.prices.reference)
        lots = market.book.depth_within(reference, 0.005).sum(axis=1)
        self._depth[second] = lots * reference * market.traded.tick_usd
        self._interest[second] = market.ledger.open_interest()
        self._mark[second] = market.prices.mark
        self._index[second] = market.prices.index

    def tape(self, options: Options) -> Tape:
        changes = self._counts[:, :, Kind.LEVERAGE]
        return Tape(
            options=options,
            labels=self._simulation.labels(),
            counts=self._counts,
            depth_usd=self._depth,
            interest=self._interest,
            leverage=self._leverage / np.maximum(changes, 1),
            mark=self._mark,
            index=self._index,
            accounts=self._accounts,
            liquidations=self._liquidations,
        )
