"""Rules and alerts, by Prometheus's own tool, and against what the monitor really exports."""

import re
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.oncall.monitor import Monitor, incident
from tests.oncall.programs import run
from tests.oncall.prometheus import CONFIG, DEPLOY, RULES

RULE_FILES: Final = sorted(RULES.glob("*.rules.yml"))
RULE_TESTS: Final = sorted((DEPLOY / "prometheus" / "tests").glob("*.test.yml"))


def rules() -> list[dict[str, Any]]:
    files = [msgspec.yaml.decode(path.read_bytes()) for path in RULE_FILES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def exposition() -> str:
    monitor = Monitor()
    monitor.exporter.know([])
    monitor.tell(incident())
    monitor.exporter.lag = {("orders", 0): 1}  # type: ignore[dict-item]
    return monitor.exporter.exposition()[0].decode()


def metrics() -> set[str]:
    """Names of all that the monitor exports, also of what has no sample at the moment."""
    return set(re.findall(r"^(?:# TYPE )?(foreshock_\w+)", exposition(), re.MULTILINE))


def test_prometheus_takes_the_configuration_and_every_rule() -> None:
    run("promtool", "check", "config", CONFIG)
    run("promtool", "check", "rules", "--lint=all", "--lint-fatal", *RULE_FILES)


@pytest.mark.parametrize("path", RULE_TESTS, ids=lambda path: path.stem)
def test_rules_do_what_their_tests_say(path: Path) -> None:
    run("promtool", "test", "rules", path.name, cwd=path.parent)


def test_metrics_are_named_as_prometheus_likes() -> None:
    run("promtool", "check", "metrics", stdin=exposition())


def test_rules_ask_only_for_metrics_that_the_monitor_has() -> None:
    exported = metrics()
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for rule in rules():
        text = f"{rule['expr']} {rule.get('annotations', '')}"
        asked = set(re.findall(r"\bforeshock_[a-z0-9_]+", text))
        assert asked <= exported, f"{rule} asks for {asked - exported}"
        asked = set(re.findall(r"\bforeshock:[a-z0-9_:]+", text))
        assert asked <= recorded, f"{rule} asks for {asked - recorded}"


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_every_alert_says_what_is_wrong_and_where_it_is_written_what_to_do(
    alert: dict[str, Any],
) -> None:
    assert {"summary", "description", "runbook_url"} <= alert["annotations"].keys()
    assert alert["labels"]["about"] in ("venue", "monitor", "watchdog")
    severity = alert["labels"].get("severity")
    assert severity in ("page", "warning", "none") or 'severity="' in alert["expr"]


def test_every_wait_has_its_reason_beside_it() -> None:
    text = (RULES / "foreshock.rules.yml").read_text()
    for comment, body in re.findall(r"((?: +#.*\n)+)      - alert: (.*\n(?:        .*\n)*)", text):
        said = " ".join(comment.replace("#", " ").split())
        for key, wait in re.findall(r"^ +(for|keep_firing_for): (\S+)$", body, re.MULTILINE):
            assert f"{key}: {wait}" in said, f"{key} of {body.splitlines()[0]}"
    assert text.count("- alert: ") == len(re.findall(r"#.*\n      - alert: ", text))
