"""Incident logs: JSON lines, plain or compressed, in events or envelopes; or Parquet."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Any, Final, cast

import msgspec
import zstandard
from msgspec import Raw, Struct

from monitor.errors import UserError
from monitor.records import Partition, RawBatch

CHUNK_BYTES: Final = 1 << 18


class LogError(UserError):
    """A log cannot be read; the message is one line for the user."""


class Envelope(Struct, gc=False):
    """One record as `record` writes it. value: the record's text, or its JSON as it is."""

    topic: str
    partition: int
    offset: int
    value: Raw
    timestamp_ms: int | None = None


class _Origin(Struct, gc=False):
    topic: str
    partition: int


@dataclass(slots=True)
class Log:
    """One file. enveloped: whether its lines carry topic, partition and offset.

    read_bytes: how much of the file as it is stored was read.
    """

    path: Path
    enveloped: bool
    read_bytes: int = 0

    def partitions(self) -> dict[Partition, int]:
        """How many records of each partition an enveloped log holds."""
        found: dict[Partition, int] = {}
        decode = msgspec.json.Decoder(_Origin).decode
        for lines in _chunks(self.path, 1 << 30):
            for line in lines:
                try:
                    origin = decode(line)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    continue
                key = Partition(origin.topic, origin.partition)
                found[key] = found.get(key, 0) + 1
        return found

    def batches(self, *, record_bytes_max: int) -> Iterator[RawBatch]:
        """The records in their order. A line longer than a record may be is cut, and so bad."""
        line_bytes_max = record_bytes_max * (2 if self.enveloped else 1)
        first = 0
        for lines in _chunks(self.path, line_bytes_max, on_read=self._at):
            if self.enveloped:
                yield from self._opened(lines, first)
            else:
                origin = Partition(self.path.name, 0)
                yield RawBatch(origin, lines, range(first, first + len(lines)))
            first += len(lines)

    def _at(self, position: int) -> None:
        self.read_bytes = position

    def _opened(self, lines: list[bytes], first: int) -> Iterator[RawBatch]:
        """Records out of their envelopes; a line that is none becomes a bad record."""
        decode = msgspec.json.Decoder(Envelope).decode
        found: dict[Partition, tuple[list[bytes | None], list[int], list[int]]] = {}
        for number, line in enumerate(lines, first):
            try:
                envelope = decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                yield RawBatch(Partition(self.path.name, 0), [b"not an envelope"], [number])
                continue
            key = Partition(envelope.topic, envelope.partition)
            values, offsets, timestamps = found.setdefault(key, ([], [], []))
            values.append(_value(envelope.value))
            offsets.append(envelope.offset)
            # Without a broker timestamp nothing is judged to be from the future.
            timestamp = envelope.timestamp_ms
            timestamps.append(2**62 // 1_000_000 if timestamp is None else timestamp)
        for key, (values, offsets, timestamps) in found.items():
            yield RawBatch(key, values, offsets, timestamps)


def open_log(path: Path) -> Log:
    """Look at a file's first line; raises LogError when it cannot be a log."""
    if not path.exists():
        raise LogError(f"{path}: no such file")
    if path.is_dir():
        raise LogError(f"{path}: is a folder, not a log")
    first = next((line for lines in _chunks(path, CHUNK_BYTES) for line in lines), b"")
    try:
        msgspec.json.decode(first, type=Envelope)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Log(path, enveloped=False)
    return Log(path, enveloped=True)


def _value(raw: Raw) -> bytes | None:
    text = bytes(raw)
    if text.startswith(b'"'):
        return msgspec.json.decode(text, type=str).encode()
    return None if text == b"null" else text


def _chunks(
    path: Path, line_bytes_max: int, on_read: Callable[[int], None] = lambda _: None
) -> Iterator[list[bytes]]:
    """Non-empty lines, about a chunk at a time; on_read hears the position in the file."""
    try:
        if path.suffix == ".parquet":
            yield from _parquet_lines(path)
            return
        with path.open("rb") as file, _open(path, file) as stream:
            for lines in _split(stream, line_bytes_max):
                on_read(file.tell())
                yield lines
    except (OSError, EOFError, zstandard.ZstdError) as error:
        reason = getattr(error, "strerror", None) or error
        raise LogError(f"{path}: cannot be read: {reason}") from error


def _open(path: Path, file: IO[bytes]) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if path.suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(
            file, read_across_frames=True, closefd=False
        )
        return BufferedReader(cast("RawIOBase", reader), CHUNK_BYTES)
    return file


def _split(stream: IO[bytes], line_bytes_max: int) -> Iterator[list[bytes]]:
    rest = b""
    while chunk := stream.read(CHUNK_BYTES):
        head, newline, tail = chunk.rpartition(b"\n")
        if not newline:
            rest += tail if len(rest) <= line_bytes_max else b""
            continue
        text, rest = rest + head, tail
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
        lines = text.split(b"\n")
        if not all(lines):
            lines = [line for line in lines if line]
        if lines:
            yield lines
    if rest.strip():
        yield [rest.removesuffix(b"\r")]


def _parquet_lines(path: Path) -> Iterator[list[bytes]]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise LogError(
            f"{path}: reading Parquet needs pyarrow: pip install 'foreshock[parquet]'"
        ) from None
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=8_192):
                yield [_encode_row(row) for row in batch.to_pylist()]
    except pyarrow.ArrowException as error:
        raise LogError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _encode_row(row: dict[str, Any]) -> bytes:
    return msgspec.json.encode({k: v for k, v in row.items() if v is not None})
