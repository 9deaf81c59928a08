"""A real Alertmanager with the configuration in deploy/, whose messages come to a receiver here."""

from pathlib import Path
from typing import Any, Final

import msgspec

from tests.oncall.programs import Program

CONFIG: Final = Path(__file__).parents[2] / "deploy" / "alertmanager" / "alertmanager.yml"
TEMPLATES: Final = CONFIG.parent / "templates"


class Alertmanager(Program):
    """Routes and mutes as committed. Every message goes to `receiver`, the address of a Receiver.

    A message for NAME comes to /NAME/webhook, as Alertmanager's JSON, and in the forms of Slack and
    PagerDuty to /NAME/slack and /NAME/pagerduty, where NAME is told so. Mail goes to `mail`.
    """

    def __init__(self, folder: Path, *, receiver: str, mail: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "alertmanager.yml"
        config.write_bytes(msgspec.yaml.encode(settings_of(receiver=receiver, mail=mail)))
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


def settings_of(*, receiver: str, mail: str | None = None) -> dict[str, Any]:
    """The committed configuration with its receivers here."""
    settings: dict[str, Any] = msgspec.yaml.decode(CONFIG.read_bytes())
    settings["templates"] = [str(TEMPLATES / "*.tmpl")]
    general = settings["global"]
    del general["slack_api_url_file"]
    if mail is not None:
        general["smtp_smarthost"] = mail
    for told in settings["receivers"]:
        base = f"http://{receiver}/{told['name']}"
        for slack in told.get("slack_configs", ()):
            slack["api_url"] = f"{base}/slack"
        for pager in told.get("pagerduty_configs", ()):
            del pager["routing_key_file"]
            pager |= {"routing_key": "x" * 32, "url": f"{base}/pagerduty"}
        ends = [hook.get("send_resolved", True) for hook in told.pop("webhook_configs", ())]
        told["webhook_configs"] = [{"url": f"{base}/webhook", "send_resolved": all(ends)}]
        if mail is None:
            told.pop("email_configs", None)
    return settings
