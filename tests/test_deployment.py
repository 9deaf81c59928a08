"""The audit of a deployment: each rule on a configuration that breaks it, then on real brokers."""

import asyncio
import json
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner, Result

from monitor.broker import create_topics
from monitor.cli import main
from monitor.config import Config
from monitor.deployment import Audit, Cluster, Finding, Topic, judge
from monitor.deployment.controls import Taught
from monitor.deployment.text import audit_text
from monitor.settings import parse
from tests.live import Venue, running, until

SOUND: dict[str, Any] = {
    "venue": "sound",
    "kafka": {
        "bootstrap_servers": "kafka-1:9093,kafka-2:9093",
        "topics": ["orders", "cancels", "leverage-changes", "market"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_username": "foreshock",
        "sasl_password": "secret",
    },
    "incidents": {"page_budget_per_week": 2.0},
    "detectors": {"calibration": "quiet.json"},
    "checkpoint": {"directory": "/var/lib/foreshock"},
    "http": {"host": "10.0.0.5"},
    "output": {
        "audit_log": "audit.jsonl",
        "alerts_topic": "foreshock-alerts",
        "dead_letter_file": "dead.jsonl",
    },
}
A_WEEK = Taught(quiet_hours=168.0, simulated=False)
WHOLE = Topic(partitions=6, replicas=3, in_sync=3)
NAMES = ("orders", "cancels", "leverage-changes", "market", "foreshock-alerts")
HEALTHY = Cluster(brokers=3, topics=dict.fromkeys(NAMES, WHOLE), members={"foreshock": 2})


def sound(**changes: Any) -> Config:
    """The sound configuration with some keys changed: `kafka__topics=[…]`."""
    tables = msgspec.json.decode(msgspec.json.encode(SOUND))
    for name, value in changes.items():
        section, _, key = name.partition("__")
        if key:
            tables.setdefault(section, {})[key] = value
        else:
            tables[section] = value
    return parse(tables, "test")


def found(audit: Audit, what: str) -> Finding:
    (finding,) = (f for f in audit.findings if what in f.what)
    return finding


def test_a_sound_deployment_has_nothing_but_ok_and_what_nobody_here_can_check() -> None:
    audit = judge(sound(), taught=A_WEEK, cluster=HEALTHY)
    rest = [f.what for f in audit.findings if f.level != "ok"]
    assert rest == ["whether anybody watches the monitor"]
    assert not audit.critical


@pytest.mark.parametrize(
    ("changes", "what", "level", "change"),
    [
        (
            {"kafka__security_protocol": "PLAINTEXT"},
            'kafka.security_protocol = "PLAINTEXT"',
            "critical",
            'kafka.security_protocol = "SASL_SSL"',
        ),
        (
            {"kafka__security_protocol": "SASL_PLAINTEXT", "kafka__sasl_mechanism": "PLAIN"},
            "SASL_PLAINTEXT",
            "critical",
            'kafka.security_protocol = "SASL_SSL"',
        ),
        ({"kafka__security_protocol": "SASL_PLAINTEXT"}, "SASL_PLAINTEXT", "warning", "SASL_SSL"),
        ({"kafka__security_protocol": "SSL"}, "without kafka.ssl_certfile", "warning", "certfile"),
        ({"kafka__sasl_password": ""}, "kafka.sasl_password", "critical", "FORESHOCK_KAFKA__"),
        ({"kafka__ssl_check_hostname": False}, "ssl_check_hostname", "warning", "= true"),
        ({"kafka__bootstrap_servers": "kafka-1:9093"}, "one broker", "warning", "kafka-2"),
        ({"kafka__topics": []}, "kafka.topics = []", "critical", '"orders"'),
        (
            {"kafka__topics": ["orders", "cancels"]},
            "no topic carries `leverage`",
            "critical",
            'kafka.topics = ["orders", "cancels", "leverage-changes"]',
        ),
        (
            {
                "kafka__topics": ["orders", "cancels", "leverage-changes"],
                "kafka__optional_topics": [],
            },
            "no topic carries book, mark, liquidation, reject",
            None,
            'kafka.topics = ["orders", "cancels", "leverage-changes", "market"]',
        ),
        (
            {"kafka__topics": ["orders", "cancels", "leverage-changes"]},
            "whether the brokers have market",
            "unchecked",
            '"market"]',
        ),
        ({"kafka__topics": ["venue.all"]}, "which events venue.all", "unchecked", "venue.all"),
        ({"kafka__idle_after_s": 600.0}, "idle_after_s = 600", "warning", "= 5.0"),
        ({"input": {"lateness_s": 0.1}}, "less than a bin (0.25 s)", "warning", "= 2.0"),
        ({"input": {"lateness_s": 90.0}}, "lateness_s = 90", "warning", "= 2.0"),
        ({"incidents__page_budget_per_week": 70.0}, "week = 70, inc", "warning", "warnings_per"),
        ({"incidents__page_budget_per_week": 0.001}, "week = 0.001", "warning", "= 1.0"),
        ({"incidents__page_budget_per_week": 1.0}, "as it comes", "note", "page_budget"),
        ({"detectors__disabled": ["drift"]}, "disabled: drift", "warning", "disabled = []"),
        (
            {"detectors__disabled": ["order_burst", "cancel_burst", "leverage_burst"]},
            "disabled: order_burst",
            "critical",
            "disabled = []",
        ),
        ({"checkpoint__directory": ""}, "checkpoint.directory", "warning", "/var/lib"),
        ({"checkpoint__directory": "state"}, "a relative path", "note", "/var/lib"),
        ({"checkpoint__every_s": 900.0}, "every_s = 900", "warning", "= 10.0"),
        ({"http__host": "::"}, "all interfaces", "warning", "127.0.0.1"),
        ({"http__host": "127.0.0.1"}, "this machine only", "note", "http.host"),
        ({"http__port": 0}, "http.port = 0", "warning", "9108"),
        ({"output__audit_log": ""}, "output.audit_log", "warning", "audit.jsonl"),
        (
            {"output__audit_log": "", "output__alerts_topic": ""},
            "neither is output.alerts_topic",
            "critical",
            "audit.jsonl",
        ),
        ({"output__alerts_topic": ""}, "output.alerts_topic", "note", "foreshock-alerts"),
        ({"output__dead_letter_file": ""}, "no dead letters", "warning", "dead.jsonl"),
        ({"output__alerts_topic": "orders"}, "read as input too", "critical", "foreshock-alerts"),
        (
            {"output__dead_letter_topic": "foreshock-alerts"},
            "output.alerts_topic and output.dead_letter_topic",
            "critical",
            "foreshock-dead-letters",
        ),
        (
            {"output__dead_letter_file": "audit.jsonl"},
            "output.audit_log and output.dead_letter_file",
            "critical",
            "dead.jsonl",
        ),
    ],
)
def test_each_setting_that_is_a_risk_is_named_with_why_and_the_line_that_changes_it(
    changes: dict[str, Any], what: str, level: str | None, change: str
) -> None:
    finding = found(judge(sound(**changes), taught=A_WEEK), what)
    assert level is None or finding.level == level
    assert change in finding.change
    assert finding.why


def test_a_listener_on_this_machine_alone_is_no_alarm() -> None:
    for address in ("127.0.0.1:9092", "localhost:9092", "[::1]:9092"):
        config = sound(kafka__bootstrap_servers=address, kafka__security_protocol="PLAINTEXT")
        assert found(judge(config), "on this machine only").level == "note", address


def test_a_mapped_topic_carries_what_its_mapping_says() -> None:
    mapped = {"venue.c": {"type": "cancel"}, "venue.m": {"types": {"L": "leverage"}}}
    config = sound(kafka__topics=["orders"], topics=mapped)
    assert not [f for f in judge(config).findings if "no topic carries `" in f.what]


def test_a_calibration_is_as_good_as_the_quiet_flow_it_rests_on() -> None:
    none = found(judge(sound(detectors__calibration="")), "detectors.calibration is not set")
    assert none.level == "warning"
    short = judge(sound(), taught=Taught(quiet_hours=3.0, simulated=False))
    assert found(short, "3.0 hours of quiet flow").level == "warning"
    made = judge(sound(), taught=Taught(quiet_hours=99.0, simulated=True))
    assert found(made, "learned from simulated logs").level == "warning"


def test_what_was_not_asked_of_the_brokers_is_said_to_be_unchecked() -> None:
    audit = judge(sound(), taught=A_WEEK)
    unchecked = [f.what for f in audit.findings if f.level == "unchecked"]
    assert any("replicas" in what for what in unchecked)
    assert any("standby" in what for what in unchecked)


def changed(**topics: Topic) -> Cluster:
    """The healthy cluster with other topics, by names with underscores."""
    named = {name.replace("_", "-"): topic for name, topic in topics.items()}
    return msgspec.structs.replace(HEALTHY, topics=HEALTHY.topics | named)


def of(**fields: int) -> Topic:
    return msgspec.structs.replace(WHOLE, **fields)


@pytest.mark.parametrize(
    ("cluster", "what", "level"),
    [
        (msgspec.structs.replace(HEALTHY, brokers=1), "1 broker in the cluster", "critical"),
        (msgspec.structs.replace(HEALTHY, brokers=2), "2 brokers in the cluster", "warning"),
        (msgspec.structs.replace(HEALTHY, members={}), "no member in the group", "warning"),
        (msgspec.structs.replace(HEALTHY, members={"foreshock": 1}), "one member", "warning"),
        (changed(orders=of(replicas=1, in_sync=1)), "1 replica: orders", "critical"),
        (changed(cancels=of(replicas=2, in_sync=2)), "2 replicas: cancels", "warning"),
        (changed(cancels=of(in_sync=2)), "cancels: 2 of 3 replicas in sync", "warning"),
        (changed(cancels=of(leaderless=2)), "2 partitions without a leader", "critical"),
        (changed(leverage_changes=of(partitions=4)), "leverage-changes 4", "critical"),
        (
            msgspec.structs.replace(HEALTHY, topics={"orders": WHOLE}),
            "topic cancels does not exist",
            "critical",
        ),
        (
            msgspec.structs.replace(HEALTHY, topics=dict.fromkeys(NAMES[:-1], WHOLE)),
            "topic foreshock-alerts does not exist",
            "warning",
        ),
        ("connection refused", "no broker answers at kafka-1:9093,kafka-2:9093", "critical"),
    ],
)
def test_each_weakness_of_the_brokers_is_named(
    cluster: Cluster | str, what: str, level: str
) -> None:
    finding = found(judge(sound(), taught=A_WEEK, cluster=cluster), what)
    assert finding.level == level
    assert finding.why
    assert finding.change


def test_alerts_need_not_be_partitioned_like_events() -> None:
    audit = judge(sound(), cluster=changed(foreshock_alerts=of(partitions=1)))
    assert not audit.critical


def test_findings_come_worst_first_in_80_columns() -> None:
    audit = judge(parse({"kafka": {"bootstrap_servers": "kafka-1.example:9092"}}, "test"))
    lines = click.unstyle(audit_text(audit)).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("critical")
    assert lines[-1].startswith("venue: 2 critical, ")


def foreshock(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["audit", *arguments], env=env)


def toml(folder: Path, text: str) -> str:
    path = folder / "foreshock.toml"
    path.write_text(text)
    return str(path)


def test_the_exit_status_is_1_when_something_is_critical_and_2_when_nothing_can_be_said(
    tmp_path: Path,
) -> None:
    open_to_all = toml(tmp_path, 'kafka.bootstrap_servers = "kafka-1:9092"')
    said = foreshock("-c", open_to_all, "--json")
    assert said.exit_code == 1
    told = json.loads(said.stdout)
    assert told["findings"][0]["level"] == "critical"
    assert told["schema"] == 1
    closed = toml(tmp_path, '[output]\naudit_log = "a.jsonl"')
    assert foreshock("-c", closed).exit_code == 0
    for text, says in (
        ("kafka.topic = 1", "unknown key"),
        ('detectors.calibration = "nowhere.json"', "nowhere.json"),
    ):
        said = foreshock("-c", toml(tmp_path, text))
        assert said.exit_code == 2
        assert says in said.stderr
        assert len(said.stderr.splitlines()) == 1


def test_brokers_that_do_not_answer_are_a_finding_among_the_others(tmp_path: Path) -> None:
    config = toml(tmp_path, 'kafka.bootstrap_servers = "127.0.0.1:1"')
    said = foreshock("-c", config, "--connect")
    assert said.exit_code == 1
    assert "no broker answers at 127.0.0.1:1" in said.stdout
    assert "no dead letters" in said.stdout
    assert not said.stderr


@pytest.mark.kafka
def test_connect_asks_real_brokers_and_creates_nothing_there(
    any_broker: str, tmp_path: Path
) -> None:
    venue = Venue(any_broker)
    asyncio.run(venue.create())
    names = json.dumps([*venue.topics, venue.prefix + "absent"])
    config = toml(
        tmp_path,
        f'[kafka]\nbootstrap_servers = "{any_broker}"\ntopics = {names}\n'
        f'group_id = "{venue.prefix}group"\n',
    )
    said = foreshock("-c", config, "--connect", "--json")
    assert said.exit_code == 1
    audit = msgspec.json.decode(said.stdout, type=Audit)
    assert found(audit, "1 broker in the cluster").level == "critical"
    assert found(audit, f"1 replica: {venue.topics[0]}").level == "critical"
    assert found(audit, f"topic {venue.prefix}absent does not exist").level == "critical"
    assert found(audit, "3 partitions of every topic").level == "ok"
    assert found(audit, "no member in the group").level == "warning"
    asyncio.run(create_topics(any_broker, {venue.topics[0] + "-odd": 5}))
    text = Path(config).read_text().replace("absent", "orders-odd")
    said = foreshock("-c", toml(tmp_path, text), "--connect", "--json")
    audit = msgspec.json.decode(said.stdout, type=Audit)
    assert found(audit, "topics are not partitioned alike").level == "critical"
    assert venue.prefix + "absent" not in asyncio.run(listed(any_broker))


async def listed(bootstrap: str) -> set[str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        await admin.start()
        return set(await admin.list_topics())
    finally:
        await admin.close()


@pytest.mark.kafka
async def test_a_running_monitor_is_seen_in_its_group(embedded: str, tmp_path: Path) -> None:
    venue = Venue(embedded)
    await venue.create()
    config = venue.config(tmp_path)
    path = toml(
        tmp_path,
        f'[kafka]\nbootstrap_servers = "{embedded}"\ntopics = {json.dumps(venue.topics)}\n'
        f'group_id = "{venue.prefix}group"\n',
    )
    async with running(config) as service:
        await until(lambda: service.status.assigned)
        said = await asyncio.to_thread(foreshock, "-c", path, "--connect", "--json")
    audit = msgspec.json.decode(said.stdout, type=Audit)
    assert found(audit, "one member in the group").level == "warning"
