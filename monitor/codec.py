"""Record bytes to typed events, one decode call a batch; what is bad is named and passed over."""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from monitor.events import KINDS, MOST
from monitor.records import BadRecord, Lines, RawBatch, newlines_in
from monitor.schema import Schema, TopicMapping

REASONS: Final = (
    "empty",
    "oversized",
    "not_json",
    "missing_field",
    "wrong_type",
    "unknown_type",
    "unknown_side",
    "negative",
    "too_large",
    "not_finite",
    "bad_time",
    "future",
    "reserved_symbol",
    "not_frames",
)


# Bounds that only times have; quantities are `float` >= 0.0.
_TIME_BOUND: Final = re.compile(r"Expected `int` [<>]=|Expected `float` (>= 1|<=)")
_NAN_STRING: Final = re.compile(rb'"[+-]?nan"', re.IGNORECASE)
_INFINITE_STRING: Final = re.compile(rb'"[+-]?inf(inity)?"', re.IGNORECASE)
_CONTRACT_TYPE: Final = re.compile(rb'"type"\s*:\s*"(?:' + "|".join(KINDS).encode() + rb')"')


@dataclass(frozen=True, slots=True)
class Part:
    """Events of one schema. rows: (n,) their positions in the batch; None means all of it."""

    schema: Schema
    events: Sequence[Any]
    rows: Sequence[int] | None = None


@dataclass(frozen=True, slots=True)
class Decoded:
    """What a batch held: good events by schema, and the records that were passed over."""

    raw: RawBatch
    parts: Sequence[Part]
    bad: Sequence[BadRecord] = ()


class Codec:
    """Decodes batches by topic; a topic without a mapping is in the contract's form."""

    def __init__(self, mappings: Mapping[str, TopicMapping], *, record_bytes_max: int) -> None:
        if record_bytes_max < 1:
            raise ValueError(f"record_bytes_max must be positive, was {record_bytes_max}")
        self._contract = Schema()
        self._mapped = {topic: Schema(mapping) for topic, mapping in mappings.items()}
        self._record_bytes_max = record_bytes_max

    def decode(self, raw: RawBatch) -> Decoded:
        """All good events of a batch and the reason of every record that is not one."""
        schema = self._schema(raw.origin.topic)
        events = self._decode_whole(schema, raw.values)
        if events is not None:
            return Decoded(raw, (Part(schema, events),))
        return self._decode_each(schema, raw)

    def _schema(self, topic: str) -> Schema:
        """Of a topic, or of a log that is named after one."""
        found = self._mapped.get(topic)
        if found is None:
            found = self._mapped.get(topic.partition(".json")[0].removesuffix(".parquet"))
        return found or self._contract

    def _decode_whole(self, schema: Schema, values: Sequence[bytes | None]) -> list[Any] | None:
        """The batch in one call, or None where any record needs a look of its own.

        Joined by newlines, two records could only be read as one if a newline inside a JSON
        value had `}` before and `{` after it, and no JSON value has that. So it is enough that
        every newline is a join, and that every record starts with `{` and ends with `}`.
        """
        if isinstance(values, Lines):
            joined, newlines = values.text, values.newlines
        else:
            try:
                joined = b"\n".join(values)  # type: ignore[arg-type] # None raises TypeError
            except TypeError:
                return None
            newlines = newlines_in(joined)
        if newlines.size != len(values) - 1:
            return None
        if not _one_object_a_line(joined, newlines, self._record_bytes_max):
            return None
        if schema.contract_first and _names_its_type(joined):
            return None
        try:
            events = schema.decoder.decode_lines(joined)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return events if len(events) == len(values) and schema.finite(events) else None

    def _decode_each(self, schema: Schema, raw: RawBatch) -> Decoded:
        found: dict[Schema, tuple[list[Any], list[int]]] = {}
        bad = []
        for row, value in enumerate(raw.values):
            used, event, reason = self._decode_one(schema, value)
            if reason is None:
                events, rows = found.setdefault(used, ([], []))
                events.append(event)
                rows.append(row)
            else:
                bad.append(bad_record(raw, row, reason))
        parts = [Part(used, events, rows) for used, (events, rows) in found.items()]
        return Decoded(raw, parts, bad)

    def _decode_one(self, schema: Schema, value: bytes | None) -> tuple[Schema, Any, str | None]:
        """The schema that read the value, the event, and why there is none."""
        if not value or value.isspace():
            return schema, None, "empty"
        if len(value) > self._record_bytes_max:
            return schema, None, "oversized"
        named = schema.mapping is not None and _names_its_type(value)
        if named and schema.contract_first:
            event, reason = _decode_with(self._contract, value)
            if reason is None:
                return self._contract, event, None
        event, reason = _decode_with(schema, value)
        if named and reason is not None and not schema.contract_first:
            event, contract_reason = _decode_with(self._contract, value)
            if contract_reason is None:
                return self._contract, event, None
        return schema, event, reason


def _decode_with(schema: Schema, value: bytes) -> tuple[Any, str | None]:
    try:
        event = schema.decoder.decode(value)
    except msgspec.ValidationError as error:
        return None, _reason_of(str(error), value, schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None, _reason_of_malformed(value)
    return (event, None) if schema.finite((event,)) else (None, "not_finite")


def _names_its_type(text: bytes) -> bool:
    """Whether the text may hold a value that carries the contract's `type`."""
    return b'"type"' in text and _CONTRACT_TYPE.search(text) is not None


def bad_record(raw: RawBatch, row: int, reason: str) -> BadRecord:
    """The record in a row of a batch, named as bad."""
    timestamp_ms = None if raw.timestamps_ms is None else raw.timestamps_ms[row]
    return BadRecord(raw.origin, raw.offsets[row], timestamp_ms, reason, raw.values[row])


def _one_object_a_line(joined: bytes, newlines: NDArray[np.int64], bytes_max: int) -> bool:
    """Whether every line looks like an object and is not too long."""
    if not joined.startswith(b"{") or not joined.endswith(b"}"):
        return False
    text = np.frombuffer(joined, np.uint8)
    edges = np.concatenate(([-1], newlines, [len(joined)]))
    return bool(
        np.diff(edges).max() - 1 <= bytes_max
        and (text[newlines - 1] == ord("}")).all()
        and (text[newlines + 1] == ord("{")).all()
    )


def _reason_of(message: str, value: bytes, schema: Schema) -> str:
    """The reason in a msgspec validation message, whose wording our own tests hold still."""
    if "missing required field" in message:
        return "missing_field"
    if message.startswith("Invalid value"):
        return "unknown_type"
    if message.startswith("Invalid enum value"):
        return "unknown_side" if message.endswith(f"`{schema.place('side')}`") else "wrong_type"
    if message.startswith("Number out of range"):
        return "not_finite"
    if message.removeprefix("Expected `float` ").lstrip("<>= -").startswith(f"{MOST:g}"):
        return "not_finite" if _INFINITE_STRING.search(value) else "too_large"
    if "`float` >= 0.0" in message:  # what a NaN spelled as a string fails too
        return "not_finite" if _NAN_STRING.search(value) else "negative"
    return "bad_time" if _TIME_BOUND.match(message) else "wrong_type"


def _reason_of_malformed(value: bytes) -> str:
    """Python's own encoder writes bare NaN and Infinity, which JSON has not: name them."""
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError):
        return "not_json"
    return "not_finite" if _has_non_finite(parsed) else "not_json"


def _has_non_finite(parsed: Any) -> bool:
    waiting = [parsed]  # a loop, since a record may nest deeper than calls may
    while waiting:
        node = waiting.pop()
        if isinstance(node, float) and not math.isfinite(node):
            return True
        if isinstance(node, dict | list):
            waiting += node.values() if isinstance(node, dict) else node
    return False
