"""One watched venue for all tests of the dashboards."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.grafana.prometheus import PROGRAM, Prometheus
from tests.grafana.watched import watched


@pytest.fixture(scope="package")  # its client draws random numbers: it ends with its tests
def scraped(embedded: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus that has scraped a monitor of a venue in trouble."""
    if shutil.which(PROGRAM) is None:
        reason = "there is no prometheus on the path: apt-get install prometheus"
        if os.environ.get("CI") == "true":
            pytest.fail(reason)
        pytest.skip(reason)
    with watched(embedded, tmp_path_factory.mktemp("watched")) as server:
        yield server
