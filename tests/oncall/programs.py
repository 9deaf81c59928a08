"""Programs that tests start on loopback ports, watch until they answer, and end by their id."""

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from tests.processes import end, free_ports, tied

PACKAGES: Final = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "amtool": "prometheus-alertmanager",
}
START_S: Final = 60.0
RUN_S: Final = 300.0
_POLL_S: Final = 0.05
_T = TypeVar("_T")


def unavailable() -> str | None:
    """Why Prometheus and Alertmanager cannot run here, or None."""
    missing = sorted({PACKAGES[name] for name in PACKAGES if shutil.which(name) is None})
    return f"not installed: apt-get install {' '.join(missing)}" if missing else None


class Program:
    """A program that serves HTTP on a free loopback port; it runs inside the `with` block.

    command: without the program's address, which `{address}` in it stands for. ready: the path that
    answers 200 once it serves. It ends with the thread that started it, so let a thread start it
    that outlives it. Starting and stopping block; it may be started again, on the same port.
    """

    def __init__(self, command: Sequence[str], folder: Path, *, ready: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.address = f"127.0.0.1:{free_ports(1)[0]}"
        self.url = f"http://{self.address}"
        self._command = [part.replace("{address}", self.address) for part in command]
        self._ready = ready
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The process that runs, None while it is stopped."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Run it and wait until it serves; fails with the end of its log."""
        with (self.folder / "log").open("ab") as log:
            self._process = process = subprocess.Popen(
                [*tied(), *self._command],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(lambda: process.poll() is not None or answers(self.url + self._ready))
            assert process.poll() is None, "it ended"
        except AssertionError as error:
            self.stop()
            raise AssertionError(f"{self._command[0]}: {error}\n{self.log()[-4_000:]}") from None

    def stop(self, *, kill: bool = False) -> None:
        """End it, in order or, with `kill`, at once."""
        process, self._process = self._process, None
        if process is not None:
            end(process, kill=kill)

    def log(self) -> str:
        """Everything that it said."""
        return (self.folder / "log").read_text(errors="replace")

    def get(self, path: str) -> Any:
        """What it answers, as JSON."""
        with urllib.request.urlopen(self.url + path, timeout=10.0) as answer:
            return json.load(answer)


def run(*command: str | Path, stdin: str | None = None, cwd: Path | None = None) -> str:
    """What a program says, on both outputs; fails with it where the program fails."""
    done = subprocess.run(
        [str(part) for part in command],
        input=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=RUN_S,
        cwd=cwd,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-4_000:]}"
    return done.stdout


def wait_until(condition: Callable[[], _T], *, seconds: float = START_S) -> _T:
    """The first true answer; fails where there is none in time."""
    until = time.monotonic() + seconds
    while not (answer := condition()):
        assert time.monotonic() < until, f"not within {seconds:.0f} s: {condition}"
        time.sleep(_POLL_S)
    return answer


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    try:
        with urllib.request.urlopen(url, timeout=5.0) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
