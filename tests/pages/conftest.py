"""What the tests of pages share: one browser, and statuses that were watched once."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from monitor.incidents import Incident
from tests.chromium import chromium, unavailable
from tests.pages.served import Watched, watch


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A Chromium; in CI its absence is a failure, elsewhere a skip that says why."""
    reason = unavailable()
    if reason is not None:
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    async with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def ongoing(tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """A venue in trouble: one incident is open."""
    return watch(tmp_path_factory.mktemp("ongoing"), seconds=120.0, until_s=84.0)


@pytest.fixture
def over(tmp_path: Path) -> Watched:
    """A venue whose trouble is over; the test may do with it as it likes."""
    return watch(tmp_path, seconds=120.0)


@pytest.fixture
def quiet(tmp_path: Path) -> Watched:
    """A venue without trouble, past its warm-up; the test may do with it as it likes."""
    return watch(tmp_path, seconds=62.0)


def last(watched: Watched) -> Incident:
    """What was told last."""
    return watched.incidents[-1]
