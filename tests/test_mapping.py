"""Topics in a venue's own schema, mapped to the contract's."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from monitor.codec import Codec
from monitor.columns import Names
from monitor.events import KINDS, Kind
from monitor.fairness.gather import _texts
from monitor.keys import symbol_of
from monitor.schema import Schema, TopicMapping
from tests.test_codec import BYTES_MAX, TS, decode, event, raw, venue, without

# Mapped topics.


def columns_of(mapping: TopicMapping, *records: Any) -> list[int]:
    values = [msgspec.json.encode(record) for record in records]
    decoded = Codec({"t": mapping}, record_bytes_max=BYTES_MAX).decode(raw(*values, topic="t"))
    assert not decoded.bad, decoded.bad
    return [int(ts) for ts in Names().columns(decoded).ts]


@pytest.mark.parametrize(
    ("unit", "spelled", "ns"),
    [
        ("ns", TS, TS),
        ("ns", str(TS), TS),
        ("us", TS // 1_000, TS // 1_000 * 1_000),
        ("us", 1_700_000_000_123_456.5, 1_700_000_000_123_456_500),
        ("ms", TS // 1_000_000, 1_700_000_000_123_000_000),
        ("ms", 1_700_000_000_123.25, 1_700_000_000_123_250_000),
        ("ms", "1700000000123.5", 1_700_000_000_123_500_000),
        ("s", 1_700_000_000, 1_700_000_000_000_000_000),
        ("s", 1_700_000_000.5, 1_700_000_000_500_000_000),
        ("s", "1700000000", 1_700_000_000_000_000_000),
        ("s", 9_223_372_035, 9_223_372_035_000_000_000),
    ],
)
def test_times_of_every_unit_are_exact(unit: Any, spelled: int | float | str, ns: int) -> None:
    mapping = TopicMapping(type="order", ts_unit=unit)
    assert columns_of(mapping, without(event(ts=spelled), "type")) == [ns]


def test_whole_and_broken_times_in_one_batch_are_each_exact() -> None:
    mapping = TopicMapping(type="order", ts_unit="us")
    spelled = [9_100_000_000_000_001, 1_700_000_000_000_000.5, "9100000000000001"]
    records = [without(event(ts=t), "type") for t in spelled]
    assert columns_of(mapping, *records) == [
        9_100_000_000_000_001_000,
        1_700_000_000_000_000_500,
        9_100_000_000_000_001_000,
    ]


@pytest.mark.parametrize(
    ("unit", "spelled", "ns"),
    [
        (None, TS, TS),
        ("ms", TS // 1_000_000, 1_700_000_000_123_000_000),
        ("s", 1_700_000_000.5, 1_700_000_000_500_000_000),
        ("us", None, 0),
    ],
)
def test_the_time_of_an_index_price_is_in_the_topics_unit(
    unit: Any, spelled: float | None, ns: int
) -> None:
    mapping = None if unit is None else TopicMapping(type="mark", ts_unit=unit)
    record = event("mark", ts=1_700_000_000, index_ts=spelled)
    mapped = {} if mapping is None else {"t": mapping}
    value = msgspec.json.encode(record if mapping is None else without(record, "type"))
    decoded = Codec(mapped, record_bytes_max=BYTES_MAX).decode(raw(value, topic="t"))
    (part,) = decoded.parts
    assert part.schema.index_ts_ns(part.events).tolist() == [ns]


@pytest.mark.parametrize("wrong", [0, -1.5, 9_223_372_037, 1e300])
def test_an_index_time_out_of_bounds_is_a_bad_time(wrong: float) -> None:
    mapping = TopicMapping(type="mark", ts_unit="s")
    value = msgspec.json.encode(without(event("mark", ts=1_700_000_000, index_ts=wrong), "type"))
    decoded = Codec({"t": mapping}, record_bytes_max=BYTES_MAX).decode(raw(value, topic="t"))
    assert [bad.reason for bad in decoded.bad] == ["bad_time"]


def test_a_mapped_topic_reads_nested_fields_numeric_strings_and_defaults() -> None:
    decoded = decode(venue(), venue(order_id=9, d={"px": {"p": 2}, "q": "0.5"}), topic="venue")
    (part,) = decoded.parts
    assert part.schema.number("price", part.events).tolist() == [1.5, 2.0]
    assert part.schema.number("qty", part.events).tolist() == [2.0, 0.5]
    assert [part.schema.getter("order_id")(e) for e in part.events] == ["none", 9]
    names = Names()
    names.columns(decoded)
    assert (names.symbols.names, names.accounts.names) == (["", "X"], ["", "a"])


@pytest.mark.parametrize(
    ("topic", "record", "spellings"),
    [
        ("orders", event, {"buy": 0, "sell": 1}),
        ("venue", venue, {"B": 0, 1: 0, "S": 1, 2: 1, "2": 1}),
        ("flags", event, {True: 0, False: 1, "true": 0, "false": 1}),
    ],
)
def test_sides_are_read_in_every_spelling(
    topic: str, record: Any, spellings: dict[str | int, int]
) -> None:
    records = [without(record(side=side), "type") for side in spellings]
    if topic == "flags":
        records = [r | {"ts": 1} for r in records]
    if topic == "orders":
        records = [event(side=side) for side in spellings]
    (part,) = decode(*records, topic=topic).parts
    assert part.schema.side(part.events).tolist() == list(spellings.values())


def test_types_are_told_apart_by_the_venues_own_field() -> None:
    new, fast = without(event(e="NEW"), "type"), without(event(e="NEW_FAST"), "type")
    gone = without(event("cancel", e="DEL"), "type")
    (part,) = decode(new, gone, fast, topic="mixed").parts
    assert [e.code for e in part.events] == [Kind.ORDER, Kind.CANCEL, Kind.ORDER]


def test_accounts_and_pools_may_be_numbers_in_a_venues_own_schema() -> None:
    mapping = TopicMapping(type="leverage", fields={"account": "uid", "collateral_pool": "pool"})
    told = without(event("leverage"), "account", "type")
    named = {**told, "uid": "12345", "pool": "7"}
    values = [msgspec.json.encode(e) for e in (named, {**named, "uid": 12345, "pool": 7})]
    decoded = Codec({"t": mapping}, record_bytes_max=BYTES_MAX).decode(raw(*values, topic="t"))
    assert not decoded.bad
    names = Names()
    columns = names.columns(decoded)
    assert names.accounts.names == ["", "12345"]
    assert columns.keys[0] == columns.keys[1]
    assert columns.facts.values[0].tobytes() == columns.facts.values[1].tobytes()
    told_by = [told for part in decoded.parts for told in _texts(part, "account")]
    assert told_by == ["12345", "12345"], "what reads events itself sees them alike"
    numbered = msgspec.json.encode(event("leverage", account=12345))
    strict = Codec({}, record_bytes_max=BYTES_MAX).decode(raw(numbered, topic="t"))
    assert [bad.reason for bad in strict.bad] == ["wrong_type"]


@pytest.mark.parametrize("name", ["t", "t.jsonl", "t.jsonl.zst", "t.parquet"])
def test_a_log_that_is_named_after_a_topic_is_in_its_schema(name: str) -> None:
    mapping = TopicMapping(type="cancel", fields={"price": "p"})
    value = msgspec.json.encode({**without(event("cancel"), "price", "type"), "p": 2.5})
    decoded = Codec({"t": mapping}, record_bytes_max=BYTES_MAX).decode(raw(value, topic=name))
    assert not decoded.bad


@pytest.mark.parametrize("topic", ["venue", "flags", "mixed", "own-tags"])
def test_the_contracts_form_needs_no_mapping_on_a_mapped_topic(topic: str) -> None:
    for kind in KINDS:
        (part,) = decode(event(kind), topic=topic).parts
        assert part.schema.ts_ns(part.events).tolist() == [TS]


def test_both_forms_mix_in_one_batch_in_their_order() -> None:
    decoded = decode(venue(symbol="A"), event(symbol="B"), venue(symbol="C"), topic="venue")
    names = Names()
    columns = names.columns(decoded)
    ordered = [names.symbols.names[symbol_of(key)] for key in columns.keys.tolist()]
    assert ordered == ["A", "B", "C"]
    assert columns.ts.tolist() == [TS // 1_000_000 * 1_000_000, TS, TS // 1_000_000 * 1_000_000]


def test_a_mapping_applies_to_records_that_say_their_type_as_the_contract_does() -> None:
    """A venue may share our `type` and still have its own unit of time."""
    record = without(event(ts=TS // 1_000, px=3), "price")
    (part,) = decode(record, record, topic="own-tags").parts
    assert part.schema.ts_ns(part.events).tolist() == [TS // 1_000 * 1_000] * 2
    assert part.schema.number("price", part.events).tolist() == [3.0, 3.0]


def test_an_optional_nested_value_may_be_missing_with_all_that_is_around_it() -> None:
    mapping = TopicMapping(type="order", fields={"order_type": "x.y.z", "reduce_only": "x.r"})
    assert columns_of(mapping, without(event(), "type"), event(x={"y": {"z": "limit"}})) == [TS, TS]


def test_an_optional_field_gives_way_to_the_field_that_tells_types_apart() -> None:
    mapping = TopicMapping(type_field="kind", types={"L": "liquidation", "R": "reject"})
    record = without(event("liquidation", kind="L"), "type")
    assert columns_of(mapping, record) == [TS]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"type": "teapot"}, "type 'teapot' is not one of order, cancel"),
        ({"types": {"N": "new"}}, "type 'new' is not one of order, cancel"),
        ({"type": "order", "types": {"N": "order"}}, "type and types exclude each other"),
        ({"type_field": ""}, "type_field must be a name"),
        ({"type_field": "a.b"}, "type_field must be a name without dots"),
        ({"fields": {"prise": "p"}}, "fields.prise: no event has such a field; .* 'price'"),
        ({"defaults": {"qtty": 1}}, "defaults.qtty: no event has such a field; .* 'qty'"),
        ({"fields": {"price": "a..b"}}, r"fields.price = 'a..b' is not a path"),
        ({"fields": {"price": "p", "qty": "p"}}, "'p' for 'qty' collides"),
        ({"fields": {"price": "p", "qty": "p.q"}}, r"'p.q' for 'qty' collides"),
        ({"fields": {"price": "p.q", "qty": "p"}}, "'p' for 'qty' collides"),
        ({"fields": {"symbol": "type"}}, "'type' for 'symbol' is the type_field too"),
        ({"defaults": {"qty": "much"}, "type": "order"}, "defaults.qty = 'much' does not fit"),
        ({"defaults": {"qty": -1}, "type": "order"}, "defaults.qty = -1 does not fit"),
        ({"defaults": {"side": "B"}, "type": "order"}, "defaults.side = 'B' does not fit"),
        ({"side": {"buy": ["B"]}}, "side.sell needs at least one spelling"),
        ({"side": {"buy": ["B"], "sell": ["S", "B"]}}, "side spelling 'B' is given twice"),
        ({"side": {"buy": [True], "sell": ["S"]}}, "all booleans or none"),
    ],
)
def test_a_wrong_mapping_is_refused_with_its_key(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Schema(TopicMapping(**wrong))


def test_a_default_side_may_be_in_the_contracts_words() -> None:
    mapping = TopicMapping(
        type="order", side={"buy": ["B"], "sell": ["S"]}, defaults={"side": "sell"}
    )
    schema = Schema(mapping)
    found: Sequence[Any] = [schema.decoder.decode(msgspec.json.encode(without(event(), "side")))]
    assert schema.side(found).tolist() == [1]


def test_a_codec_without_room_for_a_record_is_refused() -> None:
    with pytest.raises(ValueError, match="record_bytes_max must be positive, was 0"):
        Codec({}, record_bytes_max=0)
