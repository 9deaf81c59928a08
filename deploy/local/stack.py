"""The stack: starts what does not run yet, and ends exactly what it started."""

import fcntl
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct, field

from deploy.local import processes
from deploy.local.errors import StackError
from deploy.local.kafka import KafkaFailed
from deploy.local.processes import Process
from deploy.local.programs import PORTS, ROOT, Place, Program, check_installed, programs

POLL_S: Final = 0.2
LOG_LINES: Final = 12

Tell = Callable[[str], None]


class Running(Struct):
    """What a folder's stack is made of, in the order of its start."""

    shift: int = 0
    processes: dict[str, Process] = field(default_factory=dict)


def up(place: Place, tell: Tell) -> bool:
    """Start what does not run and wait until all is ready; False where all ran already.

    Raises StackError; then what this call started has been ended.
    """
    place.folder.mkdir(parents=True, exist_ok=True)
    with _alone(place.folder):
        running = _read(place.folder)
        if any(map(processes.runs, running.processes.values())) and running.shift != place.shift:
            raise StackError(f"it runs, with its ports shifted by {running.shift}")
        absent = [p for p in programs(place) if not _runs(running, p.name)]
        if not absent:
            return False
        check_installed()
        running.shift = place.shift
        begun: list[str] = []
        try:
            for program in absent:
                _check_ports(place, program)
            for program in absent:
                begun.append(program.name)
                _begin(place, program, running, tell)
        except BaseException as error:
            _finish(place.folder, running, begun, tell)
            if isinstance(error, KafkaFailed):
                raise StackError(str(error)) from error
            raise
    return True


def down(folder: Path, tell: Tell) -> bool:
    """End what runs of a folder's stack; False where nothing did."""
    if not folder.is_dir():
        return False
    with _alone(folder):
        running = _read(folder)
        names = [name for name in running.processes if _runs(running, name)]
        _finish(folder, running, list(running.processes), tell)
    return bool(names)


def _begin(place: Place, program: Program, running: Running, tell: Tell) -> None:
    """Start one program and wait until it is ready; raises StackError with the end of its log."""
    began_s = time.monotonic()
    log = place.folder / f"{program.name}.log"
    program.prepare()
    process = processes.start(program.command(), log=log, folder=ROOT, variables=program.variables)
    running.processes.pop(program.name, None)
    running.processes[program.name] = process
    _write(place.folder, running)
    said: str | None = None
    while (reason := program.not_ready()) is not None or not processes.runs(process):
        waited_s = time.monotonic() - began_s
        if not processes.runs(process):
            raise StackError(f"{program.name} ended at its start:\n{_end_of(log)}")
        if waited_s > program.patience_s:
            raise StackError(f"{program.name}: {reason} after {waited_s:.0f} s:\n{_end_of(log)}")
        if reason != said:
            said = reason
            tell(f"  {program.name:13} {reason} ...")
        time.sleep(POLL_S)
    where = place.address(program.ports[0]) if program.ports else ""
    took_s = time.monotonic() - began_s
    tell(f"  {program.name:13} ready after {took_s:.0f} s  {where}".rstrip())


def _finish(folder: Path, running: Running, names: list[str], tell: Tell) -> None:
    """End programs, the last first, each only where it still is the process that was started."""
    for name in reversed(names):
        process = running.processes.pop(name, None)
        if process is not None and processes.runs(process):
            processes.end(process)
            tell(f"  {name:13} ended")
        _write(folder, running)


def _check_ports(place: Place, program: Program) -> None:
    for name in program.ports:
        port = PORTS[name] + place.shift
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError) as error:
                raise StackError(
                    f"port {port}, which {program.name} needs, is taken ({error}); "
                    "`make stack SHIFT=1000` takes ports a thousand higher"
                ) from None


def _runs(running: Running, name: str) -> bool:
    return name in running.processes and processes.runs(running.processes[name])


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else starts or ends this stack meanwhile; raises StackError where someone does."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"another `make stack` or `make stack-down` is at {folder}") from None
        yield


def _read(folder: Path) -> Running:
    file = folder / "processes.json"
    try:
        return msgspec.json.decode(file.read_bytes(), type=Running)
    except FileNotFoundError:
        return Running()
    except msgspec.DecodeError as error:
        raise StackError(f"{file}: {error}; what runs has to be ended by hand") from None


def _write(folder: Path, running: Running) -> None:
    new = folder / "processes.json.new"
    new.write_bytes(msgspec.json.encode(running))
    new.replace(folder / "processes.json")


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_LINES:])
