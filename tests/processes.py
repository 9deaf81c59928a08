"""Ports and processes of the programs that tests start: found free, tied to us, ended by id."""

import contextlib
import random
import shutil
import signal
import socket
import subprocess
from typing import Final

STOP_S: Final = 20.0


def tied() -> list[str]:
    """What ends a program when the tests are killed, where the system has it (Linux)."""
    return ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []


def free_ports(count: int) -> list[int]:
    """Free ports below those that clients are given, which may take one while we are stopped."""
    free: list[int] = []
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            free.append(port)
    assert len(free) >= count, "no free port"
    return free[:count]


def end(process: subprocess.Popen[bytes], *, kill: bool = False) -> None:
    """End a program, in order or, with `kill`, at once."""
    process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
