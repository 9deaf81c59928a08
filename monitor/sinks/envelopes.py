"""An incident log that grows as records come: each in an envelope that keeps its own bytes."""

import gzip
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

import msgspec
import zstandard

from monitor.errors import UserError
from monitor.records import RawBatch

BUFFERED_BYTES_MAX: Final = 4 << 20
_encode: Final = msgspec.json.Encoder().encode


class EnvelopeLog:
    """Writes what `replay` reads. Each flush is one write of whole lines, compressed as a frame
    (.zst) or member (.gz) of its own, so that a log cut off by a kill is whole up to its last."""

    def __init__(self, path: Path) -> None:
        """Raises UserError where the file exists, since a record of an incident is not replaced."""
        self._pack = _packer(path)
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.written_bytes = 0
        try:
            self._file: IO[bytes] = path.open("xb")
        except OSError as error:
            raise UserError(f"{path}: cannot be written: {error.strerror or error}") from error

    def write(self, raw: RawBatch) -> None:
        """Add a batch; it is in the file after the next flush."""
        for row, value in enumerate(raw.values):
            line = envelope(raw, row, value)
            self._waiting.append(line)
            self._waiting_bytes += len(line)
            if self._waiting_bytes >= BUFFERED_BYTES_MAX:
                self.flush()

    def flush(self) -> None:
        """Let what was added be in the file."""
        if self._waiting:
            packed = self._pack(b"\n".join(self._waiting) + b"\n")
            self._file.write(packed)
            self._file.flush()
            self._waiting, self._waiting_bytes = [], 0
            self.written_bytes += len(packed)

    def close(self) -> None:
        """Flush, and finish the file."""
        self.flush()
        self._file.close()


def envelope(raw: RawBatch, row: int, value: bytes | None) -> bytes:
    """One record as a JSON line, without its newline."""
    body = {
        "topic": raw.origin.topic,
        "partition": raw.origin.partition,
        "offset": raw.offsets[row],
        "timestamp_ms": None if raw.timestamps_ms is None else raw.timestamps_ms[row],
    }
    return _encode(body | text_or_base64(value))


def text_or_base64(value: bytes | None) -> dict[str, str | None]:
    """A value as a field: `value` where the bytes are UTF-8 or absent, else `value_base64`."""
    try:
        return {"value": None if value is None else value.decode()}
    except UnicodeDecodeError:
        return {"value_base64": b64encode(value or b"").decode()}


def _packer(path: Path) -> Callable[[bytes], bytes]:
    if path.suffix == ".zst":
        return zstandard.ZstdCompressor(level=3).compress
    if path.suffix == ".gz":
        return lambda text: gzip.compress(text, compresslevel=6, mtime=0)
    if path.suffix == ".jsonl":
        return lambda text: text
    raise UserError(f"{path}: a log ends in .jsonl, .jsonl.zst or .jsonl.gz")
