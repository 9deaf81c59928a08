"""An incident log as it is written: compressed by its name, and there only when it is whole."""

import gzip
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, Final, cast

import zstandard

SUFFIXES: Final = (".jsonl", ".jsonl.zst", ".jsonl.gz")


@contextmanager
def log_writer(output: Path) -> Iterator[IO[bytes]]:
    """A stream into a file of the same folder, which takes the output's name at the end.

    The same bytes always give the same file. Raises OSError where it cannot be written.
    """
    part = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file, _compressed(output, file) as stream:
            yield stream
        part.replace(output)
    finally:
        part.unlink(missing_ok=True)


def unusable_output(output: Path) -> str | None:
    """Why no log can be written there, None where one can."""
    if not output.name.endswith(SUFFIXES):
        return f"{output}: the name must end in {', '.join(SUFFIXES)}"
    if output.is_dir():
        return f"{output}: is a folder, not a log to write"
    if not output.parent.is_dir():
        return f"{output}: no such folder: {output.parent}"
    return None


def _compressed(output: Path, file: IO[bytes]) -> AbstractContextManager[IO[bytes]]:
    if output.suffix == ".zst":
        writer = zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False)
        return cast("AbstractContextManager[IO[bytes]]", writer)
    if output.suffix == ".gz":
        return cast(
            "AbstractContextManager[IO[bytes]]",
            gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=file, mtime=0),
        )
    return nullcontext(file)
