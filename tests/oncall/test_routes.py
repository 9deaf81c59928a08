"""Who is told of what: routes by Alertmanager's own tool, muting by a real Alertmanager."""

import json
import re
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from tests.oncall.alertmanager import CONFIG, TEMPLATES, Alertmanager
from tests.oncall.programs import run, wait_until
from tests.oncall.receiver import Receiver
from tests.oncall.test_rules import alerts

WHOLE: Final = {"about": "venue", "venue": "v", "scope": "venue", "signal": "market_wide"}
PART: Final = {"about": "venue", "venue": "v", "scope": "symbols", "signal": "cancel_burst"}
BROKEN: Final = {"about": "monitor", "venue": "v"}


def test_alertmanager_takes_the_configuration() -> None:
    run("amtool", "check-config", CONFIG)


@pytest.mark.parametrize(
    ("labels", "receivers"),
    [
        ("about=venue venue=v severity=page", "pager,desk"),
        ("about=venue venue=v severity=warning", "desk"),
        ("about=venue venue=v severity=info", "desk"),
        ("about=venue venue=venue-b severity=page", "pager-b,desk-b"),
        ("about=venue venue=venue-b severity=warning", "desk-b"),
        ("about=monitor venue=v severity=page", "pager,desk"),
        ("about=monitor venue=venue-b severity=page", "pager,desk"),
        ("about=monitor venue=v severity=warning", "desk"),
        ("about=watchdog venue=v severity=none", "watchdog"),
        ("alertname=SomebodyElses severity=critical", "desk"),
    ],
)
def test_alerts_reach_whom_they_concern(labels: str, receivers: str) -> None:
    wanted = f"--verify.receivers={receivers}"
    run("amtool", "config", "routes", "test", "--config.file", CONFIG, wanted, *labels.split())


def test_incidents_are_grouped_by_id_and_venue_and_never_by_symbol() -> None:
    config: dict[str, Any] = msgspec.yaml.decode(CONFIG.read_bytes())
    of_venues = [r for r in config["route"]["routes"] if 'about="venue"' in str(r["matchers"])]
    assert [route["group_by"] for route in of_venues] == [["venue", "id"]] * len(of_venues)
    assert "symbol" not in str(config["route"])


def test_templates_use_only_what_alerts_say() -> None:
    said = {name for alert in alerts() for name in alert["annotations"]}
    text = "".join(path.read_text() for path in TEMPLATES.glob("*.tmpl"))
    assert set(re.findall(r"\.Annotations\.(\w+)", text)) <= said
    defined = set(re.findall(r'define "(\S+)"', text))
    assert set(re.findall(r'template "(\S+)"', text + CONFIG.read_text())) <= defined


def test_what_slack_would_read_as_markup_is_text(tmp_path: Path) -> None:
    data = {
        "status": "firing",
        "alerts": [
            {"status": "firing", "labels": {}, "annotations": {"description": "<!here> & x"}}
        ],
    }
    assert "&lt;!here&gt; &amp; x" in _rendered("foreshock.slack.text", data, tmp_path)


def test_a_monitors_own_alert_links_to_its_runbook(tmp_path: Path) -> None:
    alert = {
        "status": "firing",
        "labels": {"severity": "warning", "venue": "v"},
        "annotations": {"summary": "Late.", "runbook_url": "http://r/x.md"},
    }
    data = {"status": "firing", "alerts": [alert, alert]}
    assert _rendered("foreshock.link", data, tmp_path) == "http://r/x.md"
    assert _rendered("foreshock.title", data, tmp_path) == "WARNING v: Late. (the worst of 2)"
    over = {"status": "resolved", "alerts": [alert | {"status": "resolved"}]}
    assert _rendered("foreshock.title", over, tmp_path) == "OVER v: Late."


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Alertmanager]:
    with (
        Receiver() as receiver,
        Alertmanager(tmp_path_factory.mktemp("am"), receiver=receiver.address) as running,
    ):
        yield running


@pytest.mark.parametrize(
    ("cause", "consequence", "muted"),
    [
        ({**PART, "severity": "page", "id": "x"}, {**PART, "severity": "warning", "id": "x"}, True),
        (
            {**PART, "severity": "page", "id": "x"},
            {**PART, "severity": "warning", "id": "y"},
            False,
        ),
        ({**PART, "severity": "warning", "id": "x"}, {**PART, "severity": "info", "id": "x"}, True),
        (
            {**WHOLE, "severity": "page", "id": "x"},
            {**PART, "severity": "warning", "id": "y"},
            True,
        ),
        ({**WHOLE, "severity": "page", "id": "x"}, {**PART, "severity": "page", "id": "y"}, False),
        ({**WHOLE, "severity": "page", "id": "x"}, {**WHOLE, "severity": "page", "id": "y"}, False),
        (
            {**WHOLE, "severity": "warning", "id": "x"},
            {**PART, "severity": "page", "id": "y"},
            False,
        ),
        (
            {**BROKEN, "alertname": "ForeshockBlind", "signal": "cancel_burst"},
            {**PART, "severity": "warning", "id": "x"},
            True,
        ),
        (
            {**BROKEN, "alertname": "ForeshockBlind", "signal": "cancel_burst"},
            {**PART, "severity": "page", "id": "x"},
            False,
        ),
        (
            {**BROKEN, "alertname": "ForeshockBlind", "signal": "thin_book"},
            {**PART, "severity": "warning", "id": "x"},
            False,
        ),
        (
            {**BROKEN, "alertname": "ForeshockStalled"},
            {**PART, "severity": "info", "id": "x"},
            True,
        ),
        (
            {**BROKEN, "alertname": "ForeshockStalled"},
            {**BROKEN, "alertname": "ForeshockLag"},
            True,
        ),
        (
            {**BROKEN, "alertname": "ForeshockDown"},
            {**BROKEN, "alertname": "ForeshockStalled"},
            True,
        ),
        (
            {**BROKEN, "alertname": "ForeshockDown"},
            {**PART, "severity": "page", "id": "x"},
            False,
        ),
        (
            {**BROKEN, "alertname": "ForeshockBadRecords", "severity": "page", "topic": "orders"},
            {
                **BROKEN,
                "alertname": "ForeshockBadRecords",
                "severity": "warning",
                "topic": "orders",
            },
            True,
        ),
    ],
)
def test_a_cause_mutes_its_consequences_on_its_own_venue(
    alertmanager: Alertmanager,
    request: pytest.FixtureRequest,
    cause: dict[str, str],
    consequence: dict[str, str],
    *,
    muted: bool,
) -> None:
    here = request.node.name  # a venue for each case, so that cases do not meet
    elsewhere, known = f"not {here}", f"known with {here}"
    near, far = consequence | {"venue": here}, consequence | {"venue": elsewhere}
    _post(alertmanager, cause | {"venue": here}, near, far)
    # Causes are taken in by and by, in order: when this one is, those before it are.
    surely = PART | {"venue": known, "id": "x", "severity": "warning"}
    _post(alertmanager, surely | {"severity": "page"}, surely)
    wait_until(lambda: _mutes(alertmanager, surely))
    assert _mutes(alertmanager, near) == muted
    assert not _mutes(alertmanager, far)


def test_a_page_of_the_monitor_that_ends_while_muted_closes_with_what_muted_it(
    tmp_path: Path,
) -> None:
    stalled, down = (
        BROKEN | {"alertname": name, "severity": "page"}
        for name in ("ForeshockStalled", "ForeshockDown")
    )
    with (
        Receiver() as receiver,
        Alertmanager(tmp_path, receiver=receiver.address, hurried=True) as alertmanager,
    ):
        _post(alertmanager, stalled)
        first = receiver.wait_for("/pager/pagerduty", lambda m: "ForeshockStalled" in str(m)).body
        _post(alertmanager, down)
        wait_until(lambda: _mutes(alertmanager, stalled))
        _post(alertmanager, stalled, ended=True)
        other = down | {"job": "other"}  # told after the end was taken in, and dropped
        _post(alertmanager, other)
        receiver.wait_for("/pager/webhook", lambda m: "other" in str(m["alerts"]))
        assert all(m.body["event_action"] == "trigger" for m in receiver.at("/pager/pagerduty"))
        _post(alertmanager, down, other, ended=True)
        last = receiver.wait_for("/pager/pagerduty", lambda m: m["event_action"] == "resolve").body
        keys = {m.body["dedup_key"] for m in receiver.at("/pager/pagerduty")}
        assert keys == {first["dedup_key"]} == {last["dedup_key"]}, "one page, opened and closed"


def _mutes(alertmanager: Alertmanager, labels: dict[str, str]) -> bool:
    labels = {"alertname": "Foreshock", **labels}
    (found,) = [a for a in alertmanager.alerts() if a["labels"] == labels]
    return bool(found["status"]["inhibitedBy"])


def _post(alertmanager: Alertmanager, *alerts: dict[str, str], ended: bool = False) -> None:
    """Tell it of alerts that fire, or that have ended."""
    times = {"endsAt": datetime.now(UTC).isoformat()} if ended else {}
    request = urllib.request.Request(
        f"{alertmanager.url}/api/v2/alerts",
        json.dumps(
            [{"labels": {"alertname": "Foreshock", **labels}} | times for labels in alerts]
        ).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10.0) as answer:
        assert answer.status == 200


def _rendered(name: str, data: dict[str, Any], folder: Path) -> str:
    (folder / "data.json").write_text(json.dumps(data))
    text = f'{{{{ template "{name}" . }}}}'
    return run(
        *("amtool", "template", "render", "--template.glob", TEMPLATES / "*.tmpl"),
        *("--template.text", text, "--template.data", folder / "data.json"),
    ).strip()
