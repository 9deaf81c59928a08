"""Replaying several logs together gives what their partitions would have given."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from monitor.config import Config
from monitor.incidents import encode
from monitor.records import Partition
from monitor.replay import BadRecordError, Replay
from tests import market
from tests.market import Traffic
from tests.test_files import envelope, written


def replayed(paths: Sequence[Path], traffic: Traffic) -> list[bytes]:
    return [encode(incident) for incident in Replay(traffic.config, paths).incidents()]


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return market.market(3)


def enveloped(traffic: Traffic, partitions: Sequence[Partition], seed: int) -> bytes:
    """A recording of some partitions, interleaved in some way."""
    lines: list[tuple[float, bytes]] = []
    rng = np.random.default_rng(seed)
    for p in partitions:
        log = traffic.logs[p]
        order = np.sort(rng.uniform(size=len(log)))
        for offset, sent in enumerate(log):
            value = None if sent.value is None else sent.value.decode("utf-8", "replace")
            record = {"topic": p.topic, "partition": p.partition, "offset": offset}
            record |= {"timestamp_ms": sent.timestamp_ms, "value": value}
            lines.append((float(order[offset]), msgspec.json.encode(record)))
    return b"\n".join(line for _, line in sorted(lines))


@pytest.mark.parametrize("seed", range(3))
def test_recordings_of_several_partitions_give_the_same_incidents_however_they_interleave(
    tmp_path: Path, traffic: Traffic, seed: int
) -> None:
    expected = market.run(traffic).lines
    assert expected
    whole = written(tmp_path, "a.jsonl.zst", enveloped(traffic, list(traffic.logs), seed))
    assert replayed([whole], traffic) == expected
    halves = list(traffic.logs)[::2], list(traffic.logs)[1::2]
    parts = [
        written(tmp_path, f"{i}.jsonl", enveloped(traffic, half, seed))
        for i, half in enumerate(halves)
    ]
    assert replayed(parts, traffic) == expected
    assert replayed(parts[::-1], traffic) == expected


def plain(traffic: Traffic, topic: str) -> bytes:
    """One topic as a plain log, in the order of arrival."""
    sent = [s for p, log in traffic.logs.items() if p.topic == topic for s in log]
    return b"\n".join(s.value or b"" for s in sorted(sent, key=lambda s: s.timestamp_ms))


def clockless(lines: Sequence[bytes]) -> list[bytes]:
    """Without the one signal that needs the broker's clock, which plain logs have not."""
    return [line.replace(b'"clock_skew",', b"") for line in lines]


def test_plain_logs_are_merged_by_time_whatever_the_order_they_are_named_in(
    tmp_path: Path,
) -> None:
    traffic = market.market(4, faults=False)
    names = {"orders": "o.jsonl", "cancels": "c.jsonl.gz", "leverage-changes": "l.jsonl.zst"}
    paths = [written(tmp_path, name, plain(traffic, topic)) for topic, name in names.items()]
    expected = clockless(market.run(traffic).lines)
    assert expected
    for order in ([0, 1, 2], [2, 1, 0], [1, 2, 0]):
        assert clockless(replayed([paths[i] for i in order], traffic)) == expected


def test_recordings_and_plain_logs_replay_together(tmp_path: Path) -> None:
    traffic = market.market(4, faults=False)
    recorded = [p for p in traffic.logs if p.topic != "orders"]
    paths = [
        written(tmp_path, "r.jsonl", enveloped(traffic, recorded, 1)),
        written(tmp_path, "o.jsonl", plain(traffic, "orders")),
    ]
    expected = market.run(traffic).lines
    assert replayed(paths, traffic) == expected
    assert replayed(paths[::-1], traffic) == expected


def test_the_totals_of_a_replay_add_up(tmp_path: Path, traffic: Traffic) -> None:
    path = written(tmp_path, "a.jsonl.gz", enveloped(traffic, list(traffic.logs), 1))
    run = Replay(traffic.config, [path])
    opened = sum(incident.change == "open" for incident in run.incidents())
    expected = market.run(traffic)
    assert (run.totals.incidents, run.totals.late) == (opened, expected.late)
    assert run.totals.records == traffic.records
    assert run.totals.bad.total() == sum(len(taken.bad) for taken in expected.taken)
    assert run.totals.read_bytes == run.total_bytes == path.stat().st_size


def test_one_event_from_the_future_neither_counts_nor_stretches_the_span(
    tmp_path: Path, traffic: Traffic
) -> None:
    path = written(tmp_path, "a.jsonl", enveloped(traffic, list(traffic.logs), 1))
    run = Replay(traffic.config, [path])
    list(run.incidents())
    assert run.totals.bad["future"] > 0
    assert run.totals.events + run.totals.bad.total() == run.totals.records
    assert run.totals.span_s < 81


def test_every_event_of_a_short_plain_log_is_counted(tmp_path: Path) -> None:
    events = [
        {"type": "reject", "ts": (10 + i) * 10**9, "symbol": "S", "account": "a", "reason": "r"}
        for i in range(5)
    ]
    path = written(tmp_path, "a.jsonl", b"\n".join(map(msgspec.json.encode, events)))
    run = Replay(Config(), [path])
    list(run.incidents())
    assert (run.totals.events, run.totals.span_s) == (5, 4.0)


def test_under_strict_a_bad_record_ends_the_replay_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.jsonl", b"\n".join([envelope("{}", 5)]))
    with pytest.raises(BadRecordError, match=r"^orders:2:5: bad record: missing_field$"):
        list(Replay(Config(), [path], strict=True).incidents())
