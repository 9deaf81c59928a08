"""Bitstamp's and Binance's logs to incident logs."""

import csv
import gzip
import lzma
from pathlib import Path

import pytest

from monitor.convert import convert
from tests.test_convert import BTC, PERP, bitstamp, converted, real, times_ns


def depth(t_ms: int, u: int, bids: str, asks: str = "") -> str:
    levels = f'"b":[{bids}],"a":[{asks}]'
    data = f'{{"e":"depthUpdate","E":9,"T":{t_ms},"s":"P","U":1,"u":{u},"pu":{u - 1},{levels}}}'
    return f'1 {{"stream":"p@depth","data":{data}}}\n'


def trade(t_ms: int, price: str, qty: str, *, buyer_is_maker: bool, kind: str = "MARKET") -> str:
    maker = "true" if buyer_is_maker else "false"
    fields = f'"T":{t_ms},"s":"P","t":7,"p":"{price}","q":"{qty}","X":"{kind}","m":{maker}'
    return f'1 {{"stream":"p@trade","data":{{"e":"trade","E":9,{fields}}}}}\n'


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
