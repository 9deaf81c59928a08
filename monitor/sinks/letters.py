"""How a bad record is written down: its origin, the reason, and its own bytes."""

from base64 import b64encode

import msgspec

from monitor.records import BadRecord


def letter(bad: BadRecord) -> bytes:
    """One JSON object; `value` is text where the bytes are UTF-8, else `value_base64`."""
    body: dict[str, object] = {
        "topic": bad.origin.topic,
        "partition": bad.origin.partition,
        "offset": bad.offset,
        "timestamp_ms": bad.timestamp_ms,
        "reason": bad.reason,
    }
    value = bad.value or b""
    try:
        body["value"] = value.decode()
    except UnicodeDecodeError:
        body["value_base64"] = b64encode(value).decode()
    return msgspec.json.encode(body)
