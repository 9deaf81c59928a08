"""A small seeded market with every fault a stream can have, and ways to feed it to a pipeline.

Three topics of three partitions; records of a symbol stay in one partition of each topic. The
makers of some symbols pull their orders at once for a few seconds. Some records come out of order,
some too late, some are broken, some claim to be from the future.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.clocks import Resume
from monitor.config import Config, Detectors, Incidents, Input
from monitor.detection import Step
from monitor.incidents import Incident, encode
from monitor.intake import Taken
from monitor.pipeline import Pipeline
from monitor.records import Partition, RawBatch

START_S = 1_700_000_000
TOPICS = {"order": "orders", "cancel": "cancels", "leverage": "leverage-changes"}
PARTITIONS = 3
BROKEN = (
    b"",
    b"{",
    b"not json",
    b'{"type":"order"}',
    b'{"type":"teapot","ts":1}',
    b'{"type":"order","ts":1}{"type":"order","ts":2}',
    b'[{"type":"cancel"}]',
    b"\xff\xfe",
)

State = Mapping[str, NDArray[np.generic]]


def config(**changes: Any) -> Config:
    """Short memories, so that a minute and a half is enough for an incident to come and go."""
    settings: dict[str, Any] = {
        "venue": "test",
        "input": Input(lateness_s=1.0, silence_s=5.0),
        "detectors": Detectors(warm_up_s=10.0, background_s=60.0, delay_s=4.0),
        "incidents": Incidents(hold_s=4.0, update_s=2.0),
    }
    return Config(**settings | changes)


class Sent(NamedTuple):
    """One record as a broker keeps it."""

    value: bytes | None
    timestamp_ms: int


class Slice(NamedTuple):
    """Records `start` to `stop` of a partition: one batch of a schedule."""

    origin: Partition
    start: int
    stop: int


@dataclass(frozen=True)
class Traffic:
    """What lies in the log of every partition; the offset of a record is its index."""

    logs: dict[Partition, list[Sent]]
    config: Config = field(default_factory=config)

    @property
    def records(self) -> int:
        return sum(map(len, self.logs.values()))

    def batch(self, part: Slice) -> RawBatch:
        """A slice as a source would hand it over."""
        sent = self.logs[part.origin][part.start : part.stop]
        values, timestamps = [s.value for s in sent], [s.timestamp_ms for s in sent]
        return RawBatch(part.origin, values, range(part.start, part.stop), timestamps)


def market(
    seed: int,
    *,
    seconds: float = 80.0,
    symbols: int = 6,
    hit: int = 3,
    burst_s: tuple[float, float] = (45.0, 53.0),
    faults: bool = True,
) -> Traffic:
    """A venue's traffic: the first `hit` symbols lose their makers during `burst_s`."""
    rng = np.random.default_rng(seed)
    logs: dict[Partition, list[tuple[int, Sent]]] = {
        Partition(topic, p): [] for topic in TOPICS.values() for p in range(PARTITIONS)
    }
    for number in range(symbols):
        for kind, per_s in (("order", 6.0), ("cancel", 5.0), ("leverage", 0.5)):
            calm = rng.uniform(0.0, seconds, rng.poisson(per_s * seconds))
            wild = np.empty(0)
            if number < hit and kind != "order":
                wild = rng.uniform(*burst_s, rng.poisson(6 * per_s * (burst_s[1] - burst_s[0])))
            at_s = np.concatenate([calm, wild])
            pulled = np.arange(at_s.size) >= calm.size
            log = logs[Partition(TOPICS[kind], number % PARTITIONS)]
            for i in np.argsort(at_s).tolist():
                log.append(_sent(rng, kind, number, float(at_s[i]), bool(pulled[i]), faults))
    if faults:
        _break_some(rng, logs, seconds)
    return Traffic(
        {p: [sent for _, sent in sorted(log, key=lambda sent: sent[0])] for p, log in logs.items()}
    )


def _sent(
    rng: np.random.Generator, kind: str, number: int, at_s: float, pulled: bool, faults: bool
) -> tuple[int, Sent]:
    """A record with the time of its arrival, by which a partition is ordered."""
    ts = START_S * 1_000_000_000 + round(at_s * 1e9)
    event: dict[str, Any] = {
        "type": kind,
        "ts": ts,
        "symbol": f"S{number:02d}-PERP",
        "account": f"puller-{number % 2}" if pulled else f"trader-{rng.integers(60):02d}",
    }
    if kind == "leverage":
        event |= {"old_leverage": 5, "new_leverage": 10}
    else:
        side = "buy" if rng.random() < 0.5 else "sell"
        event |= {"order_id": int(rng.integers(1 << 40)), "side": side, "price": 100.5, "qty": 2}
    delay_s = rng.exponential(0.15)
    if faults:
        chance = rng.random()
        delay_s += 4.0 if chance < 0.004 else 0.0
        event["ts"] += 3_600_000_000_000 if chance > 0.998 else 0
    arrival_ns = ts + round(delay_s * 1e9)
    return arrival_ns, Sent(msgspec.json.encode(event), arrival_ns // 1_000_000)


def _break_some(
    rng: np.random.Generator, logs: dict[Partition, list[tuple[int, Sent]]], seconds: float
) -> None:
    for log in logs.values():
        for value in (*BROKEN, None):
            arrival_ns = START_S * 1_000_000_000 + round(rng.uniform(0.0, seconds) * 1e9)
            log.append((arrival_ns, Sent(value, arrival_ns // 1_000_000)))


def by_arrival(traffic: Traffic, records_max: int = 40) -> Iterator[Slice]:
    """All partitions side by side, as a monitor that keeps up sees them."""
    steps = max(1, max(map(len, traffic.logs.values())) // records_max)
    for step in range(steps):
        for origin, log in traffic.logs.items():
            start, stop = len(log) * step // steps, len(log) * (step + 1) // steps
            yield Slice(origin, start, stop)


def shuffled(
    traffic: Traffic,
    seed: int,
    batch_mean: float,
    resumes: Mapping[Partition, Resume] | None = None,
) -> Iterator[Slice]:
    """Some batching and some interleaving that keeps the order within each partition."""
    rng = np.random.default_rng(seed)
    left = {p: (resumes[p].offset if resumes else 0) for p in traffic.logs}
    likes = rng.exponential(size=len(left)) + 1e-3  # some partitions run far ahead
    while left:
        origins = list(left)
        weights = likes[: len(origins)] / likes[: len(origins)].sum()
        origin = origins[int(rng.choice(len(origins), p=weights))]
        start, end = left[origin], len(traffic.logs[origin])
        stop = min(end, start + int(rng.geometric(1.0 / batch_mean)))
        if stop > start:
            yield Slice(origin, start, stop)
        left[origin] = stop
        if stop == end:
            del left[origin]


def one_by_one(traffic: Traffic) -> Iterator[Slice]:
    """Every record alone, in the order of broker timestamps."""
    order = sorted(
        (sent.timestamp_ms, p, i) for p, log in traffic.logs.items() for i, sent in enumerate(log)
    )
    for _, origin, index in order:
        yield Slice(origin, index, index + 1)


@dataclass
class Run:
    """What came of feeding a pipeline. bins: those that were judged. lines: encoded incidents."""

    pipeline: Pipeline
    incidents: list[Incident] = field(default_factory=list)
    taken: list[Taken] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)

    @property
    def lines(self) -> list[bytes]:
        return [encode(incident) for incident in self.incidents]

    @property
    def late(self) -> int:
        return sum(taken.late for taken in self.taken)

    def feed(self, traffic: Traffic, schedule: Iterator[Slice], records: int | None = None) -> None:
        """Feed until the schedule ends, or until exactly so many records were read."""
        left = traffic.records if records is None else records
        for part in schedule:
            stop = min(part.stop, part.start + left)
            self.taken.append(self.pipeline.take(traffic.batch(part._replace(stop=stop))))
            self.tell()
            left -= stop - part.start
            if left <= 0 and records is not None:
                return

    def tell(self) -> None:
        """Judge what has closed."""
        self.note(self.pipeline.steps())

    def finish(self) -> None:
        """The input has ended."""
        self.note(self.pipeline.finish())

    def note(self, steps: Iterator[Step]) -> None:
        """Keep what bins came to."""
        for step in steps:
            self.bins.append(step.bin)
            self.incidents += step.incidents


def start(traffic: Traffic) -> Run:
    """A pipeline that waits for all partitions, as a service's would."""
    pipeline = Pipeline(traffic.config)
    for partition in traffic.logs:
        pipeline.fold.assign(partition)
    return Run(pipeline)


def run(traffic: Traffic, schedule: Iterator[Slice] | None = None) -> Run:
    """All of the traffic through a new pipeline."""
    found = start(traffic)
    found.feed(traffic, by_arrival(traffic) if schedule is None else schedule)
    found.finish()
    return found


def restarted(
    traffic: Traffic,
    stops: Sequence[int],
    seed: int,
    batch_mean: float,
    through: Callable[[State], State] = lambda state: state,
    schedule: Iterator[Slice] | None = None,
) -> Run:
    """All of the traffic, with a restart after each of so many more records.

    schedule: how it is fed until the first restart, if not in some order of the seed.
    """
    found = start(traffic)
    if schedule is None:
        schedule = shuffled(traffic, seed, batch_mean)
    for number, records in enumerate(stops, 1):
        if records:
            found.feed(traffic, schedule, records)
        state, resumes = through(found.pipeline.state()), found.pipeline.resumes()
        pipeline = Pipeline(traffic.config)
        pipeline.restore(state, resumes)
        found.pipeline = pipeline
        schedule = shuffled(traffic, seed + number, batch_mean, resumes)
    found.feed(traffic, schedule)
    found.finish()
    return found
