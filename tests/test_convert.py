"""Real order logs of three forms become the contract's events, and nothing is lost unsaid."""

import csv
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


def depth(t_ms: int, u: int, bids: str, asks: str = "") -> str:
    levels = f'"b":[{bids}],"a":[{asks}]'
    data = f'{{"e":"depthUpdate","E":9,"T":{t_ms},"s":"P","U":1,"u":{u},"pu":{u - 1},{levels}}}'
    return f'1 {{"stream":"p@depth","data":{data}}}\n'


def trade(t_ms: int, price: str, qty: str, *, buyer_is_maker: bool, kind: str = "MARKET") -> str:
    maker = "true" if buyer_is_maker else "false"
    fields = f'"T":{t_ms},"s":"P","t":7,"p":"{price}","q":"{qty}","X":"{kind}","m":{maker}'
    return f'1 {{"stream":"p@trade","data":{{"e":"trade","E":9,{fields}}}}}\n'


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


def test_a_bitstamp_order_is_posted_and_cancelled_by_local_time(tmp_path: Path) -> None:
    rows = (
        "5,1430438404518,1430438404000,236.47,200000000,created,bid",
        "5,1430438405647,1430438404000,236.47,200000000,deleted,bid",
        "4,1430438405700,1430430000000,240.5,3,deleted,ask",  # from before the recording
    )
    events, report = converted("bitstamp", tmp_path / "orders.csv", bitstamp(*rows))
    mine = {**BTC, "order_id": 5, "side": "buy", "price": 236.47, "qty": 2.0}
    assert events == [
        {"type": "order", "ts": 1430438404518 * 10**6, **mine},
        {"type": "cancel", "ts": 1430438405647 * 10**6, **mine},
        {"type": "cancel", "ts": 1430438405700 * 10**6, **BTC, "order_id": 4, "side": "sell"}
        | {"price": 240.5, "qty": 3e-8},
    ]
    assert report.skipped == {}


def test_the_two_legs_of_a_bitstamp_trade_are_one_fill_of_the_resting_order(tmp_path: Path) -> None:
    rows = (
        "1,1000,1000,10,300,created,ask",
        "2,2000,2000,11,500,created,bid",
        "2,2001,2000,11,201,changed,bid",  # the aggressor's leg first, a satoshi off
        "1,2003,1000,10,0,deleted,ask",
        "2,2004,2000,11,101,changed,bid",
        "0,2005,0,10.5,0,deleted,ask",  # resting since before the recording
    )
    events, report = converted("bitstamp", tmp_path / "orders.csv", bitstamp(*rows))
    assert [event for event in events if event["type"] == "fill"] == [
        {"type": "fill", "ts": 2003 * 10**6, **BTC, "order_id": 1, "side": "sell"}
        | {"price": 10.0, "qty": 3e-6},
        {"type": "fill", "ts": 2005 * 10**6, **BTC, "order_id": 0, "side": "sell"}
        | {"price": 10.5, "qty": 1e-6},
    ]
    assert report.events == {"order": 2, "fill": 2}
    assert report.skipped == {"aggressor_leg": 2}


def test_a_bitstamp_leg_without_its_other_half_is_counted_and_is_no_fill(tmp_path: Path) -> None:
    rows = (
        "1,1000,1000,10,300,created,ask",
        "2,1000,1000,10,300,created,bid",
        "1,2000,1000,10,200,changed,ask",
        "2,3001,1000,10,200,changed,bid",  # too late to be its partner
        "1,3002,1000,12,200,changed,ask",  # the venue moved its price
    )
    _, report = converted("bitstamp", tmp_path / "orders.csv", bitstamp(*rows))
    assert report.events == {"order": 2}
    assert report.skipped == {"unpaired_leg": 2, "repriced": 1}


def test_bad_bitstamp_rows_are_counted(tmp_path: Path) -> None:
    rows = (
        "1,1000,1000,10,300,created,ask",
        "x,1000,1000,10,300,created,ask",
        "1,1000,1000,10,300,created,up",
        "1,1000,1000,10,300,moved,ask",
        "1,1000,1000,nan,300,created,ask",
        "1,1000,1000,10,-3,created,ask",
        f"1,{2**63},1000,10,3,created,ask",
        "1,1000,1000,10",
    )
    events, report = converted("bitstamp", tmp_path / "orders.csv", bitstamp(*rows))
    assert len(events) == 1
    assert report.skipped == {"bad_row": 7}


def test_what_trades_took_from_a_level_is_no_cancel(tmp_path: Path) -> None:
    text = (
        depth(1000, 1, '["10.10","5"],["10.00","1"]')
        + depth(1100, 2, '["10.10","2"]')  # arrives before the trade that came first
        + trade(1050, "10.10", "2", buyer_is_maker=True)
        + trade(1150, "10.10", "2", buyer_is_maker=True)
        + depth(1200, 3, '["10.10","0"],["10.00","1.5"]')
        + depth(1300, 4, '["10.10","0.3"]')
    )
    events, report = converted("binance", tmp_path / "feed", text)
    best = {**PERP, "order_id": "buy@10.1", "side": "buy", "price": 10.1}
    next_best = {**PERP, "order_id": "buy@10.0", "side": "buy", "price": 10.0}
    assert events == [
        {"type": "fill", "ts": 1050 * 10**6, **best, "qty": 2},
        {"type": "cancel", "ts": 1100 * 10**6, **best, "qty": 1},
        {"type": "fill", "ts": 1150 * 10**6, **best, "qty": 2},
        {"type": "order", "ts": 1200 * 10**6, **next_best, "qty": 0.5},
        {"type": "order", "ts": 1300 * 10**6, **best, "qty": 0.3},
    ]
    assert report.skipped == {"level_first_seen": 2}


def test_best_quotes_become_books_and_a_selling_maker_is_the_resting_side(tmp_path: Path) -> None:
    quote = '"T":5,"E":5,"s":"P","u":1,"b":"9.9","B":"2","a":"10.1","A":"3"'
    text = f'1 {{"stream":"p@bookTicker","data":{{"e":"bookTicker",{quote}}}}}\n'
    text += trade(6, "10.1", "0.5", buyer_is_maker=False)
    events, _ = converted("binance", tmp_path / "feed", text)
    assert events == [
        {"type": "book", "ts": 5 * 10**6, "symbol": "P", "bids": [[9.9, 2]], "asks": [[10.1, 3]]},
        {"type": "fill", "ts": 6 * 10**6, **PERP, "order_id": "sell@10.1", "side": "sell"}
        | {"price": 10.1, "qty": 0.5},
    ]


def test_a_snapshot_tells_what_the_levels_hold(tmp_path: Path) -> None:
    snapshot = '"bids":[["10","2"],["8","1"]],"asks":[["11","2"]]'
    text = (
        depth(1000, 1, '["10","7"]')
        + f'1 {{"lastUpdateId":1,"E":9,"T":1001,{snapshot}}}\n'
        + depth(1002, 2, '["10","3"],["9","4"],["7","5"]')
    )
    events, report = converted("binance", tmp_path / "feed", text)
    assert [(event["order_id"], event["qty"]) for event in events] == [
        ("buy@10.0", 1),
        ("buy@9.0", 4),  # inside the snapshot's range it was empty
    ]
    assert report.skipped == {"level_first_seen": 2, "snapshot": 1}


def test_a_hole_in_the_depth_feed_forgets_the_levels(tmp_path: Path) -> None:
    text = (
        depth(1000, 1, '["10","7"]')
        + depth(1001, 2, '["10","8"]')
        + depth(1002, 9, '["10","1"]')
        + depth(1003, 10, '["10","2"]')
    )
    events, report = converted("binance", tmp_path / "feed", text)
    assert [(event["type"], event["qty"]) for event in events] == [("order", 1), ("order", 1)]
    assert report.skipped == {"depth_gap": 1, "level_first_seen": 2}


def test_binance_lines_that_are_no_event_are_counted_by_reason(tmp_path: Path) -> None:
    text = (
        trade(6, "10.1", "0.5", buyer_is_maker=False)
        + trade(6, "0", "0", buyer_is_maker=False, kind="NA")
        + trade(6, "-1", "0", buyer_is_maker=False)
        + trade(6, "nan", "0", buyer_is_maker=False)
        + '1 {"stream":"x","data":{"e":"markPriceUpdate"}}\n'
        + 'no {"lastUpdateId":1}\n1 {"data"\n1\n\n'
    )
    events, report = converted("binance", tmp_path / "feed", text)
    assert len(events) == 1
    assert report.skipped == {"bad_row": 6, "not_market_trade": 1, "other_stream": 1}


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


@pytest.mark.data
def test_the_real_bitstamp_log_accounts_for_every_row(tmp_path: Path) -> None:
    path = real("bitstamp/orders.csv.xz")
    with lzma.open(path, "rt") as file:
        rows = list(csv.DictReader(file))
    report = convert("bitstamp", [path], tmp_path / "out.jsonl.zst")
    assert len(times_ns(tmp_path / "out.jsonl.zst")) == sum(report.events.values())
    assert report.events["order"] == sum(row["action"] == "created" for row in rows)
    assert report.events["cancel"] == sum(
        row["action"] == "deleted" and row["volume"] != "0" for row in rows
    )
    assert sum(report.events.values()) + sum(report.skipped.values()) == len(rows)
    assert report.skipped["aggressor_leg"] == report.events["fill"]
    assert report.skipped["unpaired_leg"] < 0.05 * report.events["fill"]


@pytest.mark.data
def test_the_real_binance_feed_keeps_every_quote_and_trade(tmp_path: Path) -> None:
    path = real("binance_usdm/usdm_btcusdt_20240808.gz")
    text = gzip.decompress(path.read_bytes())
    report = convert("binance", [path], tmp_path / "out.jsonl.zst")
    times = times_ns(tmp_path / "out.jsonl.zst")
    assert times == sorted(times)
    assert report.events["book"] == text.count(b'"e":"bookTicker"')
    assert report.events["fill"] == text.count(b'"e":"trade"')
    levels = text.count(b'["') - 2_000  # without the snapshot's
    changed = report.events["order"] + report.events["cancel"]
    assert 0.8 * levels < changed + report.skipped["level_first_seen"] <= levels
    assert set(report.skipped) == {"level_first_seen", "snapshot"}


def test_the_registry_is_what_the_command_offers() -> None:
    assert list(CONVERTERS) == ["lobster", "bitstamp", "binance"]
