"""A real Prometheus with the configuration and the rules in deploy/."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from deploy.local.provision import DEPLOY, PROMETHEUS, RULES, prometheus_settings
from tests.oncall.programs import Program, wait_until

__all__ = ["CONFIG", "DEPLOY", "RULES", "Prometheus"]

CONFIG: Final = PROMETHEUS


class Prometheus(Program):
    """Scrapes monitors every second, as deploy/prometheus/prometheus.yml says.

    targets: addresses of monitors, "127.0.0.1:PORT". alertmanager: the address alerts go to.
    settings: replaces keys of the configuration, such as `scrape_configs`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        targets: Sequence[str] = (),
        alertmanager: str | None = None,
        venue: str = "venue",
        settings: dict[str, Any] | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "prometheus.yml"
        made = prometheus_settings(targets=targets, alertmanager=alertmanager, venue=venue)
        config.write_bytes(msgspec.yaml.encode(made | (settings or {})))
        command = [
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.time=100y",
            "--web.listen-address={address}",
            "--enable-feature=exemplar-storage",
        ]
        super().__init__(command, folder, ready="/-/ready")
        self.targets = list(targets)

    def wait_until_scraped(self) -> None:
        """Wait until every target was scraped."""
        wanted = set(self.targets)
        wait_until(lambda: wanted <= {r["metric"]["instance"] for r in self.query("up == 1")})

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query."""
        return self._data("/api/v1/query", query=expression)

    def query_range(
        self, expression: str, *, seconds: float, step_s: float = 1.0
    ) -> list[dict[str, Any]]:
        """The result over the last seconds."""
        end_s = time.time()
        return self._data(
            "/api/v1/query_range",
            query=expression,
            start=str(end_s - seconds),
            end=str(end_s),
            step=str(step_s),
        )

    def alerts(self) -> list[dict[str, Any]]:
        """What is pending or fires."""
        found: list[dict[str, Any]] = self.get("/api/v1/alerts")["data"]["alerts"]
        return found

    def broken_rules(self) -> list[str]:
        """Rules that cannot be evaluated, with their errors."""
        groups = self.get("/api/v1/rules")["data"]["groups"]
        return [
            f"{rule['name']}: {rule['lastError']}"
            for group in groups
            for rule in group["rules"]
            if rule.get("lastError")
        ]

    def _data(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        result: list[dict[str, Any]] = self.get(f"{path}?{urlencode(parameters)}")["data"]["result"]
        return result
