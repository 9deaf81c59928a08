"""Small logs with trouble in them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from monitor.hindsight.explanation import Asked, Explanation, explain
from tests import golden, market
from tests.live import minutes_of_trouble

START_NS = 1_760_000_000_000_000_000


def unseen(_: str) -> Callable[..., None]:
    """Progress that nobody watches."""
    return lambda _: None


@pytest.fixture(scope="session")
def trouble(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of an exchange, with one incident."""
    path = tmp_path_factory.mktemp("hindsight") / "trouble.jsonl"
    values = [value for _, _, value in minutes_of_trouble(3, start_ns=START_NS)]
    path.write_bytes(b"\n".join(values) + b"\n")
    return path


@pytest.fixture(scope="session")
def explained() -> Explanation:
    """The golden log's incident: two accounts pull their quotes."""
    return explain(Asked(config=market.config(), logs=[golden.LOG], on_pass=unseen))
