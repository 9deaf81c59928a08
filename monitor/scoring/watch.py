"""One labelled log through the monitor: what it told, when it had an opinion, how prices moved."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from monitor.config import Config
from monitor.detection import Step
from monitor.incidents import SEVERITIES, Severity
from monitor.labels import Labels
from monitor.replay import Log, Replay
from monitor.scoring.alarm import Alarm, alarms
from monitor.scoring.price_only import Moves, moves
from monitor.scoring.prices import PriceReader
from monitor.scoring.spans import Span, union, within


class LabelledLog(Protocol):
    """A log with what truly happened in it; it goes to a worker process, so it must be small."""

    @property
    def seed(self) -> int:
        """What it was made from."""

    def open(self) -> tuple[Log, Callable[[], Labels]]:
        """The log, to be read once, and what happened in it, to be asked when it was read."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of one log. alarms: by least severity. covered: when there was an opinion."""

    labels: Labels
    alarms: Mapping[Severity, list[Alarm]]
    covered: list[Span]
    moves: Moves
    events: int
    bad: int
    late: int


@dataclass(slots=True)
class _Opinions:
    """Bins in which a detector gave at least one symbol a score: past warm-up, and not blind."""

    bin_ns: int
    spans: list[Span] = field(default_factory=list)

    def note(self, step: Step) -> None:
        if any(np.isfinite(verdict.score).any() for verdict in step.verdicts):
            start_ns = step.end_ns - self.bin_ns
            if self.spans and self.spans[-1][1] == start_ns:
                start_ns = self.spans.pop()[0]
            self.spans.append((start_ns, step.end_ns))


def watch(log: LabelledLog, config: Config) -> Watched:
    """Replay the log, exactly as `foreshock replay` would."""
    source, labels_of = log.open()
    reader = PriceReader(source, config)
    opinions = _Opinions(config.bin_ns)
    replay = Replay(config, [reader], on_step=opinions.note)
    incidents = list(replay.incidents())
    labels = labels_of()
    covered = within(union(opinions.spans), labels.start_ns, labels.end_ns)
    return Watched(
        labels=labels,
        alarms={severity: alarms(incidents, severity) for severity in SEVERITIES},
        covered=covered,
        moves=moves(reader.between(labels.start_ns, labels.end_ns), covered),
        events=replay.totals.events,
        bad=sum(replay.totals.bad.values()),
        late=replay.totals.late,
    )
