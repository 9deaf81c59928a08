"""Tests here need validators from the lock file, which may have no build for every machine."""

from importlib.util import find_spec

import pytest

from tests.conftest import missing


@pytest.fixture(scope="session", autouse=True)
def _validators() -> None:
    absent = [n for n in ("helm_python", "kubernetes_validate", "compose_spec") if not find_spec(n)]
    if absent:
        missing(f"not installed: {', '.join(absent)}")
