"""Real order logs of three forms become the contract's events, and nothing is lost unsaid."""

import gzip
import lzma
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from monitor.convert import CONVERTERS, ConvertError, ConvertReport, convert
from monitor.convert.lobster import exact_ns
from monitor.events import Event

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
LOBSTER_NAME = "XYZ_2012-06-21_34200000_57600000_message_1.csv"
NEW_YORK_MIDNIGHT_NS = 1_340_251_200 * 10**9  # 2012-06-21 04:00 UTC, summer time
BITSTAMP_HEADER = "id,timestamp,exchange.timestamp,price,volume,action,direction"
BTC = {"symbol": "BTC-USD", "account": ""}
PERP = {"symbol": "P", "account": ""}

decode = msgspec.json.Decoder(Event).decode


def lines_of(log: Path) -> list[bytes]:
    raw = log.read_bytes()
    if log.suffix == ".gz":
        raw = gzip.decompress(raw)
    if log.suffix == ".zst":
        raw = zstandard.ZstdDecompressor().decompressobj().decompress(raw)
    assert raw.endswith(b"\n")
    return raw.splitlines()


def times_ns(log: Path) -> list[int]:
    """The time of every line; the contract's decoder must accept each."""
    return [decode(line).ts for line in lines_of(log)]


def read(log: Path) -> list[dict[str, Any]]:
    """Every line as plain data, once the contract's decoder has accepted it."""
    assert times_ns(log)
    assert all(line.startswith(b'{"type":"') for line in lines_of(log))
    return [msgspec.json.decode(line) for line in lines_of(log)]


def converted(
    source: str, path: Path, text: str, out: str = "out.jsonl"
) -> tuple[list[dict[str, Any]], ConvertReport]:
    path.write_text(text)
    output = path.with_name(out)
    report = convert(source, [path], output)
    events = read(output)
    assert report.events == Counter(event["type"] for event in events)
    assert report.first_ts == min(event["ts"] for event in events)
    assert report.last_ts == max(event["ts"] for event in events)
    return events, report


def bitstamp(*rows: str) -> str:
    return "\n".join((BITSTAMP_HEADER, *rows)) + "\n"


def test_each_lobster_message_becomes_its_event(tmp_path: Path) -> None:
    text = (
        "34200.004241176,1,11,18,5853300,1\n"
        "34200.1,2,11,8,5853300,1\n"
        "34201,3,11,5,5853300,1\n"
        "34201.000000001,4,12,3,5853301,-1\n"
        "34202.5,5,99,1,5853350,-1\n"
    )
    events, report = converted("lobster", tmp_path / LOBSTER_NAME, text)
    at = NEW_YORK_MIDNIGHT_NS + 34_200 * 10**9
    who = {"symbol": "XYZ", "account": ""}
    order = {"order_id": 11, "side": "buy", "price": 585.33}
    assert events == [
        {"type": "order", "ts": at + 4_241_176, **who, **order, "qty": 18},
        {"type": "cancel", "ts": at + 10**8, **who, **order, "qty": 8, "reason": "partial"},
        {"type": "cancel", "ts": at + 10**9, **who, **order, "qty": 5, "reason": "delete"},
        {"type": "fill", "ts": at + 10**9 + 1, **who, "order_id": 12, "side": "sell"}
        | {"price": 585.3301, "qty": 3},
        {"type": "fill", "ts": at + 25 * 10**8, **who, "order_id": 0, "side": "sell"}
        | {"price": 585.335, "qty": 1},
    ]
    assert report.skipped == {}


def test_lobster_rows_that_are_no_event_are_counted_by_reason(tmp_path: Path) -> None:
    text = (
        "34200,7,0,0,-1,-1\n34200,6,1,1,10000,1\n34200,8,1,1,10000,1\n34200,1,1,1,10000,2\n"
        "3e4,1,1,1,10000,1\n34200,1,1\n99999,1,1,1,10000,1\n34200,1,1,-1,10000,1\n"
        "34200,1,1,1,10000,1\n34200,1,1,1,100"
    )
    events, report = converted("lobster", tmp_path / LOBSTER_NAME, text)
    assert len(events) == 1
    assert report.skipped == {"halt": 1, "cross_trade": 1, "unknown_type": 1, "bad_row": 6}


def test_lobster_times_are_exact_to_the_nanosecond() -> None:
    assert exact_ns(b"34200.004241176") == 34_200_004_241_176
    assert exact_ns(b"57599.959359650") == 57_599_959_359_650
    assert exact_ns(b"57599.95935965") == 57_599_959_359_650
    assert exact_ns(b"1") == 10**9
    assert exact_ns(b"1.0000000019") == 10**9 + 1
    for text in (b"", b".5", b"-1", b"1.-5", b"1e3", b"86401", b"nan"):
        with pytest.raises(ValueError, match=r"the day|midnight"):
            exact_ns(text)


def test_new_yorks_winter_is_an_hour_further_from_utc(tmp_path: Path) -> None:
    name = LOBSTER_NAME.replace("2012-06-21", "2013-01-07")
    events, _ = converted("lobster", tmp_path / name, "0,1,1,1,10000,1\n")
    assert events[0]["ts"] == 1_357_534_800 * 10**9  # 05:00 UTC


def test_a_lobster_zip_gives_the_same_log_as_its_message_file(tmp_path: Path) -> None:
    text = "34200.5,1,1,1,10000,1\n34201,3,1,1,10000,1\n"
    plain, _ = converted("lobster", tmp_path / LOBSTER_NAME, text)
    archive = tmp_path / "sample.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(LOBSTER_NAME.replace("message", "orderbook"), "1,2,3,4\n")
        file.writestr(LOBSTER_NAME, text)
    convert("lobster", [archive], tmp_path / "zip.jsonl")
    assert read(tmp_path / "zip.jsonl") == plain


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.zst", ".jsonl.gz"])
def test_every_output_form_holds_the_same_events_and_the_same_bytes_twice(
    tmp_path: Path, suffix: str
) -> None:
    text = bitstamp("1,1000,1000,10,300,created,ask", "1,1001,1000,10,300,deleted,ask")
    plain, _ = converted("bitstamp", tmp_path / "orders.csv", text)
    again, _ = converted("bitstamp", tmp_path / "orders.csv", text, f"again{suffix}")
    first = (tmp_path / f"again{suffix}").read_bytes()
    converted("bitstamp", tmp_path / "orders.csv", text, f"third{suffix}")
    assert again == plain
    assert (tmp_path / f"third{suffix}").read_bytes() == first


@pytest.mark.parametrize("pack", [gzip.compress, lzma.compress, zstandard.compress])
def test_compressed_input_is_known_by_its_bytes(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "orders"
    path.write_bytes(pack(bitstamp("1,1000,1000,10,300,created,ask").encode()))
    assert convert("bitstamp", [path], tmp_path / "out.jsonl").events == {"order": 1}


def test_several_files_are_merged_by_time(tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.csv" for name in ("early", "late")]
    for order, path in enumerate(paths):
        rows = [f"{10 * t + order},{1000 + 2 * t + order},0,10,1,created,ask" for t in range(50)]
        path.write_text(bitstamp(*rows, "torn"))
    report = convert("bitstamp", paths[::-1], tmp_path / "out.jsonl")
    times = [event["ts"] for event in read(tmp_path / "out.jsonl")]
    assert times == [(1000 + t) * 10**6 for t in range(100)]
    assert report.skipped == {"bad_row": 2}


def unusable(tmp_path: Path) -> list[tuple[str, Path, str, str]]:
    """Source, input, output name, and what the one sentence must say."""
    csv_text = tmp_path / "orders.csv"
    csv_text.write_text("a,b\n1,2\n")
    named = tmp_path / LOBSTER_NAME
    named.write_text("a,b\n1,2\n")
    wrong_day = tmp_path / LOBSTER_NAME.replace("06-21", "13-41")
    wrong_day.write_text("34200,1,1,1,10000,1\n")
    not_a_zip = tmp_path / "sample.zip"
    not_a_zip.write_text("no")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("readme.txt", "hello")
    torn = tmp_path / "torn.xz"
    torn.write_bytes(lzma.compress(bitstamp("1,2,3,4,5,created,ask").encode())[:-20])
    empty = tmp_path / "empty"
    empty.touch()
    return [
        ("nasdaq", csv_text, "o.jsonl", "unknown source 'nasdaq'"),
        ("bitstamp", tmp_path / "gone.csv", "o.jsonl", "gone.csv: no such file"),
        ("bitstamp", tmp_path, "o.jsonl", "is a folder"),
        ("bitstamp", csv_text, "o.jsonl", "orders.csv, line 1: not a Bitstamp order log"),
        ("bitstamp", torn, "o.jsonl", "torn.xz: cannot be read"),
        ("binance", csv_text, "o.jsonl", "orders.csv: no binance event from line 1 on (bad_row 2)"),
        ("binance", empty, "o.jsonl", "empty: no binance event from line 1 on (no lines)"),
        ("lobster", csv_text, "o.jsonl", "neither a LOBSTER zip nor named"),
        ("lobster", named, "o.jsonl", "no lobster event from line 1 on (bad_row 2)"),
        ("lobster", wrong_day, "o.jsonl", "is not a date"),
        ("lobster", not_a_zip, "o.jsonl", "sample.zip: is not a zip archive"),
        ("lobster", tmp_path / "other.zip", "o.jsonl", "holds no LOBSTER message file"),
        ("lobster", named, "o.csv", "o.csv: the name must end in .jsonl"),
        ("lobster", named, "no/o.jsonl", "no such folder"),
    ]


def test_unusable_input_is_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    for source, path, output, expected in unusable(tmp_path):
        with pytest.raises(ConvertError) as raised:
            convert(source, [path], tmp_path / output)
        assert expected in str(raised.value)
        assert "\n" not in str(raised.value)
        assert not list(tmp_path.glob("*o.jsonl*")), source
    with pytest.raises(ConvertError, match="both input and output"):
        convert("lobster", [tmp_path / "a.jsonl"], tmp_path / "a.jsonl")
    with pytest.raises(ConvertError, match="no file to convert"):
        convert("lobster", [], tmp_path / "a.jsonl")


def test_a_failed_conversion_leaves_the_old_log_as_it_was(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    output.write_text("old")
    (tmp_path / "bad").write_text("x\n")
    with pytest.raises(ConvertError):
        convert("binance", [tmp_path / "bad"], output)
    assert output.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad", "out.jsonl"]


def real(name: str) -> Path:
    path = DATA / name
    if not path.exists():
        pytest.skip(f"needs the real data, absent here: ../shared/data/{name}")
    return path


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["AAPL_2012-06-21_1", "AMZN_2012-06-21_5"], ids=["best quote", "five levels"]
)
def test_a_real_lobster_day_keeps_every_row_in_order(tmp_path: Path, name: str) -> None:
    path = real(f"lobster/LOBSTER_SampleFile_{name}.zip")
    with zipfile.ZipFile(path) as archive:
        member = next(entry for entry in archive.namelist() if "_message_" in entry)
        kinds = Counter(line.split(b",")[1] for line in archive.read(member).splitlines())
    report = convert("lobster", [path], tmp_path / "out.jsonl.zst")
    times = times_ns(tmp_path / "out.jsonl.zst")
    assert report.events == {
        "order": kinds[b"1"],
        "cancel": kinds[b"2"] + kinds[b"3"],
        "fill": kinds[b"4"] + kinds[b"5"],
    }
    assert sum(report.skipped.values()) == kinds.total() - len(times)
    assert times == sorted(times)


def test_the_registry_is_what_the_command_offers() -> None:
    assert list(CONVERTERS) == ["lobster", "bitstamp", "binance"]
