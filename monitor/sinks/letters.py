"""How a bad record is written down: its origin, the reason, and its own bytes."""

import msgspec

from monitor.records import BadRecord
from monitor.sinks.envelopes import text_or_base64


def letter(bad: BadRecord) -> bytes:
    """One JSON object; `value` is text where the bytes are UTF-8, else `value_base64`."""
    body: dict[str, object] = {
        "topic": bad.origin.topic,
        "partition": bad.origin.partition,
        "offset": bad.offset,
        "timestamp_ms": bad.timestamp_ms,
        "reason": bad.reason,
    }
    return msgspec.json.encode(body | text_or_base64(bad.value or b""))
