"""Checkpoints: state arrays and the offsets they stand for, written whole or not at all.

A checkpoint is one uncompressed .npz without pickles. Its header says the format, a digest of the
configuration that decides, and the versions; state of another making is refused, not guessed at.
"""

import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from detectors.base import State
from monitor import __version__
from monitor.clocks import Resume
from monitor.config import Config
from monitor.records import Partition

FORMAT: Final = 7
FILE: Final = "checkpoint.npz"


class CheckpointError(Exception):
    """A checkpoint exists and cannot be used; the message says why."""


class Header(Struct):
    """What must agree for a checkpoint to be continued."""

    format: int
    digest: str
    foreshock: str
    numpy: str


class _Body(Struct):
    header: Header
    resumes: list[tuple[str, int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """State, and where each partition is to be read again."""

    state: Mapping[str, NDArray[np.generic]]
    resumes: dict[Partition, Resume]


class CheckpointStore:
    """One checkpoint in a folder, always the latest."""

    def __init__(self, directory: Path, config: Config, calibration: State | None = None) -> None:
        self.path = directory / FILE
        self._header = Header(FORMAT, digest(config, calibration), __version__, np.__version__)

    def save(self, state: State, resumes: Mapping[Partition, Resume]) -> None:
        """Replace the checkpoint; a crash leaves the old one."""
        rows = [(*p, r.offset, r.clock_ns, r.counted) for p, r in sorted(resumes.items())]
        body = np.frombuffer(msgspec.json.encode(_Body(self._header, rows)), np.uint8)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self.path.parent, delete=False) as file:
            try:
                arrays: dict[str, Any] = {"header": body, **state}
                np.savez(file, allow_pickle=False, **arrays)
                file.flush()
                os.fsync(file.fileno())
                Path(file.name).replace(self.path)
            except BaseException:
                Path(file.name).unlink(missing_ok=True)
                raise

    def load(self) -> Checkpoint | None:
        """The checkpoint, None where there is none. Raises CheckpointError."""
        try:
            with self.path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
                state = dict(arrays)
        except FileNotFoundError:
            return None
        except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
            raise CheckpointError(f"{self.path}: cannot be read: {error}") from error
        try:
            body = msgspec.json.decode(state.pop("header").tobytes(), type=_Body)
        except (KeyError, msgspec.DecodeError) as error:
            raise CheckpointError(f"{self.path}: has no header: {error}") from error
        self._compare(body.header)
        resumes = {Partition(t, p): Resume(o, c, n) for t, p, o, c, n in body.resumes}
        return Checkpoint(state, resumes)

    def _compare(self, header: Header) -> None:
        for name in Header.__struct_fields__:
            then, now = getattr(header, name), getattr(self._header, name)
            if then != now:
                raise CheckpointError(f"{self.path}: {name} was {then}, is {now}")


def digest(config: Config, calibration: State | None = None) -> str:
    """A digest of what decides: not of addresses, outputs or intervals."""
    taught = {name: array.tolist() for name, array in (calibration or {}).items()}
    decides = (
        config.venue,
        config.bin_ms,
        config.input,
        config.topics,
        msgspec.structs.replace(config.detectors, calibration=None),  # what it taught counts
        config.incidents,
        config.input_topics,
        taught,
    )
    return blake2b(msgspec.json.encode(decides), digest_size=8).hexdigest()
