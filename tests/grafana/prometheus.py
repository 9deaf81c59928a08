"""A real Prometheus for the tests: scrapes some targets from a free loopback port."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from tests.oncall.programs import Program

READY_S: Final = 30.0
SCRAPE_S: Final = 0.25
PROGRAM: Final = "prometheus"


class PrometheusError(Exception):
    """Prometheus does not take a question."""


class Prometheus:
    """Questions to one Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, path: str, **parameters: str) -> Any:
        """What /api/v1/PATH answers; raises PrometheusError with what it says is wrong."""
        try:
            with urlopen(f"{self.url}/api/v1/{path}?{urlencode(parameters)}", timeout=10.0) as said:
                return json.load(said)["data"]
        except URLError as error:
            detail = error.read().decode() if hasattr(error, "read") else str(error)
            raise PrometheusError(f"{path} {parameters}: {detail}") from error

    def now(self, expr: str) -> list[Any]:
        """The newest values of an expression: a list of series, empty where there is nothing."""
        found: list[Any] = self.ask("query", query=expr)["result"]
        return found

    def over(self, expr: str, seconds: float, step_s: float = 1.0) -> list[Any]:
        """Values of an expression over the last seconds."""
        end = time.time()
        window = {"start": f"{end - seconds}", "end": f"{end}", "step": f"{step_s}"}
        found: list[Any] = self.ask("query_range", query=expr, **window)["result"]
        return found


def until(holds: Callable[[], bool], what: str, within_s: float) -> None:
    """Poll until something holds; raises TimeoutError that names it."""
    end = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.1)


@contextmanager
def prometheus(folder: Path, targets: Mapping[str, str]) -> Iterator[Prometheus]:
    """A Prometheus that scrapes `targets`, address by job, until the block ends."""
    jobs = [
        {"job_name": job, "static_configs": [{"targets": [address]}]}
        for job, address in targets.items()
    ]
    scrape = {"scrape_interval": f"{round(SCRAPE_S * 1000)}ms"}
    config = folder / "prometheus.json"  # JSON is YAML
    config.write_text(json.dumps({"global": scrape, "scrape_configs": jobs}), encoding="utf-8")
    command = [
        PROGRAM,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        "--web.listen-address={address}",
        "--web.cors.origin=.*",
    ]
    with Program(command, folder, ready="/-/ready") as program:
        server = Prometheus(program.url)

        def scraped() -> bool:
            with contextlib.suppress(PrometheusError):
                return len(server.now("up == 1")) == len(targets)
            return False

        until(scraped, "Prometheus scrapes", READY_S)
        yield server
