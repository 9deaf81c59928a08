"""Files that are only ever appended to: the audit log, and dead letters."""

import errno
import os
from collections import deque
from pathlib import Path
from typing import IO, Final

import msgspec
from msgspec import Struct

from monitor.incidents import Incident, encode
from monitor.records import BadRecord
from monitor.sinks.letters import letter

REMEMBERED: Final = 10_000


class AuditLog:
    """Every change of an incident, one JSON line each; a change told twice is written once.

    After a crash the bins since the last checkpoint are judged again and tell the same changes,
    byte for byte; the last lines of the file say which of them are already there.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._told: dict[bytes, None] = {}  # in the order of telling
        torn = False
        if path.exists():
            with path.open("rb") as file:
                last = deque(file, REMEMBERED)
            self._told.update((line.rstrip(b"\n"), None) for line in last)
            torn = bool(last) and not last[-1].endswith(b"\n")
        self._file: IO[bytes] = path.open("ab")
        if torn:  # the process before died in the middle of a line
            self._file.write(b"\n")

    def write(self, incident: Incident) -> bool:
        """Append, durably; False where the line was there before."""
        line = encode(incident)
        if line in self._told:
            return False
        self._told[line] = None
        if len(self._told) > REMEMBERED:
            del self._told[next(iter(self._told))]
        self._append(line)
        return True

    def note(self, decision: Struct) -> None:
        """Append something that was decided by wall time, so that a replay can repeat it."""
        self._append(msgspec.json.encode(decision))

    def _append(self, line: bytes) -> None:
        self._file.write(line + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class DeadLetterFile:
    """Bad records with their origin and reason, one JSON line each."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)  # what fails here fails now, not at the end
        self._torn = False  # whether the last line has no end

    def write(self, bad: BadRecord) -> None:
        """Append one record; raises OSError where there is no room for it."""
        line = (b"\n" if self._torn else b"") + letter(bad) + b"\n"
        written = self._file.write(line)
        self._torn = written != len(line)
        if self._torn:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        self._file.close()
