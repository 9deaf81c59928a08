"""Records to events: every reason for a bad one, and batches that never matter."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.codec import REASONS, Codec, Decoded
from monitor.columns import Names
from monitor.events import EVENT_TYPES, KINDS, Kind
from monitor.keys import kind_of
from monitor.records import Partition, RawBatch
from monitor.schema import TopicMapping

TS = 1_700_000_000_123_456_789
EVENTS: dict[str, dict[str, Any]] = {
    "order": {"account": "a", "order_id": "o-1", "side": "buy", "price": 1.5, "qty": 2},
    "cancel": {"account": "a", "order_id": 7, "side": "sell", "price": 1.5, "qty": 2},
    "leverage": {"account": "a", "old_leverage": 5, "new_leverage": 10.5},
    "fill": {"order_id": 7, "side": "buy", "price": 1, "qty": 0},
    "book": {"bids": [[1.5, 2], [1.4, 3]], "asks": []},
    "mark": {"mark": 1.5, "index": 1.49},
    "liquidation": {"account": "a", "side": "sell", "price": 1, "qty": 1, "kind": "adl"},
    "reject": {"account": "a", "reason": "margin"},
}
VENUE = TopicMapping(
    type="order",
    ts_unit="ms",
    fields={"ts": "T", "price": "d.px.p", "qty": "d.q", "account": "u"},
    side={"buy": ["B", 1], "sell": ["S", 2]},
    defaults={"order_id": "none"},
)
FLAGS = TopicMapping(type="cancel", ts_unit="s", side={"buy": [True], "sell": [False]})
MIXED = TopicMapping(type_field="e", types={"NEW": "order", "NEW_FAST": "order", "DEL": "cancel"})
OWN_TAGS = TopicMapping(ts_unit="us", fields={"price": "px"})
BYTES_MAX = 600


def codec() -> Codec:
    mappings = {"venue": VENUE, "flags": FLAGS, "mixed": MIXED, "own-tags": OWN_TAGS}
    return Codec(mappings, record_bytes_max=BYTES_MAX)


def event(kind: str = "order", /, **changes: Any) -> dict[str, Any]:
    """A valid event in the contract's form."""
    return {"type": kind, "ts": TS, "symbol": "BTC-PERP"} | EVENTS[kind] | changes


def venue(**changes: Any) -> dict[str, Any]:
    """A valid order as the topic `venue` has it."""
    d = {"px": {"p": "1.5"}, "q": 2}
    return {"T": TS // 1_000_000, "symbol": "X", "u": "a", "side": "B", "d": d} | changes


def without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in names}


def raw(*values: bytes | None, topic: str = "orders") -> RawBatch:
    return RawBatch(Partition(topic, 3), values, range(10, 10 + len(values)))


def decode(*records: Any, topic: str = "orders") -> Decoded:
    values = [r if r is None or isinstance(r, bytes) else msgspec.json.encode(r) for r in records]
    return codec().decode(raw(*values, topic=topic))


def reason_of(record: Any, topic: str = "orders") -> str:
    """The one reason of one bad record; `good` where it is none."""
    decoded = decode(record, topic=topic)
    if not decoded.bad:
        assert sum(len(part.events) for part in decoded.parts) == 1
        return "good"
    assert [bad.offset for bad in decoded.bad] == [10]
    assert decoded.bad[0].value == decoded.raw.values[0]
    return decoded.bad[0].reason


def described(decoded: Decoded) -> list[tuple[int, str]]:
    """Row and content of every good event, in order; and every bad record's reason."""
    rows = []
    for part in decoded.parts:
        assert len(set(part.rows or range(len(part.events)))) == len(part.events)
        places = range(len(part.events)) if part.rows is None else part.rows
        rows += [(row, repr(e)) for row, e in zip(places, part.events, strict=True)]
    rows += [(bad.offset - decoded.raw.offsets[0], bad.reason) for bad in decoded.bad]
    return sorted(rows)


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_of_the_contract_decodes(kind: str) -> None:
    decoded = decode(event(kind), event(kind, unknown_field=[1, {"a": None}]))
    assert not decoded.bad
    found: list[Any] = list(decoded.parts[0].events)
    assert [type(one) for one in found] == [EVENT_TYPES[kind]] * 2
    for one in found:
        assert one.code == Kind[kind.upper()]
        assert (one.ts, one.symbol) == (TS, "BTC-PERP")
    names = Names()
    columns = names.columns(decoded)
    assert columns.ts.tolist() == [TS, TS]
    assert kind_of(columns.keys).tolist() == [Kind[kind.upper()]] * 2
    assert names.accounts.names == (["", "a"] if "account" in EVENTS[kind] else [""])


BAD: list[tuple[str, Any, str]] = [
    ("empty", None, "orders"),
    ("empty", b"", "orders"),
    ("empty", b" \n ", "orders"),
    ("oversized", event(pad="x" * BYTES_MAX), "orders"),
    ("oversized", b"\xff" * (BYTES_MAX + 1), "orders"),
    ("not_json", b"ts=1", "orders"),
    ("not_json", b"\xff\xfe\x00", "orders"),
    ("not_json", b'{"type":"order"', "orders"),
    ("not_json", msgspec.json.encode(event()) * 2, "orders"),
    ("not_json", msgspec.json.encode(event()) + b"\n" + msgspec.json.encode(event()), "orders"),
    ("not_json", msgspec.json.encode(event()).replace(b"BTC", b"B\nC"), "orders"),
    ("not_json", msgspec.json.encode(event()).replace(b"BTC", b"\xff\xfe"), "orders"),
    ("not_json", b'{"type":"order","x":' + b"[" * 400, "orders"),
    ("missing_field", without(event(), "qty"), "orders"),
    ("missing_field", without(event(), "type"), "orders"),
    ("missing_field", {}, "orders"),
    ("missing_field", venue(d={"q": 1}), "venue"),
    ("missing_field", without(venue(), "d"), "venue"),
    ("wrong_type", [event()], "orders"),
    ("wrong_type", b"null", "orders"),
    ("wrong_type", event(qty="2"), "orders"),
    ("wrong_type", event(qty=None), "orders"),
    ("wrong_type", event(side=1), "orders"),
    ("wrong_type", event(type=3), "orders"),
    ("wrong_type", event(ts=1.5), "orders"),
    ("wrong_type", event(ts=str(TS)), "orders"),
    ("wrong_type", event(symbol=""), "orders"),
    ("wrong_type", event(symbol="S" * 129), "orders"),
    ("wrong_type", event("liquidation", kind="whole"), "orders"),
    ("wrong_type", event("book", bids=[[1]]), "orders"),
    ("wrong_type", venue(d=3), "venue"),
    ("wrong_type", venue(d={"px": {"p": "dear"}, "q": 1}), "venue"),
    ("wrong_type", venue(T="now"), "venue"),
    ("unknown_type", event(type="teapot"), "orders"),
    ("unknown_type", without(event(e="OLD"), "type"), "mixed"),
    ("unknown_side", event(side="BUY"), "orders"),
    ("unknown_side", venue(side="X"), "venue"),
    ("unknown_side", venue(side=3), "venue"),
    ("negative", event(qty=-1), "orders"),
    ("negative", event(price=-0.5, account="binance", symbol="NAN-PERP"), "orders"),
    ("negative", event("book", asks=[[1, 1], [2, -1]]), "orders"),
    ("negative", venue(d={"px": {"p": "-1"}, "q": 1}), "venue"),
    ("not_finite", json.dumps(event(price=float("nan"))).encode(), "orders"),
    ("not_finite", json.dumps(event(x=[{"y": float("inf")}])).encode(), "orders"),
    ("not_finite", msgspec.json.encode(event()).replace(b"1.5", b"1e999"), "orders"),
    ("not_finite", venue(d={"px": {"p": "NaN"}, "q": 1}), "venue"),
    ("not_finite", venue(d={"px": {"p": "1"}, "q": "inf"}), "venue"),
    ("too_large", event(price=1e19), "orders"),
    ("too_large", event("leverage", new_leverage=1e300), "orders"),
    ("too_large", venue(d={"px": {"p": "1e200"}, "q": 2}), "venue"),
    ("bad_time", event(ts=0), "orders"),
    ("bad_time", event(ts=-TS), "orders"),
    ("bad_time", event(ts=2**63), "orders"),
    ("bad_time", msgspec.json.encode(event()).replace(str(TS).encode(), b"9" * 40), "orders"),
    ("bad_time", event("mark", index_ts=0), "orders"),
    ("bad_time", venue(T=0), "venue"),
    ("bad_time", venue(T=0.25), "venue"),
    ("bad_time", venue(T=TS), "venue"),
    ("bad_time", venue(T=1e300), "venue"),
    ("bad_time", venue(T="-5"), "venue"),
]


@pytest.mark.parametrize(("reason", "record", "topic"), BAD)
def test_a_bad_record_is_named_by_its_reason(reason: str, record: Any, topic: str) -> None:
    assert reason_of(record, topic) == reason


def test_every_reason_that_decoding_gives_is_tested() -> None:
    judged_later = {"future", "reserved_symbol", "not_frames"}
    assert {reason for reason, _, _ in BAD} == set(REASONS) - judged_later


def test_json_nested_deeper_than_any_stack_is_bad_and_not_fatal() -> None:
    deep = b"[" * 200_000
    nested = msgspec.json.encode(event())[:-1] + b',"x":' + deep + b"]" * 200_000 + b"}"
    found = Codec({}, record_bytes_max=1 << 20).decode(raw(deep, nested, b"{}"))
    assert [bad.reason for bad in found.bad] == ["wrong_type", "not_json", "missing_field"]


def test_a_batch_with_bad_records_gives_exactly_the_good_ones_in_order() -> None:
    good = [event(symbol=f"S{i}") for i in range(5)]
    decoded = decode(good[0], b"junk", good[1], None, good[2], good[3], event(qty=-1), good[4])
    assert [bad.offset for bad in decoded.bad] == [11, 13, 16]
    assert all(bad.origin == Partition("orders", 3) for bad in decoded.bad)
    names = Names()
    columns = names.columns(decoded)
    assert names.symbols.names == ["", "S0", "S1", "S2", "S3", "S4"]
    assert [columns.offset_at(i) for i in range(5)] == [10, 12, 14, 15, 17]


def test_records_that_join_into_valid_json_do_not_join() -> None:
    whole = msgspec.json.encode(event(x={"a": {}, "b": 1}))
    at = whole.index(b"{},") + 2
    two = msgspec.json.encode(event()) + msgspec.json.encode(event())
    assert described(decode(whole[:at], whole[at:], two)) == [
        (0, "not_json"),
        (1, "not_json"),
        (2, "not_json"),
    ]


# Batching never matters.


def _pieces() -> st.SearchStrategy[bytes]:
    """Records that are valid, or were; and bytes that never were any."""
    valid = st.sampled_from([*(event(kind) for kind in KINDS), venue(), event(ts=0), event(qty=-1)])
    encoded = valid.map(msgspec.json.encode)
    torn = st.builds(lambda v, i: v[: i % (len(v) + 1)], encoded, st.integers(0, 500))
    rest = st.builds(lambda v, i: v[i % (len(v) + 1) :], encoded, st.integers(0, 500))
    mutated = st.builds(_mutate, encoded, st.integers(0, 500), st.integers(0, 255))
    joined = st.builds(
        lambda a, between, b: a + between + b,
        encoded,
        st.sampled_from([b"", b"\n", b" ", b",", b"}\n{"]),
        encoded,
    )
    bits = st.sampled_from(
        [b"{}", b"{", b"}", b'{"a":{}', b'{"a":"', b'{"a":[{}', b'"}', b',"b":{}}', b"[]", b"{} "]
    )
    spaced = st.builds(
        lambda v, s: s + v + s, encoded, st.sampled_from([b" ", b"\n", b"\r", b"\t"])
    )
    return st.one_of(encoded, torn, rest, mutated, joined, bits, spaced, st.binary(max_size=40))


def _mutate(value: bytes, at: int, byte: int) -> bytes:
    mutated = bytearray(value)
    mutated[at % len(mutated)] = byte
    return bytes(mutated)


@given(
    st.lists(st.one_of(_pieces(), st.none()), min_size=1, max_size=12),
    st.sampled_from(["orders", "venue", "flags", "mixed", "own-tags"]),
)
@example([b'{"a":{}', b'{"b":1}}', b"{}{}"], "orders")
@example([b'{"type":"reject","x":"}', b'{"}'], "orders")
@settings(max_examples=400, deadline=None, derandomize=True)
def test_decoding_never_raises_and_a_batch_is_what_its_records_are_alone(
    values: list[bytes | None], topic: str
) -> None:
    used = codec()
    whole = used.decode(raw(*values, topic=topic))
    alone = [used.decode(raw(value, topic=topic)) for value in values]
    good = sum(len(part.events) for part in whole.parts)
    assert good + len(whole.bad) == len(values)
    assert {bad.reason for bad in whole.bad} <= set(REASONS)
    expected = [(row, text) for row, found in enumerate(alone) for _, text in described(found)]
    assert described(whole) == expected
    together, apart = Names().columns(whole), [Names().columns(found) for found in alone]
    assert together.ts.tolist() == [ts for columns in apart for ts in columns.ts.tolist()]


@given(
    st.lists(
        st.one_of(
            st.integers(1, 9_223_372_036_000),
            st.floats(1, 9_223_372_036_000),
            st.integers(1, 9_223_372_036_000).map(str),
        ),
        min_size=1,
    )
)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_times_do_not_depend_on_what_else_is_in_the_batch(times: list[int | float | str]) -> None:
    records = [venue(T=t) for t in times]
    together = Names().columns(decode(*records, topic="venue")).ts.tolist()
    assert together == [
        Names().columns(decode(record, topic="venue")).ts.item() for record in records
    ]
