"""What the HTTP side shows: whether the monitor can be relied on, and the incidents it knows."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from detectors.registry import BURSTS
from monitor.casebook import Casebook, Stream
from monitor.config import Config
from monitor.detection import Detection, Step
from monitor.events import NS_PER_S
from monitor.exporter import Exporter
from monitor.incidents import Case, Incident, in_order
from monitor.scoreline import Recent

RECENT_MAX: Final = 200
VENUE_S: Final = 900  # of the whole venue's score, that are kept
BEFORE_S: Final = 60  # of it, before an onset, that belong to an incident
FIRST_MAX: Final = 10  # streams of an incident, of which it is kept that they began first
STALLED_S: Final = 15.0  # without a closed bin, event time stands still
CAUGHT_UP_RECORDS: Final = 50_000


class Status:
    """What the HTTP side shows; the service keeps it current. Times are monotonic seconds.

    recent: the last changes. casebook: the last incidents. venue: its score of the last minutes.
    """

    def __init__(self, exporter: Exporter, config: Config) -> None:
        self.exporter = exporter
        self.config = config
        self.assigned = False
        self.ticked_s = time.monotonic()
        self.connected = True
        self.stepped_s: float | None = None
        self.recent: deque[Incident] = deque(maxlen=RECENT_MAX)
        self.casebook = Casebook()
        self.venue = Recent(seconds=VENUE_S)
        self.port = 0
        self.serving = asyncio.Event()

    def turned(self, *, connected: bool = True) -> None:
        """The reader is alive. Until it is connected nothing is asked of it: brokers that do not
        answer are waited for, one after the other, and each for long."""
        self.ticked_s = time.monotonic()
        self.connected = connected

    def stands_still_s(self) -> float:
        """Since the reader has turned; 0 while it connects."""
        return time.monotonic() - self.ticked_s if self.connected else 0.0

    def stepped(self, step: Step, detection: Detection) -> None:
        """Remember what one closed bin came to, after the exporter has taken it in."""
        if self.stepped_s is None:  # or it would pass for warm until it is looked at again
            self.exporter.blind = detection.blind()
        self.stepped_s = time.monotonic()
        self.venue.add(step.end_ns // NS_PER_S, step.score)
        if step.incidents:
            self.recent.extend(step.incidents)
            self._note(step.incidents, detection)
        if step.incidents or self.exporter.open:
            self.casebook.step(step, detection.roster.symbols, self.exporter.open)

    def tell_open(self, detection: Detection, *, known: bool = True) -> None:
        """After a restart: what is open is shown again, as a page must stay up. known: False
        where it cannot be said yet, or is for another process to say."""
        self.exporter.know(detection.open_incidents() if known else None)
        self._note(self.exporter.open.values(), detection)

    def _note(self, incidents: Iterable[Incident], detection: Detection) -> None:
        cases = {case.id: case for case in detection.desk.open}
        for incident in incidents:
            before = self.venue.since(incident.onset_ns // NS_PER_S - BEFORE_S)
            self.casebook.note(incident, before)
            entry, case = self.casebook.get(incident.id), cases.get(incident.id)
            if entry is not None and case is not None:
                entry.onsets_ns = _onsets_ns(case, incident, detection.bin_ns)

    @property
    def stalled(self) -> bool:
        """Whether no bin has closed for a while, or none ever has."""
        return self.stepped_s is None or time.monotonic() - self.stepped_s > STALLED_S

    @property
    def catching_up(self) -> bool:
        """Whether much that was published waits to be read."""
        return sum(self.exporter.lag.values()) > CAUGHT_UP_RECORDS

    def not_ready(self) -> list[str]:
        """Why the monitor cannot be relied on yet; empty when it can."""
        reasons = []
        if not self.assigned:
            reasons.append("no partitions assigned")
        if self.catching_up:
            reasons.append("catching up")
        if self.stepped_s is None:
            reasons.append("no bin judged yet")
        elif self.stalled:
            reasons.append("event time stands still")
        # Levels take minutes to be known; until then they say that they are blind.
        counted = [self.exporter.blind.get(signal) for signal in (*BURSTS, "market_wide")]
        if self.stepped_s is None or "warming_up" in counted:
            reasons.append("warming up")
        return reasons

    def blind(self) -> None:
        """When no bin closes, every signal is blind, whatever it said last."""
        if self.stalled:
            self.exporter.blind = dict.fromkeys(self.exporter.signals, "stalled")


def _onsets_ns(case: Case, incident: Incident, bin_ns: int) -> dict[Stream, int]:
    """When the streams that are shown began, and those that began first."""
    shown = {(seen.signal, seen.symbol) for seen in incident.symbols}
    first = in_order(case.streams, case.onset_bin)[:FIRST_MAX]
    begun = [*first, *(seen for seen in case.streams if seen.stream in shown)]
    return {seen.stream: seen.onset_bin * bin_ns for seen in begun}
