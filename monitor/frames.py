"""Closed bins on their way from a shard to detection, as bytes with their own small name tables.

A message holds what one partition number counted in some bins, and up to where its bins are
closed: everything before `end_bin` that is not in a message is empty. Keys are written with codes
into the message's own tables, since codes are an economy of one process, and sorted, since a bin
has no order and sorted keys compress best. Changes of the book are added up by cell first.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, Final

import msgspec
import numpy as np
import zstandard
from msgspec import Struct
from numpy.typing import NDArray

from monitor.columns import Interner, Names
from monitor.feeds import Feed
from monitor.keys import account_of, kind_of, packed, symbol_of
from monitor.partial import PartialFrame
from monitor.rows import NO_DEPTH, NO_FACTS, Rows, joined
from monitor.settled import reduced

FORMAT: Final = 3
MESSAGE_BYTES_MAX: Final = 64 << 20  # unpacked; more than eight million events in one message


class FramesError(ValueError):
    """Bytes that are no frames of this format."""


class Decision(Struct):
    """What wall time decided about one partition of events, as the audit log keeps it.

    Bins before `bin` closed without the partition, whose records from `offset` on come late.
    """

    decision: str
    topic: str
    partition: int
    offset: int
    bin: int | None


class Frames(Struct):
    """One message of a shard. frames: bins that hold anything, in order, keys in our own codes.

    idle: nothing is to be waited for; bins close without this partition number.
    """

    end_bin: int
    idle: bool
    frames: list[PartialFrame]
    decisions: list[Decision]


class _Table(Struct, array_like=True):
    """Rows of all bins end to end, with `sizes` of each bin. values are 8 bytes each."""

    sizes: list[int]
    ts: bytes
    keys: bytes
    values: bytes


class _Wire(Struct, array_like=True):
    """keys: all bins' keys end to end, int64, with `sizes` of each bin."""

    format: int
    end_bin: int
    idle: bool
    decisions: list[Decision]
    symbols: list[str]
    accounts: list[str]
    bins: list[int]
    sizes: list[int]
    keys: bytes
    depth: _Table
    facts: _Table
    feeds: list[list[Feed]]


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Wire).decode


def encode_frames(message: Frames, names: Names) -> bytes:
    """A message of a shard with these tables as bytes."""
    frames = [reduced(frame) for frame in message.frames]
    depth = joined([frame.depth for frame in frames], NO_DEPTH)
    facts = joined([frame.facts for frame in frames], NO_FACTS)
    counted = [frame.keys for frame in frames]
    keys = np.concatenate([np.empty(0, np.int64), *counted, depth.keys, facts.keys])
    symbols, symbol_rows = _table(symbol_of(keys), names.symbols.names)
    accounts, account_rows = _table(account_of(keys), names.accounts.names)
    local = packed(kind_of(keys), symbol_rows, account_rows)
    sizes = [part.size for part in counted]
    edges = list(accumulate([*sizes, depth.size, facts.size], initial=0))
    parts = [local[start:end] for start, end in pairwise(edges)]
    counted_keys = b"".join(_bytes(np.sort(part)) for part in parts[:-2])
    wire = _Wire(
        FORMAT,
        message.end_bin,
        message.idle,
        message.decisions,
        symbols,
        accounts,
        [frame.bin for frame in frames],
        sizes,
        counted_keys,
        _rows([frame.depth.size for frame in frames], depth, parts[-2]),
        _rows([frame.facts.size for frame in frames], facts, parts[-1]),
        [list(frame.feeds) for frame in frames],
    )
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(_encode(wire))


def _rows(sizes: list[int], rows: Rows, keys: NDArray[np.int64]) -> _Table:
    return _Table(sizes, _bytes(rows.ts), _bytes(keys), _bytes(rows.values))


def _bytes(column: NDArray[Any]) -> bytes:
    return column.astype(column.dtype.newbyteorder("<")).tobytes()


def decode_frames(value: bytes | None, names: Names) -> Frames:
    """What `encode_frames` was given, in the codes of these tables. Raises FramesError."""
    body = value or b""
    try:
        if not 0 < zstandard.frame_content_size(body) <= MESSAGE_BYTES_MAX:
            raise FramesError("of no size that a message has")
        wire = _decode(zstandard.ZstdDecompressor().decompress(body))
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FramesError(str(error)) from error
    if wire.format != FORMAT or not _is_whole(wire):
        raise FramesError(f"format {wire.format} with {len(wire.keys)} bytes of keys")
    try:
        codes = _codes(wire.symbols, names.symbols), _codes(wire.accounts, names.accounts)
        keys = _known(wire.keys, *codes)
        depth = _split(wire.depth, NO_DEPTH, codes)
        facts = _split(wire.facts, NO_FACTS, codes)
        frames = [
            PartialFrame(index, part, 0, own, told, feeds)
            for index, part, own, told, feeds in zip(
                wire.bins, _cut(keys, wire.sizes), depth, facts, wire.feeds, strict=True
            )
        ]
    except IndexError:
        raise FramesError("a key names nothing in the tables") from None
    return Frames(wire.end_bin, wire.idle, frames, wire.decisions)


def _is_whole(wire: _Wire) -> bool:
    """Whether every column has the length that the sizes say."""
    sized = [(wire.sizes, wire.keys, 8)]
    for table, empty in ((wire.depth, NO_DEPTH), (wire.facts, NO_FACTS)):
        sized += [(table.sizes, table.ts, 8), (table.sizes, table.keys, 8)]
        sized += [(table.sizes, table.values, 8 * empty.values.shape[1])]
    return len(wire.feeds) == len(wire.bins) and all(
        len(sizes) == len(wire.bins)
        and min(sizes, default=0) >= 0
        and len(column) == width * sum(sizes)
        for sizes, column, width in sized
    )


def _known(
    sent: bytes, symbols: NDArray[np.int64], accounts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Keys in a message's own codes to keys in ours. Raises IndexError."""
    local = np.frombuffer(sent, "<i8").astype(np.int64)
    symbol = symbols[symbol_of(local)]
    account = accounts[account_of(local)]
    return packed(kind_of(local), symbol, account)


def _split(
    table: _Table, empty: Rows, codes: tuple[NDArray[np.int64], NDArray[np.int64]]
) -> list[Rows]:
    """The rows of each bin."""
    ts = np.frombuffer(table.ts, "<i8").astype(np.int64)
    kind = empty.values.dtype
    flat = np.frombuffer(table.values, kind.newbyteorder("<")).astype(kind)
    values = flat.reshape(-1, empty.values.shape[1])
    rows = Rows(np.zeros(ts.size, np.int64), ts, _known(table.keys, *codes), values)
    return [
        rows.take(slice(start, end)) for start, end in pairwise(accumulate(table.sizes, initial=0))
    ]


def _cut(column: NDArray[np.int64], sizes: Sequence[int]) -> Iterator[NDArray[np.int64]]:
    for start, end in pairwise(accumulate(sizes, initial=0)):
        yield column[start:end]


def _codes(names: Sequence[str], table: Interner) -> NDArray[np.int64]:
    return np.array([table[name] for name in names], np.int64)


def _table(codes: NDArray[np.int64], names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The names that codes stand for, and (n,) the row in them of each code's name."""
    used = np.zeros(len(names), bool)
    used[codes] = True
    row_of = np.cumsum(used) - 1
    return [names[code] for code in np.flatnonzero(used).tolist()], row_of[codes]
