"""Processes that outlive who started them, known again by more than their number.

A number is given anew once its process has ended, so a process is named by its number, the moment
it started (field 22 of /proc/PID/stat), and the boot that this moment is counted from.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

STOP_S: Final = 20.0
_POLL_S: Final = 0.05
_STATE, _STARTED = 0, 19  # fields after the name, which may hold blanks and parentheses


class Process(Struct, frozen=True):
    """A process that was started here. started_ticks: since boot."""

    pid: int
    started_ticks: int
    boot: str


def start(
    command: Sequence[str], *, log: Path, folder: Path, variables: Mapping[str, str]
) -> Process:
    """Run a program in the background, in a session of its own; what it says goes to `log`."""
    with log.open("ab") as said:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
    found = _stat(child.pid)
    assert found is not None, "a child is there until it is waited for"
    child.returncode = 0  # it is not ours to wait for: it outlives us
    return Process(child.pid, int(found[_STARTED]), _boot())


def runs(process: Process) -> bool:
    """Whether this very process still runs."""
    found = _stat(process.pid)
    if found is None or found[_STATE] in "ZX" or process.boot != _boot():
        return False
    return int(found[_STARTED]) == process.started_ticks


def end(process: Process, *, patience_s: float = STOP_S) -> None:
    """End this very process, in order or, where that takes too long, at once."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        until = time.monotonic() + patience_s
        if runs(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
        while runs(process) and time.monotonic() < until:
            time.sleep(_POLL_S)


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
