"""From a venue to who is woken: Apache Kafka, `foreshock run`, Prometheus, Alertmanager, all real.

Venue time runs faster than ours, so what is claimed of time is order: the page has come before the
forced wave has happened.
"""

import asyncio
import json
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.local.provision import prometheus_settings
from monitor.events import NS_PER_S
from monitor.simulator import Options
from tests.apache_kafka import ApacheKafka
from tests.oncall.alertmanager import Alertmanager
from tests.oncall.programs import Program, wait_until
from tests.oncall.prometheus import Prometheus
from tests.oncall.receiver import Message, Receiver
from tests.oncall.venue import Play

QUIET: Final = Path(__file__).parents[2] / "monitor" / "demo" / "quiet.json"
LATENESS_S: Final = 2  # a bin is judged once its partitions' clocks are this far past it
IDLE_AFTER_S: Final = 20.0  # on a busy machine five seconds without a record are no silence
PAGE_WITHIN_S: Final = 10.0  # one to two on an idle machine
CASCADE: Final = Options(
    seed=3, scenario="cascade", rate=600.0, duration_s=560.0, onset_s=70.0, size="medium"
)
DECOYS: Final = Options(
    seed=41, scenario="maker_restart", rate=600.0, duration_s=3_600.0, onset_s=1_200.0
)
pytestmark = pytest.mark.kafka


class Monitor(Program):
    """`foreshock run` as a process of its own, which may be killed and started again."""

    def __init__(self, folder: Path, play: Play, venue: str, *, hold_s: float = 15.0) -> None:
        command = [sys.executable, "-m", "monitor.cli", "run", "-c", "foreshock.toml"]
        super().__init__(command, folder, ready="/healthz")
        self.venue = venue
        (folder / "foreshock.toml").write_text(
            f"""
            venue = "{venue}"
            [kafka]
            bootstrap_servers = "{play.bootstrap}"
            group_id = "{play.prefix}{venue}"
            topics = {json.dumps(play.topics)}
            start = "earliest"
            session_timeout_s = 6.0
            idle_after_s = {IDLE_AFTER_S}
            [detectors]
            calibration = "{QUIET}"
            [incidents]
            hold_s = {hold_s}
            [checkpoint]
            directory = "state"
            every_s = 0.5
            [output]
            audit_log = "audit.jsonl"
            [http]
            port = {self.address.partition(":")[2]}
            """
        )

    def changes(self) -> list[dict[str, Any]]:
        """What the audit log says of incidents."""
        file = self.folder / "audit.jsonl"
        lines = file.read_bytes().splitlines(keepends=True) if file.exists() else []
        told = [json.loads(line) for line in lines if line.endswith(b"\n")]
        return [change for change in told if "severity" in change]

    def paged(self) -> dict[str, dict[str, Any]]:
        """The change with which each incident first was a page, by id."""
        found: dict[str, dict[str, Any]] = {}
        for change in self.changes():
            if change["severity"] == "page":
                found.setdefault(change["id"], change)
        return found


@dataclass(frozen=True, slots=True)
class Woken:
    """Who watches whom: monitors, one Prometheus, one Alertmanager, and what came of it."""

    receiver: Receiver
    prometheus: Prometheus

    def pages(self, venue: str) -> dict[str, list[Message]]:
        """What the pager was told of a venue's incidents, by id, oldest first."""
        told: dict[str, list[Message]] = defaultdict(list)
        for message in self.receiver.at("/pager/webhook"):
            labels = message.body["groupLabels"]
            if "id" in labels and labels["venue"] == venue:
                told[labels["id"]].append(message)
        return told

    def first_page(self, venue: str) -> tuple[str, list[Message]]:
        """The first incident that was told, and its messages."""
        return next(iter(self.pages(venue).items()))

    def wait_until_over(self, venue: str) -> None:
        """Wait until no page of a venue is open, and those that were told have been told to end."""
        still = f'foreshock:incident_open{{venue="{venue}",severity="page"}}'
        wait_until(
            lambda: (
                all(
                    of_one[-1].body["status"] == "resolved" for of_one in self.pages(venue).values()
                )
                and not self.prometheus.query(still)
            )
        )


def watching(stack: ExitStack, folder: Path, monitors: list[Monitor]) -> Woken:
    """Start everything behind the monitors, and wait until they are seen."""
    receiver = stack.enter_context(Receiver())
    alertmanager = stack.enter_context(Alertmanager(folder / "am", receiver=receiver.address))
    scrape = prometheus_settings(targets=(), alertmanager=None, venue="")["scrape_configs"]
    scrape[0]["static_configs"] = [
        {"targets": [monitor.address], "labels": {"venue": monitor.venue}} for monitor in monitors
    ]
    prometheus = stack.enter_context(
        Prometheus(
            folder / "prom",
            targets=[monitor.address for monitor in monitors],
            alertmanager=alertmanager.address,
            settings={"scrape_configs": scrape},
        )
    )
    prometheus.wait_until_scraped()
    return Woken(receiver, prometheus)


@dataclass(slots=True)
class Outcome:
    """A cascade that two monitors read: one undisturbed, one killed twice."""

    play: Play
    woken: Woken
    steady: Monitor
    killed: Monitor
    paged_at_kill: list[bool] = field(default_factory=list)


@pytest.fixture(scope="module")
def cascade(
    apache_kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcome]:
    folder = tmp_path_factory.mktemp("cascade")
    play = Play(apache_kafka.bootstrap, "cascade-", CASCADE, speed=10.0)
    asyncio.run(play.create())
    with ExitStack() as stack:
        steady, killed = (
            stack.enter_context(Monitor(folder / name, play, name)) for name in ("steady", "killed")
        )
        outcome = Outcome(play, watching(stack, folder, [steady, killed]), steady, killed)
        going = threading.Event()
        going.set()
        player = threading.Thread(target=lambda: asyncio.run(play.run(going.is_set)))
        stack.callback(player.join)
        stack.callback(going.clear)
        player.start()
        _kill_twice(outcome)
        player.join()
        for monitor in (steady, killed):
            outcome.woken.wait_until_over(monitor.venue)
        yield outcome


def _kill_twice(outcome: Outcome) -> None:
    """Once while an incident is open and no page has come, once after it has."""
    killed = outcome.killed
    wait_until(killed.changes)
    for _ in range(2):
        killed.stop(kill=True)
        outcome.paged_at_kill.append(bool(outcome.woken.pages("killed")))
        killed.start()
        wait_until(lambda: outcome.woken.pages("killed"))


def _expected(monitor: Monitor) -> tuple[set[str], set[str]]:
    """Incidents that must be told as pages, and those that may be: a page of the whole market mutes
    its parts, and whether one that outlasts it is told depends on when Alertmanager looks."""
    paged = monitor.paged()
    ends_ns = {c["id"]: c["at_ns"] for c in monitor.changes() if c["change"] == "close"}
    must, may = set[str](), set[str]()
    for of_page, change in paged.items():
        muted_until_ns = max(
            (ends_ns[m] for m in must if "market_wide" in paged[m]["signals"]), default=0
        )
        if change["at_ns"] > muted_until_ns:
            must.add(of_page)
        elif ends_ns[of_page] > muted_until_ns:
            may.add(of_page)
    return must, may


def _assert_told_once(outcome: Outcome, monitor: Monitor) -> None:
    told = outcome.woken.pages(monitor.venue)
    must, may = _expected(monitor)
    assert len(must) == 1
    assert must <= told.keys() <= must | may
    for of_one in told.values():
        assert [message.body["status"] for message in of_one] == ["firing", "resolved"]


def test_a_cascade_is_one_page_and_its_close_another_message(cascade: Outcome) -> None:
    _assert_told_once(cascade, cascade.steady)
    assert cascade.woken.prometheus.broken_rules() == []


def test_the_page_comes_before_the_forced_wave_and_soon_after_its_bin(cascade: Outcome) -> None:
    play, labels = cascade.play, cascade.play.labels
    assert labels is not None
    (wave_ns,) = [e.first_forced_wave_ns for e in labels.events if not e.decoy]
    assert wave_ns is not None
    of_page, told = cascade.woken.first_page("steady")
    assert told[0].at_s < play.at_s(wave_ns + play.shift_ns)
    decided_ns = cascade.steady.paged()[of_page]["at_ns"]
    assert told[0].at_s - play.at_s(decided_ns + LATENESS_S * NS_PER_S) < PAGE_WITHIN_S


def test_the_page_says_what_is_wrong_where_and_where_to_read_on(cascade: Outcome) -> None:
    assert cascade.play.labels is not None
    (scenario,) = [e for e in cascade.play.labels.events if not e.decoy]
    of_page, told = cascade.woken.first_page("steady")
    (alert,) = told[0].body["alerts"]
    said = alert["annotations"]
    assert any(symbol in said["summary"] for symbol in scenario.symbols)
    assert set(said["symbols"].split(",")) & set(scenario.symbols)
    assert alert["labels"]["severity"] == "page"
    assert said["incident_url"].endswith(f"/incidents/{of_page}")
    assert said["runbook_url"].endswith(f"/{alert['labels']['signal']}.md")
    assert said["onset"]
    assert said["ratio"].endswith("x")
    accounts = {name for event in cascade.play.labels.events for name in event.accounts}
    assert accounts
    assert not [name for name in accounts if f"{name} " in said["summary"]]


def test_a_monitor_killed_mid_incident_neither_loses_the_page_nor_sends_another(
    cascade: Outcome,
) -> None:
    assert cascade.paged_at_kill == [False, True]
    _assert_told_once(cascade, cascade.killed)
    # The venue's name is in an id; all else is as it was without the kills.
    as_killed, as_steady = (
        [change | {"id": ""} for change in monitor.paged().values()]
        for monitor in (cascade.killed, cascade.steady)
    )
    assert as_killed == as_steady


def test_an_hour_of_decoys_wakes_nobody(apache_kafka: ApacheKafka, tmp_path: Path) -> None:
    """As fast as it can be made, so an incident is held open for two minutes of the venue: long
    enough that no page could hide between two scrapes."""
    play = Play(apache_kafka.bootstrap, "decoys-", DECOYS, speed=1_000.0)
    asyncio.run(play.create())
    with ExitStack() as stack:
        monitor = stack.enter_context(Monitor(tmp_path / "monitor", play, "decoys", hold_s=120.0))
        woken = watching(stack, tmp_path, [monitor])
        asyncio.run(play.run())
        read = f"sum(foreshock_events_total) == {play.events_total}"
        wait_until(lambda: woken.prometheus.query(read))
        woken.receiver.wait_for("/watchdog/webhook")
        assert play.labels is not None
        assert len([event for event in play.labels.events if event.decoy]) == 3
        assert monitor.changes()
        assert not monitor.paged()
        assert not woken.pages("decoys")
