"""Incident logs in every form they come in, whole or damaged."""

import gzip
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import zstandard

from monitor.config import Config
from monitor.incidents import encode
from monitor.records import Partition
from monitor.replay import BadRecordError, Replay
from monitor.sources.files import CHUNK_BYTES, LogError, open_log
from tests import market
from tests.market import Traffic

BYTES_MAX = 1 << 20
LINE = b'{"type":"order","n":%d}'
LINES = [LINE % i for i in range(5)]


def written(folder: Path, name: str, content: bytes) -> Path:
    """A log, compressed as its name says."""
    path = folder / name
    if name.endswith(".gz"):
        content = gzip.compress(content)
    if name.endswith(".zst"):
        content = zstandard.compress(content)
    path.write_bytes(content)
    return path


def values(path: Path, record_bytes_max: int = BYTES_MAX) -> list[bytes | None]:
    """All records of a log in their order."""
    batches = open_log(path).batches(record_bytes_max=record_bytes_max)
    return [value for raw in batches for value in raw.values]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.json", "a"])
@pytest.mark.parametrize(
    "content",
    [
        b"\n".join(LINES),
        b"\n".join(LINES) + b"\n",
        b"\r\n".join(LINES) + b"\r\n",
        b"\r\n".join(LINES),
        b"\n\n\r\n" + b"\n\n".join(LINES) + b"\n\n\r\n\n",
        b"\xef\xbb\xbf" + b"\n".join(LINES),
    ],
    ids=["no last newline", "newlines", "CRLF", "CRLF, not the last", "blank lines", "BOM"],
)
def test_a_record_is_a_line_however_lines_end(tmp_path: Path, name: str, content: bytes) -> None:
    path = written(tmp_path, name, content)
    assert values(path) == LINES
    assert not open_log(path).enveloped


def test_offsets_are_line_numbers_over_all_chunks(tmp_path: Path) -> None:
    lines = [LINE % i + b" " * 999 for i in range(2000)]
    path = written(tmp_path, "a.jsonl.zst", b"\n".join(lines))
    batches = list(open_log(path).batches(record_bytes_max=BYTES_MAX))
    assert len(batches) > 1
    assert [v for raw in batches for v in raw.values] == lines
    assert [o for raw in batches for o in raw.offsets] == list(range(2000))
    assert {raw.origin for raw in batches} == {Partition("a.jsonl.zst", 0)}


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("size", [CHUNK_BYTES - 1, CHUNK_BYTES, 3 * CHUNK_BYTES + 5])
def test_a_line_longer_than_a_chunk_is_whole(tmp_path: Path, name: str, size: int) -> None:
    lines = [b"a", os.urandom(size // 2).hex().encode(), b"b", b"c" * size, b"d"]
    assert values(written(tmp_path, name, b"\n".join(lines)), 4 * size) == lines


def test_a_line_longer_than_allowed_is_bad_and_the_next_is_not(tmp_path: Path) -> None:
    most = 1000
    long = b'{"type":"order",' + b" " * (5 * CHUNK_BYTES) + b'"ts":1}'
    path = written(tmp_path, "a.jsonl", b"\n".join([LINES[0], long, LINES[1]]))
    first, cut, last = values(path, most)
    assert (first, last) == (LINES[0], LINES[1])
    assert cut is not None
    assert most < len(cut) < 4 * CHUNK_BYTES


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_an_empty_log_has_no_records(tmp_path: Path, name: str) -> None:
    if name == "a.parquet":
        path = parquet(tmp_path / name, {"type": []})
    else:
        path = written(tmp_path, name, b"")
    assert values(path) == []
    assert list(Replay(Config(), [path]).incidents()) == []


def test_frames_and_members_one_after_the_other_are_one_log(tmp_path: Path) -> None:
    for pack, name in ((gzip.compress, "a.gz"), (zstandard.compress, "a.zst")):
        path = tmp_path / name
        path.write_bytes(b"".join(pack(line + b"\n") for line in LINES))
        assert values(path) == LINES


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst"])
@pytest.mark.parametrize("cut", [3, 9, 1000, -9, -1])
def test_a_compressed_log_cut_short_is_an_error_in_one_line(
    tmp_path: Path, name: str, cut: int
) -> None:
    path = written(tmp_path, name, b"\n".join([os.urandom(5000).hex().encode()] * 3))
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(LogError, match=rf"^{path}: cannot be read: [^\n]+$"):
        values(path)


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_that_is_not_what_its_name_says_is_an_error_in_one_line(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\n".join(LINES))
    with pytest.raises(LogError, match=r"^[^\n]+: cannot be read: [^\n]+$"):
        values(tmp_path / name)


def test_a_damaged_gzip_body_is_an_error_in_one_line(tmp_path: Path) -> None:
    path = written(tmp_path, "a.gz", os.urandom(50_000).hex().encode())
    content = bytearray(path.read_bytes())
    content[2000:2100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(LogError, match=r"^[^\n]+: cannot be read: [^\n]+$"):
        values(path)


@pytest.mark.parametrize(
    ("name", "message"), [("none.jsonl", "no such file"), (".", "is a folder, not a log")]
)
def test_what_is_no_file_is_said_to_be_none(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(LogError, match=message):
        open_log(tmp_path / name)


# Envelopes.


def envelope(value: Any, offset: int = 0, **changes: Any) -> bytes:
    record = {"topic": "orders", "partition": 2, "offset": offset, "timestamp_ms": 99}
    return msgspec.json.encode(record | {"value": value} | changes)


def test_envelopes_give_back_what_was_recorded(tmp_path: Path) -> None:
    content = [
        envelope('{"type":"order"}', 7),
        envelope({"type": "order", "x": [1.50]}, 8),
        envelope(None, 9),
        envelope('{"s":"käse \\" \\\\ \\u0001"}', 11),
        envelope("", 12),
    ]
    path = written(tmp_path, "a.jsonl", b"\n".join(content))
    assert open_log(path).enveloped
    batches = list(open_log(path).batches(record_bytes_max=BYTES_MAX))
    assert {raw.origin for raw in batches} == {Partition("orders", 2)}
    assert [o for raw in batches for o in raw.offsets] == [7, 8, 9, 11, 12]
    assert [t for raw in batches for t in raw.timestamps_ms or ()] == [99] * 5
    assert values(path) == [
        b'{"type":"order"}',
        b'{"type":"order","x":[1.5]}',
        None,
        '{"s":"käse \\" \\\\ \\u0001"}'.encode(),
        b"",
    ]


@pytest.mark.parametrize("text", [rb'"\ud800"', b'"\xff\xfe"', b'"a\xc3"'])
def test_an_enveloped_value_that_is_no_text_is_one_bad_record(tmp_path: Path, text: bytes) -> None:
    content = [envelope("{}", 0), envelope(0, 1).replace(b'"value":0', b'"value":' + text)]
    path = written(tmp_path, "a.jsonl", b"\n".join(content))
    run = Replay(Config(), [path])
    assert list(run.incidents()) == []
    assert (run.totals.records, run.totals.bad.total()) == (2, 2)


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"{}",
        b'{"type":"order","ts":1}',
        b'{"topic":"orders","partition":2,"offset":1}',
        b'{"topic":"orders","partition":-1,"offset":1,"value":null}',
        b'{"topic":"orders","partition":2,"offset":1,"value":null,"timestamp_ms":1e400}',
        b'{"topic":"orders","partition":2,"offset":' + b"9" * 40 + b',"value":null}',
        b"[" * 100_000,
    ],
)
def test_a_line_among_envelopes_that_is_none_is_one_bad_record(tmp_path: Path, line: bytes) -> None:
    content = [envelope("{}", 0), line, envelope("{}", 2)]
    path = written(tmp_path, "a.jsonl", b"\n".join(content))
    assert open_log(path).partitions(record_bytes_max=BYTES_MAX) == {Partition("orders", 2): 2}
    run = Replay(Config(), [path])
    assert list(run.incidents()) == []
    assert (run.totals.records, run.totals.bad.total()) == (3, 3)


def test_an_envelope_without_a_time_is_never_from_the_future(tmp_path: Path) -> None:
    event = {"type": "leverage", "ts": 2**61, "symbol": "S", "account": "a"}
    event |= {"old_leverage": 1, "new_leverage": 2}
    for time in ({"timestamp_ms": None}, {"timestamp_ms": -1}):
        run = Replay(Config(), [written(tmp_path, "a.jsonl", envelope(event, **time))])
        list(run.incidents())
        assert (run.totals.events, run.totals.bad) == (1, {})


# Parquet.


def parquet(path: Path, columns: dict[str, Any]) -> Path:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table(columns), path)
    return path


def test_parquet_is_read_with_a_column_a_field_and_blanks_left_out(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    ts = [1_700_000_000_123_456_789, 1_700_000_000_123_456_790]
    for times in (
        pyarrow.array(ts),
        pyarrow.array(ts, pyarrow.timestamp("ns")),
        pyarrow.array(ts, pyarrow.timestamp("ns", "UTC")),
    ):
        columns = {
            "type": ["order", "leverage"],
            "ts": times,
            "symbol": pyarrow.array([b"S", b"S"]),
            "price": [1.5, None],
        }
        path = parquet(tmp_path / "a.parquet", columns)
        assert [msgspec.json.decode(value or b"") for value in values(path)] == [
            {"type": "order", "ts": ts[0], "symbol": "S", "price": 1.5},
            {"type": "leverage", "ts": ts[1], "symbol": "S"},
        ]


# Several logs, and the same incidents from every form.


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
