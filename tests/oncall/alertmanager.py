"""A real Alertmanager with the configuration in deploy/, whose messages come to a receiver here."""

from pathlib import Path
from typing import Any, Final

import msgspec

from deploy.local.provision import ALERTMANAGER, TEMPLATES, alertmanager_settings
from tests.oncall.programs import Program

__all__ = ["CONFIG", "TEMPLATES", "Alertmanager"]

CONFIG: Final = ALERTMANAGER


class Alertmanager(Program):
    """Routes and mutes as committed, and tells `receiver`, the address of a Receiver; where a
    message comes to, alertmanager_settings says. hurried: it waits no longer than a second."""

    def __init__(
        self, folder: Path, *, receiver: str, mail: str | None = None, hurried: bool = False
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "alertmanager.yml"
        settings = alertmanager_settings(receiver=receiver, mail=mail)
        if hurried:
            _hurry(settings["route"])
        config.write_bytes(msgspec.yaml.encode(settings))
        command = [
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={folder / 'data'}",
            "--web.listen-address={address}",
            "--cluster.listen-address=",
        ]
        super().__init__(command, folder, ready="/-/ready")

    def alerts(self) -> list[dict[str, Any]]:
        """What it holds, with what is muted by what."""
        found: list[dict[str, Any]] = self.get("/api/v2/alerts")
        return found


def _hurry(route: dict[str, Any]) -> None:
    route |= {"group_wait": "0s", "group_interval": "1s"}
    for below in route.get("routes", ()):
        _hurry(below)
