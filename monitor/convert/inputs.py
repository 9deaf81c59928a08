"""Files of real order logs, compressed or not, line by line, and the error for unusable ones."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader, RawIOBase
from pathlib import Path
from typing import IO, Final, cast

import zstandard

from monitor.errors import UserError

LINE_BYTES_MAX: Final = 16 << 20  # a longer line is cut, and so becomes bad rows
_GZIP, _XZ, _ZSTD = b"\x1f\x8b", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd"
_UNREADABLE: Final = (
    OSError,
    EOFError,
    lzma.LZMAError,
    zlib.error,
    zipfile.BadZipFile,
    zstandard.ZstdError,
    RuntimeError,  # an encrypted zip member
)


class ConvertError(UserError):
    """A log cannot be converted; the message is one line for the user."""


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn whatever a broken file raises into a ConvertError that names the file."""
    try:
        yield
    except _UNREADABLE as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConvertError(f"{path}: cannot be read: {' '.join(reason.split())}") from error


def check_input(path: Path) -> None:
    """Raises ConvertError where there is no file."""
    if not path.exists():
        raise ConvertError(f"{path}: no such file")
    if path.is_dir():
        raise ConvertError(f"{path}: is a folder, not an order log")


def lines_of(path: Path) -> Iterator[bytes]:
    """The file's lines without their ends; gzip, xz and zstd are known by their first bytes."""
    with reading(path), path.open("rb") as file, _opened(file) as stream:
        yield from split(stream)


def split(stream: IO[bytes]) -> Iterator[bytes]:
    """Lines without their ends, none longer than LINE_BYTES_MAX."""
    while line := stream.readline(LINE_BYTES_MAX):
        yield line.rstrip(b"\r\n")


def _opened(file: IO[bytes]) -> IO[bytes]:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(_GZIP):
        return cast("IO[bytes]", gzip.open(file, "rb"))
    if magic.startswith(_XZ):
        return cast("IO[bytes]", lzma.open(file, "rb"))
    if magic.startswith(_ZSTD):
        reader = zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True)
        return BufferedReader(cast("RawIOBase", reader), 1 << 20)
    return file
