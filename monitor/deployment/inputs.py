"""What the settings say of the inputs: brokers, access, topics and time."""

from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

from detectors.registry import DETECTORS
from monitor.config import Config, Kafka
from monitor.deployment.findings import Finding
from monitor.events import EVENT_TYPES, NS_PER_S

CONTRACT_TOPICS: Final = {
    "orders": ("order", "fill"),
    "cancels": ("cancel",),
    "leverage-changes": ("leverage",),
    "market": ("book", "mark", "liquidation", "reject"),
}
# Signals that have no input without an event type; those of the contract's optional types.
READ_BY: Final = {
    "fill": ("thin_book", "thin_book_clustering"),
    "book": (),
    "mark": ("liquidation_band", "cascade", "crowding", "index_lag", "mark_divergence"),
    "liquidation": ("liquidation_burst",),
    "reject": ("reject_storm",),
}
MAIN: Final = ("order", "cancel", "leverage")
LATENESS_MAX_S: Final = 30.0
IDLE_MAX_S: Final = 60.0

_finding = partial(Finding, area="inputs")


def inputs(config: Config) -> Iterator[Finding]:
    """Findings on what is read, and from whom."""
    yield from _access(config.kafka)
    yield from _topics(config)
    yield from _time(config)


def addresses(kafka: Kafka) -> list[str]:
    return [part.strip() for part in kafka.bootstrap_servers.split(",") if part.strip()]


def is_loopback(kafka: Kafka) -> bool:
    """Whether all brokers are on this machine."""
    hosts = [address.rpartition(":")[0].strip("[]") or address for address in addresses(kafka)]
    return all(host.startswith("127.") or host in ("localhost", "::1") for host in hosts)


def _access(kafka: Kafka) -> Iterator[Finding]:
    protocol = kafka.security_protocol
    what = f'kafka.security_protocol = "{protocol}"'
    if protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and is_loopback(kafka):
        yield _finding(
            level="note",
            what=f"{what}, on this machine only",
            why="The listener can be read by all who are on this machine, and by nobody else.",
            change='kafka.security_protocol = "SASL_SSL"  # before brokers move elsewhere',
        )
    elif protocol == "PLAINTEXT":
        yield _finding(
            level="critical",
            what=what,
            why="The listener asks for no name and encrypts nothing: whoever reaches it reads "
            "every account's orders, and can write events that raise or hide alarms.",
            change='kafka.security_protocol = "SASL_SSL"',
        )
    elif protocol == "SASL_PLAINTEXT":
        clear = kafka.sasl_mechanism == "PLAIN"
        yield _finding(
            level="critical" if clear else "warning",
            what=f'{what}, kafka.sasl_mechanism = "{kafka.sasl_mechanism}"',
            why=f"{'The password and all' if clear else 'All'} orders cross the network "
            "unencrypted.",
            change='kafka.security_protocol = "SASL_SSL"',
        )
    elif protocol == "SSL" and kafka.ssl_certfile is None:
        yield _finding(
            level="warning",
            what=f"{what} without kafka.ssl_certfile",
            why="The line is encrypted, but the monitor shows no certificate: a listener that "
            "lets it in lets everybody in.",
            change='kafka.ssl_certfile = "/etc/ssl/foreshock.pem"',
        )
    else:
        yield _finding(level="ok", what=f"{what}: the listener asks who reads")
    yield from _credentials(kafka)


def _credentials(kafka: Kafka) -> Iterator[Finding]:
    named = kafka.sasl_username is not None and kafka.sasl_password is not None
    sasl = kafka.security_protocol.startswith("SASL")
    if sasl and kafka.sasl_mechanism != "GSSAPI" and not named:
        missing = "sasl_username" if kafka.sasl_username is None else "sasl_password"
        yield _finding(
            level="critical",
            what=f"kafka.{missing} is not set",
            why=f"{kafka.security_protocol} with {kafka.sasl_mechanism} cannot log in without it.",
            change='kafka.sasl_username = "foreshock"'
            if missing == "sasl_username"
            else "FORESHOCK_KAFKA__SASL_PASSWORD=…  # in the environment",
        )
    if kafka.security_protocol.endswith("SSL") and not kafka.ssl_check_hostname:
        yield _finding(
            level="warning",
            what="kafka.ssl_check_hostname = false",
            why="Any certificate of the same authority passes for a broker.",
            change="kafka.ssl_check_hostname = true",
        )


def carried(config: Config) -> tuple[set[str], list[str]]:
    """Event types that the topics are known to carry, and topics that may carry any."""
    types: set[str] = set()
    open_topics = []
    for topic in config.all_topics:
        mapping = config.topics.get(topic)
        if mapping is not None and mapping.type is not None:
            types.add(mapping.type)
        elif mapping is not None and mapping.types:
            types.update(mapping.types.values())
        elif topic in CONTRACT_TOPICS and mapping is None:
            types.update(CONTRACT_TOPICS[topic])
        else:
            open_topics.append(topic)
    return types, open_topics


def _topics(config: Config) -> Iterator[Finding]:
    types, open_topics = carried(config)
    if not config.all_topics:
        yield _finding(
            level="critical",
            what="kafka.topics = []",
            why="Nothing is read.",
            change='kafka.topics = ["orders", "cancels", "leverage-changes", "market"]',
        )
        return
    if open_topics:
        yield _finding(
            level="unchecked",
            what=f"which events {', '.join(open_topics)} carry",
            why="Their names are not the contract's and no mapping says it; values must carry a "
            "`type` in the contract's form, or all of them are bad records.",
            change=f'topics.{_quoted(open_topics[0])}.type = "order"  # where values do not',
        )
        return
    for name in MAIN:
        if name not in types:
            yield _finding(
                level="critical",
                what=f"no topic carries `{name}` events",
                why=f"{name}_burst, and all that build on it, stay blind.",
                change=f"kafka.topics = {_topic_list(config, name)}",
            )
    looked_for = [topic for topic in config.optional_topics if topic in CONTRACT_TOPICS]
    if looked_for:
        types = types.union(*(CONTRACT_TOPICS[topic] for topic in looked_for))
        yield _finding(
            level="unchecked",
            what=f"whether the brokers have {', '.join(looked_for)}",
            why="It is read where it exists. Without it the signals on liquidations, rejects, "
            "marks and positions are blind or dull.",
            change=f"kafka.topics = {_topic_list(config, 'mark')}  # to insist on it",
        )
    yield from _optional(config, types)


def _optional(config: Config, types: Collection[str]) -> Iterator[Finding]:
    absent = [name for name in EVENT_TYPES if name not in types and name not in MAIN]
    installed = {name.partition(".")[0] for name in DETECTORS} - set(config.detectors.disabled)
    blind = [s for name in absent for s in READ_BY[name] if s in installed]
    if blind:
        yield _finding(
            level="warning",
            what=f"no topic carries {', '.join(absent)}",
            why=f"Blind or dull without them: {', '.join(dict.fromkeys(blind))}.",
            change=f"kafka.topics = {_topic_list(config, absent[-1])}",
        )
    elif absent:
        yield _finding(
            level="note",
            what=f"no topic carries {', '.join(absent)}",
            why="No detector in use needs them. A recorded log without them cannot be audited for "
            "the fairness of its liquidations.",
            change=f"kafka.topics = {_topic_list(config, absent[-1])}",
        )
    else:
        yield _finding(level="ok", what="topics for all eight types of events")


def _topic_list(config: Config, event_type: str) -> str:
    """The topics with the contract's topic of a type added, as TOML."""
    missing = next(topic for topic, types in CONTRACT_TOPICS.items() if event_type in types)
    names = ", ".join(_quoted(topic) for topic in [*config.kafka.topics, missing])
    return f"[{names}]"


def _quoted(text: str) -> str:
    return f'"{text}"'


def _time(config: Config) -> Iterator[Finding]:
    lateness_s, bin_s = config.input.lateness_s, config.bin_ns / NS_PER_S
    what = f"input.lateness_s = {lateness_s:g}"
    if lateness_s < bin_s:
        yield _finding(
            level="warning",
            what=f"{what}, less than a bin ({bin_s:g} s)",
            why="Events that come a little out of order are late, and not counted; watch "
            "foreshock_late_events_total.",
            change="input.lateness_s = 2.0",
        )
    elif lateness_s > LATENESS_MAX_S:
        yield _finding(
            level="warning",
            what=what,
            why="Every alarm waits that long for late events.",
            change="input.lateness_s = 2.0",
        )
    else:
        yield _finding(level="ok", what=f"{what}, at least a bin")
    if config.kafka.idle_after_s > IDLE_MAX_S:
        yield _finding(
            level="warning",
            what=f"kafka.idle_after_s = {config.kafka.idle_after_s:g}",
            why="One silent partition holds back the whole venue for that long.",
            change="kafka.idle_after_s = 5.0",
        )
