"""Tests here need Prometheus and Alertmanager, which `make test` installs where it may."""

import pytest

from tests.conftest import missing
from tests.oncall.programs import unavailable


@pytest.fixture(scope="session", autouse=True)
def _programs() -> None:
    reason = unavailable()
    if reason is not None:
        missing(reason)
