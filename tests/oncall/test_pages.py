"""From a bin to the message: a real exporter, Prometheus, Alertmanager, and who is told."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from tests.oncall.alertmanager import Alertmanager
from tests.oncall.monitor import ONSET_NS, Monitor, incident
from tests.oncall.programs import wait_until
from tests.oncall.prometheus import Prometheus
from tests.oncall.receiver import MailServer, Receiver

FROM_MS = ONSET_NS // 1_000_000 - 300_000  # the dashboard begins five minutes before the onset


@dataclass(frozen=True, slots=True)
class Chain:
    """Everything between a bin and a message."""

    monitor: Monitor
    prometheus: Prometheus
    alertmanager: Alertmanager
    receiver: Receiver
    mail: MailServer

    def told(self, receiver: str = "pager") -> list[str]:
        """What a receiver was told of incidents, oldest first: firing, resolved."""
        messages = self.receiver.at(f"/{receiver}/webhook")
        return [m.body["status"] for m in messages if m.body["groupLabels"].get("id")]

    def told_of(self, which: str) -> list[str]:
        """What the pager was told of one incident."""
        messages = self.receiver.at("/pager/webhook")
        return [m.body["status"] for m in messages if m.body["groupLabels"].get("id") == which]

    def left_open(self) -> set[str]:
        """What PagerDuty was told to open and not to close."""
        left = set[str]()
        for message in self.receiver.at("/pager/pagerduty"):
            key = message.body["dedup_key"]
            (left.add if message.body["event_action"] == "trigger" else left.discard)(key)
        return left

    def is_open(self, **labels: str) -> bool:
        """Whether Prometheus holds an incident with these labels open."""
        selector = ",".join(f'{name}="{value}"' for name, value in labels.items())
        return bool(self.prometheus.query(f"foreshock:incident_open{{{selector}}}"))


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    folder = tmp_path_factory.mktemp("chain")
    with ExitStack() as stack:
        monitor = stack.enter_context(Monitor())
        receiver = stack.enter_context(Receiver())
        mail = stack.enter_context(MailServer())
        alertmanager = stack.enter_context(
            Alertmanager(folder / "am", receiver=receiver.address, mail=mail.address)
        )
        prometheus = stack.enter_context(
            Prometheus(
                folder / "prom", targets=[monitor.address], alertmanager=alertmanager.address
            )
        )
        prometheus.wait_until_scraped()
        yield Chain(monitor, prometheus, alertmanager, receiver, mail)


def firing(body: dict[str, Any]) -> bool:
    return bool(body["status"] == "firing")


def resolved(body: dict[str, Any]) -> bool:
    return bool(body["status"] == "resolved")


def test_a_page_is_one_message_that_says_it_all_and_its_end_another(chain: Chain) -> None:
    here = "/pager/webhook"
    chain.monitor.tell(incident())
    first = chain.receiver.wait_for(here, firing).body
    (alert,) = first["alerts"]
    assert alert["labels"] == {
        "alertname": "ForeshockPage",
        "about": "venue",
        "venue": "venue",
        "id": "c3f82f7498bdef1e",
        "severity": "page",
        "signal": "cancel_burst",
        "scope": "symbols",
    }
    assert alert["annotations"] == {
        "summary": "Cancels at 20.0x the expected rate on 6 symbols (XRP-PERP, DOGE-PERP, SOL-PERP "
        "and 3 more) since 20:10:00.250 UTC, first orders on SOL-PERP, with order_burst; "
        "one account made 62% of them.",
        "description": "Signals: cancel_burst,order_burst. First: orders on SOL-PERP. Score 7.5, "
        "in powers of ten: 6.4 is what quiet flow shows once a week, and each 1 more is ten times "
        "as rare.",
        "symbols": "XRP-PERP,DOGE-PERP,SOL-PERP,ETH-PERP,BTC-PERP",
        "accounts_share": "62% by one account, 83% by 2",
        "onset": "2026-11-24 20:10:00.250 UTC",
        "ratio": "20.0x",
        "incident_url": "http://127.0.0.1:9108/incidents/c3f82f7498bdef1e",
        "dashboard_url": "http://127.0.0.1:3000/d/foreshock-incident?var-incident=c3f82f7498bdef1e"
        f"&from={FROM_MS}&to=now",
        "runbook_url": "https://runbooks.example/foreshock/cancel_burst.md",
    }

    grown = incident("update", signals=("market_wide", "cancel_burst"), summary="Grown.")
    chain.monitor.tell(grown)
    wait_until(lambda: chain.prometheus.query('foreshock:incident_info{summary="Grown."}'))
    chain.monitor.tell(incident("close", summary="Grown."))
    last = chain.receiver.wait_for(here, resolved).body
    assert last["alerts"][0]["labels"] == alert["labels"]
    assert last["alerts"][0]["annotations"]["summary"] == "Grown."
    assert chain.told() == ["firing", "resolved"]
    assert chain.prometheus.broken_rules() == []


def test_slack_pagerduty_and_mail_are_told_in_their_own_forms(chain: Chain) -> None:
    chain.monitor.tell(incident(id="forms"))
    slack = chain.receiver.wait_for("/desk/slack", lambda m: "forms" in str(m)).body
    (part,) = slack["attachments"]
    assert part["title"].startswith("PAGE venue: Cancels at 20.0x the expected rate on 6 symbols")
    assert part["title_link"] == "http://127.0.0.1:9108/incidents/forms"
    assert part["color"] == "danger"
    what, why, links = part["text"].splitlines()
    assert what == (
        "20.0x what is expected on XRP-PERP,DOGE-PERP,SOL-PERP,ETH-PERP,BTC-PERP; "
        "62% by one account, 83% by 2; since 2026-11-24 20:10:00.250 UTC"
    )
    assert why.startswith("Signals: cancel_burst,order_burst. First: orders on SOL-PERP.")
    assert links == (
        "<http://127.0.0.1:9108/incidents/forms|Incident>  "
        "<http://127.0.0.1:3000/d/foreshock-incident?var-incident=forms&amp;"
        f"from={FROM_MS}&amp;to=now|Dashboard>  "
        "<https://runbooks.example/foreshock/cancel_burst.md|Runbook>"
    )
    duty = chain.receiver.wait_for("/pager/pagerduty", lambda m: "forms" in str(m)).body
    assert duty["event_action"] == "trigger"
    assert duty["payload"]["severity"] == "critical"
    assert duty["payload"]["summary"] == part["title"]
    assert duty["client_url"] == part["title_link"]
    text = duty["payload"]["custom_details"]["text"]
    for line in ("Observed over expected: 20.0x", "Accounts: 62% by one account, 83% by 2"):
        assert line in text.splitlines()

    mail = wait_until(lambda: next((m for m in chain.mail.mails if "forms" in m.as_string()), None))
    assert mail is not None
    assert " ".join(str(mail["Subject"]).split()) == part["title"]
    for kind, link in (("plain", "Runbook: https://"), ("html", '<a href="https://')):
        body = mail.get_body(preferencelist=(kind,))
        assert body is not None
        assert f"{link}runbooks.example/foreshock/cancel_burst.md" in body.get_content()
    assert "whale" not in f"{slack}{duty}{mail.as_string()}"

    chain.monitor.tell(incident("close", id="forms"))
    duty = chain.receiver.wait_for(
        "/pager/pagerduty", lambda m: m["event_action"] == "resolve" and "forms" in str(m)
    ).body
    assert duty["dedup_key"]


def test_a_warning_that_turns_into_a_page_is_told_at_its_worst(chain: Chain) -> None:
    chain.monitor.tell(incident(severity="warning", id="turns"))
    chain.receiver.wait_for("/desk/webhook", lambda m: firing(m) and "turns" in str(m))
    assert not chain.told_of("turns")
    chain.monitor.tell(incident("update", id="turns"))
    chain.receiver.wait_for("/pager/webhook", lambda m: firing(m) and "turns" in str(m))
    chain.monitor.tell(incident("close", id="turns"))
    chain.receiver.wait_for("/pager/webhook", lambda m: resolved(m) and "turns" in str(m))
    assert chain.told_of("turns") == ["firing", "resolved"]


def test_no_page_is_left_open_by_a_page_of_the_whole_market(chain: Chain) -> None:
    """One that was told before ends while the market's is open; one that came meanwhile is told
    only because it outlasts it, and ends while the market is a page once more."""
    market = ("market_wide", "cancel_burst")
    pager = "/pager/webhook"

    def told(which: str, status: str) -> Callable[[dict[str, Any]], bool]:
        return lambda m: m["groupLabels"].get("id") == which and m["status"] == status

    chain.monitor.tell(incident(id="before"))
    chain.receiver.wait_for(pager, told("before", "firing"))
    chain.monitor.tell(incident(id="market", signals=market))
    chain.receiver.wait_for(pager, told("market", "firing"))
    chain.monitor.tell(incident(id="part"), incident(id="gone"))
    wait_until(lambda: chain.is_open(id="part") and chain.is_open(id="gone"))
    chain.monitor.tell(incident("close", id="before"), incident("close", id="gone"))
    chain.receiver.wait_for(pager, told("before", "resolved"))
    assert chain.told_of("part") == []

    chain.monitor.tell(incident("close", id="market", signals=market))
    chain.receiver.wait_for(pager, told("part", "firing"))
    chain.monitor.tell(incident(id="again", signals=market))
    chain.receiver.wait_for(pager, told("again", "firing"))
    chain.monitor.tell(incident("close", id="part"))
    chain.receiver.wait_for(pager, told("part", "resolved"))
    chain.monitor.tell(incident("close", id="again", signals=market))
    chain.receiver.wait_for(pager, told("again", "resolved"))
    for which in ("before", "market", "part", "again"):
        assert chain.told_of(which) == ["firing", "resolved"]
    assert chain.told_of("gone") == []
    wait_until(lambda: chain.left_open() == set())


def test_a_monitor_that_is_killed_and_comes_back_neither_loses_a_page_nor_sends_another(
    chain: Chain,
) -> None:
    before = len(chain.told())
    paged = incident(id="killed")
    chain.monitor.tell(paged)
    chain.receiver.wait_for("/pager/webhook", lambda m: firing(m) and "killed" in str(m))
    chain.monitor.go()
    wait_until(lambda: chain.prometheus.query("up == 0"))
    assert chain.is_open(id="killed")
    chain.monitor.come(known=False)
    wait_until(lambda: chain.prometheus.query("foreshock:incidents_known == 0"))
    assert chain.is_open(id="killed")
    again = incident("update", id="killed", signals=("order_burst", "cancel_burst"))
    chain.monitor.exporter.know([again])
    wait_until(lambda: chain.prometheus.query("foreshock:incidents_known == 1"))
    assert chain.is_open(id="killed", signal="cancel_burst")
    chain.monitor.tell(incident("close", id="killed"))
    chain.receiver.wait_for("/pager/webhook", lambda m: resolved(m) and "killed" in str(m))
    assert chain.told()[before:] == ["firing", "resolved"]


def test_the_watchdog_is_heard_and_nothing_else_woke_anyone(chain: Chain) -> None:
    beat = chain.receiver.wait_for("/watchdog/webhook").body
    assert [a["labels"]["alertname"] for a in beat["alerts"]] == ["ForeshockWatchdog"]
    names = {
        a["labels"]["alertname"]
        for m in chain.receiver.at("/pager/webhook")
        for a in m.body["alerts"]
    }
    assert names <= {"ForeshockPage"}
