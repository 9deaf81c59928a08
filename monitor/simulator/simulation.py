"""A simulation from its first slice to its labels."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from monitor.events import NS_PER_S, Event
from monitor.labels import LabelledEvent, Labels
from monitor.seeds import purpose
from monitor.simulator.casting import Act
from monitor.simulator.lines import encode_lines
from monitor.simulator.market import Market
from monitor.simulator.options import Options
from monitor.simulator.slices import SLICE_NS
from monitor.simulator.wave import first_forced_wave_ns

CHUNK_EVENTS: Final = 16_384


class Simulation:
    """One venue for one stretch of time.

        simulation = Simulation(Options(seed=7, scenario="cascade"))
        for chunk in simulation.chunks():
            ...  # bytes, whole lines of an incident log
        labels = simulation.labels()

    events_total: events given so far. slices_done of slices tells how far it is.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.market = Market(options)
        self.slices = options.slices
        self.slices_done = 0
        self.events_total = 0
        self._interest_usd = self._open_interest_usd()

    def chunks(self) -> Iterator[bytes]:
        """The log as bytes of whole lines; chunks may be joined as one likes."""
        waiting: list[Event] = []
        for events in self.events():
            waiting += events
            if len(waiting) >= CHUNK_EVENTS:
                yield encode_lines(waiting)
                waiting = []
        if waiting:
            yield encode_lines(waiting)

    def events(self) -> Iterator[list[Event]]:
        """The events of each slice in the order of arrival; those of a feed gap are lost."""
        gaps = [self._span_ns(*gap) for gap in self.market.programme.gaps]
        while self.slices_done < self.slices:
            events = self.market.step()
            self.slices_done += 1
            for since_ns, until_ns in gaps:
                events = [e for e in events if not since_ns <= e.ts < until_ns]
            self.events_total += len(events)
            yield events

    def labels(self) -> Labels:
        """What truly happened, once all events were taken."""
        if self.slices_done < self.slices:
            raise RuntimeError("labels are known once all events were taken")
        options = self.options
        return Labels(
            seed=options.seed,
            purpose=purpose(options.seed),
            profile=options.profile_name,
            scenario=options.scenario,
            start_ns=options.start_ns,
            end_ns=self._end_ns,
            symbols=list(options.symbol_names),
            events=[self._label(act) for act in self.market.programme.acts],
            gaps=[self._span_ns(*gap) for gap in self.market.programme.gaps],
        )

    @property
    def _end_ns(self) -> int:
        return self.options.start_ns + self.slices * SLICE_NS

    def _span_ns(self, since_s: float, until_s: float) -> tuple[int, int]:
        """A span in seconds since the start as times, within the log."""
        start_ns = self.options.start_ns
        since_ns, until_ns = (start_ns + round(s * NS_PER_S) for s in (since_s, until_s))
        return max(since_ns, start_ns), min(until_ns, self._end_ns)

    def _label(self, act: Act) -> LabelledEvent:
        onset_ns, end_ns = self._span_ns(act.onset_s, act.onset_s + act.lasts_s)
        wave_ns = None if act.decoy else self._wave_ns(onset_ns)
        return LabelledEvent(
            scenario=act.scenario,
            decoy=act.decoy,
            size=act.size,
            onset_ns=onset_ns,
            end_ns=end_ns,
            symbols=self.market.traded.names[act.symbols].tolist(),
            accounts=list(act.accounts),
            first_forced_wave_ns=wave_ns,
            detail=act.detail,
        )

    def _wave_ns(self, onset_ns: int) -> int | None:
        ts_ns, account, usd = self.market.history.liquidations()
        return first_forced_wave_ns(
            ts_ns,
            account,
            usd,
            onset_ns=onset_ns,
            start_ns=self.options.start_ns,
            interest_usd=self._interest_usd,
        )

    def _open_interest_usd(self) -> float:
        market = self.market
        value = market.ledger.open_interest() * np.exp(market.prices.mark)
        return float((value * market.traded.tick_usd).sum())
