"""Closed bins on their way from a shard to detection, as bytes with their own small name tables.

A message holds what one partition number counted in some bins, and up to where its bins are
closed: everything before `end_bin` that is not in a message is empty. Keys are written with codes
into the message's own tables, since codes are an economy of one process, and sorted, since a bin
has no order and sorted keys compress best.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
import numpy as np
import zstandard
from msgspec import Struct
from numpy.typing import NDArray

from monitor.bins import PartialFrame
from monitor.columns import ACCOUNT_BITS, ACCOUNT_MASK, KIND_SHIFT, SYMBOL_MASK, Interner, Names

FORMAT: Final = 1
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


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(_Wire).decode


def encode_frames(message: Frames, names: Names) -> bytes:
    """A message of a shard with these tables as bytes."""
    keys = np.concatenate([np.empty(0, np.int64), *(frame.keys for frame in message.frames)])
    symbols, symbol_rows = _table(keys >> ACCOUNT_BITS & SYMBOL_MASK, names.symbols.names)
    accounts, account_rows = _table(keys & ACCOUNT_MASK, names.accounts.names)
    kinds = keys >> KIND_SHIFT
    local = kinds << KIND_SHIFT | symbol_rows << ACCOUNT_BITS | account_rows
    sizes = [frame.keys.size for frame in message.frames]
    parts = np.split(local, np.cumsum(sizes)[:-1]) if sizes else []
    packed = b"".join(np.sort(part).astype("<i8").tobytes() for part in parts)
    bins = [frame.bin for frame in message.frames]
    head = (FORMAT, message.end_bin, message.idle, message.decisions)
    wire = _Wire(*head, symbols, accounts, bins, sizes, packed)
    return zstandard.ZstdCompressor(level=3, write_checksum=True).compress(_encode(wire))


def decode_frames(value: bytes | None, names: Names) -> Frames:
    """What `encode_frames` was given, in the codes of these tables. Raises FramesError."""
    packed = value or b""
    try:
        if not 0 < zstandard.frame_content_size(packed) <= MESSAGE_BYTES_MAX:
            raise FramesError("of no size that a message has")
        wire = _decode(zstandard.ZstdDecompressor().decompress(packed))
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise FramesError(str(error)) from error
    whole = len(wire.keys) == 8 * sum(wire.sizes) and min(wire.sizes, default=0) >= 0
    if wire.format != FORMAT or not whole or len(wire.bins) != len(wire.sizes):
        raise FramesError(f"format {wire.format} with {len(wire.keys)} bytes of keys")
    local = np.frombuffer(wire.keys, "<i8").astype(np.int64)
    try:
        symbols = _codes(wire.symbols, names.symbols)[local >> ACCOUNT_BITS & SYMBOL_MASK]
        accounts = _codes(wire.accounts, names.accounts)[local & ACCOUNT_MASK]
    except IndexError:
        raise FramesError("a key names nothing in the tables") from None
    keys = local >> KIND_SHIFT << KIND_SHIFT | symbols << ACCOUNT_BITS | accounts
    parts = np.split(keys, np.cumsum(wire.sizes)[:-1]) if wire.sizes else []
    frames = [PartialFrame(b, part) for b, part in zip(wire.bins, parts, strict=True)]
    return Frames(wire.end_bin, wire.idle, frames, wire.decisions)


def _codes(names: Sequence[str], table: Interner) -> NDArray[np.int64]:
    return np.array([table[name] for name in names], np.int64)


def _table(codes: NDArray[np.int64], names: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """The names that codes stand for, and (n,) the row in them of each code's name."""
    used = np.zeros(len(names), bool)
    used[codes] = True
    row_of = np.cumsum(used) - 1
    return [names[code] for code in np.flatnonzero(used).tolist()], row_of[codes]
