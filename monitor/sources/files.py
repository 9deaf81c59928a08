"""Incident logs: JSON lines, plain or compressed, in events or envelopes; or Parquet."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Annotated, Any, Final

import msgspec
import numpy as np
import zstandard
from msgspec import Meta, Raw, Struct

from monitor.errors import UserError
from monitor.records import Lines, Partition, RawBatch, newlines_in

CHUNK_BYTES: Final = 1 << 18
ZSTD_READ_BYTES: Final = 1 << 18  # unpacked at once while the window is in the cache
LOOKED_AT: Final = 1_000  # lines, to tell envelopes from events
MAGIC: Final = {b"\x1f\x8b": ".gz", b"\x28\xb5\x2f\xfd": ".zst", b"PAR1": ".parquet"}
BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
NO_ENVELOPE: Final = b"not an envelope: "  # before a line, which is a bad record then


class LogError(UserError):
    """A log cannot be read; the message is one line for the user."""


class LogCutError(LogError):
    """A compressed log ends before its end; all that is whole of it was given."""


class Envelope(Struct, gc=False):
    """One record as `record` writes it.

    value: the record's text, or its JSON as it is. value_base64: instead, where it is no text.
    """

    topic: str
    partition: Annotated[int, Meta(ge=0, le=2**31 - 1)]
    offset: Annotated[int, Meta(ge=0, le=2**62)]
    value: Raw = Raw()
    value_base64: bytes | None = None
    timestamp_ms: Annotated[int, Meta(ge=-1, le=2**62)] | None = None


@dataclass(slots=True)
class Log:
    """One file. enveloped: whether its lines carry topic, partition and offset.

    read_bytes: how much of the file as it is stored was read.
    """

    path: Path
    enveloped: bool
    read_bytes: int = 0

    def partitions(self, *, record_bytes_max: int) -> dict[Partition, int]:
        """How many records of each partition `batches` will give of an enveloped log."""
        found: dict[Partition, int] = {}
        with suppress(LogCutError):  # `batches` says so, at its end
            for lines in _chunks(self.path, 2 * record_bytes_max):
                for envelope in map(_envelope, lines):
                    if envelope is not None:
                        key = Partition(envelope.topic, envelope.partition)
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

    def _opened(self, lines: Sequence[bytes], first: int) -> Iterator[RawBatch]:
        """Records out of their envelopes; a line that is none becomes a bad record."""
        found: dict[Partition, tuple[list[bytes | None], list[int], list[int]]] = {}
        for number, line in enumerate(lines, first):
            envelope = _envelope(line)
            if envelope is None:
                yield RawBatch(Partition(self.path.name, 0), [NO_ENVELOPE + line], [number])
                continue
            key = Partition(envelope.topic, envelope.partition)
            values, offsets, timestamps = found.setdefault(key, ([], [], []))
            values.append(_value(envelope))
            offsets.append(envelope.offset)
            # Without a broker timestamp nothing is judged to be from the future.
            timestamp = envelope.timestamp_ms
            timestamps.append(2**62 // 1_000_000 if timestamp is None else timestamp)
        for key, (values, offsets, timestamps) in found.items():
            yield RawBatch(key, values, offsets, timestamps)


def open_log(path: Path) -> Log:
    """Look at a file's first line that is an object; raises LogError when it cannot be a log."""
    if not path.exists():
        raise LogError(f"{path}: no such file")
    if path.is_dir():
        raise LogError(f"{path}: is a folder, not a log")
    packed = _packing(path)
    if packed is not None and path.suffix != packed:
        raise LogError(f"{path}: is compressed; its name must end in {packed}")
    lines = islice((line for lines in _chunks(path, CHUNK_BYTES) for line in lines), LOOKED_AT)
    first = next(filter(_is_object, lines), b"")
    return Log(path, enveloped=_envelope(first) is not None)


def _packing(path: Path) -> str | None:
    """The suffix that the first bytes of a file ask for, if any."""
    try:
        with path.open("rb") as file:
            begin = file.read(4)
    except OSError as error:
        raise LogError(f"{path}: cannot be read: {error.strerror or error}") from error
    return next((suffix for magic, suffix in MAGIC.items() if begin.startswith(magic)), None)


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


_decode_envelope: Final = msgspec.json.Decoder(Envelope).decode


def _envelope(line: bytes) -> Envelope | None:
    """A line as an envelope, None where it is none."""
    try:
        envelope = _decode_envelope(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return envelope if bytes(envelope.value) or envelope.value_base64 is not None else None


def _value(envelope: Envelope) -> bytes | None:
    """A record's bytes; a string that is no text stays as it is, for the codec to refuse."""
    if envelope.value_base64 is not None:
        return envelope.value_base64
    text = bytes(envelope.value)
    if text.startswith(b'"'):
        try:
            return msgspec.json.decode(text, type=str).encode()
        except (msgspec.DecodeError, UnicodeError):
            return text
    return None if text == b"null" else text


def _chunks(
    path: Path, line_bytes_max: int, on_read: Callable[[int], None] = lambda _: None
) -> Iterator[Sequence[bytes]]:
    """Non-empty lines, about a chunk at a time; on_read hears the position in the file."""
    try:
        if path.suffix == ".parquet":
            yield from _parquet_lines(path)
            return
        with path.open("rb") as file:
            for lines in _split(_plain(path, file), line_bytes_max):
                on_read(file.tell())
                yield lines
    except (OSError, EOFError, zlib.error, zstandard.ZstdError) as error:
        reason = getattr(error, "strerror", None) or error
        kind = LogCutError if isinstance(error, EOFError) else LogError
        raise kind(f"{path}: cannot be read: {str(reason).strip().splitlines()[0]}") from error


def _plain(path: Path, file: IO[bytes]) -> Iterable[bytes]:
    """Chunks of text, decompressed where the name says so."""
    if path.suffix == ".zst":
        return _zstd(file)
    stream = gzip.GzipFile(fileobj=file, mode="rb") if path.suffix == ".gz" else file
    return iter(partial(stream.read, CHUNK_BYTES), b"")


def _zstd(file: IO[bytes]) -> Iterator[bytes]:
    """Frame by frame, since the library's own reader takes a file cut short for a whole one."""
    frame = None
    while packed := file.read(ZSTD_READ_BYTES):
        while packed:
            if frame is None:
                frame = zstandard.ZstdDecompressor().decompressobj()
            text = memoryview(frame.decompress(packed))
            for start in range(0, len(text), CHUNK_BYTES):
                yield bytes(text[start : start + CHUNK_BYTES])
            packed = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("Compressed file ended before the end of its last frame")


def _split(chunks: Iterable[bytes], line_bytes_max: int) -> Iterator[Sequence[bytes]]:
    """Whole lines of each chunk; of a line that is too long only so much that it shows."""
    rest = b""
    start = True
    for piece in chunks:
        chunk = piece.removeprefix(BYTE_ORDER_MARK) if start else piece
        start = start and not piece
        end = chunk.rfind(b"\n")
        if end < 0:
            rest += chunk if len(rest) <= line_bytes_max else b""
            continue
        text, rest = b"".join((rest, memoryview(chunk)[:end])), chunk[end + 1 :]
        if lines := _lines(text):
            yield lines
    if rest.strip():
        yield [rest.removesuffix(b"\r")]


def _lines(text: bytes) -> Lines | None:
    """The lines of a text that hold anything."""
    if b"\r" in text:
        text = text.replace(b"\r\n", b"\n").removesuffix(b"\r")
    newlines = newlines_in(text)
    edges = np.concatenate(([-1], newlines, [len(text)]))
    if (np.diff(edges) == 1).any():  # a line is empty
        text = b"\n".join(filter(None, text.split(b"\n")))
        newlines = newlines_in(text)
    return Lines(text, newlines) if text else None


def _parquet_lines(path: Path) -> Iterator[Sequence[bytes]]:
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
                table = pyarrow.Table.from_batches([batch])
                for i, column in enumerate(table.schema):
                    if pyarrow.types.is_timestamp(column.type):
                        in_ns = table.column(i).cast(pyarrow.timestamp("ns", column.type.tz))
                        table = table.set_column(i, column.name, in_ns.cast(pyarrow.int64()))
                yield [_encode_row(row) for row in table.to_pylist()]
    except pyarrow.ArrowException as error:
        raise LogError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from error


def _encode_row(row: dict[str, Any]) -> bytes:
    """A row as a JSON line, without what is missing: None, or NaN in a column of floats."""
    return msgspec.json.encode(
        {k: _plain_value(v) for k, v in row.items() if v is not None and v == v}
    )


def _plain_value(value: Any) -> Any:
    """Old writers keep text as bytes; whole numbers are often kept as floats, for the sake of
    gaps, or as decimals."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    if isinstance(value, float | Decimal):
        return int(value) if float(value).is_integer() else float(value)
    return value
