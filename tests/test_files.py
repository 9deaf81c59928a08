"""Incident logs in every form they come in, whole or damaged."""

import gzip
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from monitor.config import Config
from monitor.records import Partition
from monitor.replay import Replay
from monitor.sources.files import CHUNK_BYTES, LogError, open_log

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


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_of_a_recording_cut_short_what_is_whole_is_given_before_the_error(
    tmp_path: Path, ending: str
) -> None:
    line = b'{"topic":"t","partition":%d,"offset":%d,"value":"%s"}'
    lines = [line % (n % 2, n // 2, os.urandom(2000).hex().encode()) for n in range(400)]
    path = written(tmp_path, f"a.jsonl.{ending}", b"\n".join(lines))
    path.write_bytes(path.read_bytes()[:-20])
    log = open_log(path)
    counted = log.partitions(record_bytes_max=BYTES_MAX)
    found: dict[Partition, int] = dict.fromkeys(counted, 0)

    def read() -> None:
        for raw in log.batches(record_bytes_max=BYTES_MAX):
            found[raw.origin] += len(raw.values)

    with pytest.raises(LogError, match=r"cannot be read: Compressed file ended"):
        read()
    assert found == counted
    assert sum(found.values()) > 200


@pytest.mark.parametrize("name", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_that_is_not_what_its_name_says_is_an_error_in_one_line(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).write_bytes(b"\n".join(LINES))
    with pytest.raises(LogError, match=r"^[^\n]+: cannot be read: [^\n]+$"):
        values(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "suffix"),
    [
        (gzip.compress(b"{}"), ".gz"),
        (zstandard.compress(b"{}"), ".zst"),
        (b"PAR1 and more", ".parquet"),
    ],
)
def test_a_compressed_log_named_as_plain_is_refused(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(content)
    with pytest.raises(LogError, match=rf"^{path}: is compressed; its name must end in {suffix}$"):
        open_log(path)


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


@pytest.mark.parametrize("torn", [b"garbage", b'{"topic":"orders","par', b"[1]"])
def test_a_torn_first_line_does_not_make_a_recording_a_log_of_events(
    tmp_path: Path, torn: bytes
) -> None:
    path = written(tmp_path, "a.jsonl", b"\n".join([torn, envelope("{}", 0), envelope("{}", 1)]))
    assert open_log(path).enveloped
    assert values(path)[0] == b"not an envelope: " + torn
    events = written(tmp_path, "b.jsonl", b"\n".join([torn, b'{"type":"order"}', envelope("{}")]))
    assert not open_log(events).enveloped


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


def test_whole_numbers_that_parquet_keeps_as_floats_are_whole(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    columns = {
        "order_id": pyarrow.array([7.0, float("nan"), None], pyarrow.float64()),
        "price": pyarrow.array([Decimal("1.50"), Decimal("2.00"), None], pyarrow.decimal128(9, 2)),
        "qty": [1.25, float("inf"), 3.0],
    }
    path = parquet(tmp_path / "a.parquet", columns)
    assert [msgspec.json.decode(value or b"") for value in values(path)] == [
        {"order_id": 7, "price": 1.5, "qty": 1.25},
        {"price": 2, "qty": None},
        {"qty": 3},
    ]
