"""The committed configuration of Prometheus and Alertmanager, with other addresses in it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

DEPLOY: Final = Path(__file__).resolve().parents[1]
PROMETHEUS: Final = DEPLOY / "prometheus" / "prometheus.yml"
RULES: Final = DEPLOY / "prometheus" / "rules"
LINKS: Final = RULES / "links.rules.yml"
ALERTMANAGER: Final = DEPLOY / "alertmanager" / "alertmanager.yml"
TEMPLATES: Final = DEPLOY / "alertmanager" / "templates"


def prometheus_settings(
    *, targets: Sequence[str], alertmanager: str | None, venue: str
) -> dict[str, Any]:
    """Scrapes monitors at `targets`, "HOST:PORT" each, and tells the Alertmanager there."""
    settings: dict[str, Any] = msgspec.yaml.decode(PROMETHEUS.read_bytes())
    settings["rule_files"] = [str(RULES / Path(name).name) for name in settings["rule_files"]]
    if alertmanager is None:
        del settings["alerting"]
    else:
        settings["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    watched = settings["scrape_configs"][0]["static_configs"][0]
    watched |= {"targets": list(targets), "labels": {"venue": venue}}
    return settings


def links(addresses: Mapping[str, str]) -> dict[str, Any]:
    """links.rules.yml with other links: monitor, grafana, runbooks."""
    rules: dict[str, Any] = msgspec.yaml.decode(LINKS.read_bytes())
    rules["groups"][0]["rules"][0]["labels"] |= addresses
    return rules


def alertmanager_settings(*, receiver: str, mail: str | None = None) -> dict[str, Any]:
    """Routes and mutes as committed; every message goes to `receiver`, "HOST:PORT".

    A message for NAME comes to /NAME/webhook, as Alertmanager's JSON, and in the forms of Slack and
    PagerDuty to /NAME/slack and /NAME/pagerduty, where NAME is told so. Mail goes to `mail`.
    """
    settings: dict[str, Any] = msgspec.yaml.decode(ALERTMANAGER.read_bytes())
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
