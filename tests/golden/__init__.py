"""A small incident log and the incidents it must give, byte for byte.

After a change that is meant to change them, write them again and read the difference:

    python -m tests.golden && git diff tests/golden

`--log` makes the log new as well; without it only the incidents are written.
"""

from pathlib import Path

import msgspec
import zstandard

from monitor.incidents import encode
from monitor.replay import Replay
from tests import market

SEED = 7
FOLDER = Path(__file__).parent
LOG = FOLDER / "market.jsonl.zst"
INCIDENTS = FOLDER / "incidents.jsonl"


def recording() -> bytes:
    """The seeded market as a recording, in the order of arrival."""
    lines = [
        (
            sent.timestamp_ms,
            msgspec.json.encode(
                {
                    "topic": p.topic,
                    "partition": p.partition,
                    "offset": offset,
                    "timestamp_ms": sent.timestamp_ms,
                    "value": None if sent.value is None else sent.value.decode(errors="replace"),
                }
            ),
        )
        for p, log in market.market(SEED).logs.items()
        for offset, sent in enumerate(log)
    ]
    lines.sort(key=lambda line: line[0])
    return b"".join(line + b"\n" for _, line in lines)


def incidents() -> bytes:
    """What the log gives now."""
    run = Replay(market.config(), [LOG])
    return b"".join(encode(incident) + b"\n" for incident in run.incidents())


def write(*, log: bool) -> None:
    """Write the incidents, and the log if asked or if there is none."""
    if log or not LOG.exists():
        compressor = zstandard.ZstdCompressor(level=19, write_checksum=True)
        LOG.write_bytes(compressor.compress(recording()))
    INCIDENTS.write_bytes(incidents())
