"""How a bad record is written down: its origin, the reason, and its own bytes."""

import msgspec

from monitor.records import BadRecord
from monitor.sinks.envelopes import text_or_base64


def letter(bad: BadRecord, value_bytes_max: int | None = None) -> bytes:
    """One JSON object; `value` is text where the bytes are UTF-8, else `value_base64`. Of a longer
    value than is wanted its begin is there, and `value_bytes` says how long it was."""
    value = bad.value or b""
    body: dict[str, object] = {
        "topic": bad.origin.topic,
        "partition": bad.origin.partition,
        "offset": bad.offset,
        "timestamp_ms": bad.timestamp_ms,
        "reason": bad.reason,
    }
    if value_bytes_max is not None and len(value) > value_bytes_max:
        body["value_bytes"] = len(value)
        value = value[:value_bytes_max]
    return msgspec.json.encode(body | text_or_base64(value))
