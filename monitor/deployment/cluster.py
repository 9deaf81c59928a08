"""What the brokers say: topics, their partitions and replicas, and who is in the group."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Final

from msgspec import Struct

from monitor.config import Config
from monitor.deployment.findings import Finding
from monitor.deployment.inputs import addresses

BROKERS_MIN: Final = 3
REPLICAS_MIN: Final = 3

_finding = partial(Finding, area="single points")


class Topic(Struct, frozen=True, kw_only=True):
    """One topic. replicas, in_sync: of its worst partition. leaderless: partitions without one."""

    partitions: int
    replicas: int
    in_sync: int
    leaderless: int = 0


class Cluster(Struct, frozen=True, kw_only=True):
    """topics: those of the configuration that exist. members: by consumer group."""

    brokers: int
    topics: dict[str, Topic]
    members: dict[str, int]


def groups(config: Config) -> list[str]:
    """The consumer groups of a deployment: with shards, theirs and that of the detection."""
    group = config.kafka.group_id
    return [group] if config.scale.role == "all" else [group, f"{group}-detection"]


def topics(config: Config) -> list[str]:
    """All topics that a deployment reads or writes."""
    names = list(config.all_topics)
    if config.scale.role != "all":
        names.append(config.scale.frames_topic)
    written = (config.output.alerts_topic, config.output.dead_letter_topic)
    return list(dict.fromkeys([*names, *(topic for topic in written if topic is not None)]))


def single_points(config: Config, cluster: Cluster | str | None) -> Iterator[Finding]:
    """Findings on what one failure takes down.

    cluster: what the brokers said, or why they said nothing, or None where they were not asked.
    """
    yield _bootstrap(config)
    if cluster is None:
        for what in (
            "whether topics exist, are partitioned alike and have replicas",
            f"whether a standby is in the group {config.kafka.group_id}",
        ):
            yield _finding(
                level="unchecked",
                what=what,
                why="Only the brokers know.",
                change="foreshock audit -c FILE --connect",
            )
    elif isinstance(cluster, str):
        yield _finding(
            level="critical",
            what=f"no broker answers at {config.kafka.bootstrap_servers}",
            why=f"Nothing can be read, and nothing of topics and groups was checked: {cluster}",
            change="kafka.bootstrap_servers, kafka.security_protocol or the brokers themselves",
        )
    else:
        yield _brokers(cluster)
        yield from _missing(config, cluster)
        yield from _alike(config, cluster)
        yield from _replicas(cluster)
        for group in groups(config):
            yield _members(group, cluster.members.get(group, 0))


def _bootstrap(config: Config) -> Finding:
    listed = addresses(config.kafka)
    what = f'kafka.bootstrap_servers = "{config.kafka.bootstrap_servers}"'
    if len(listed) > 1:
        return _finding(level="ok", what=f"{what}: {len(listed)} brokers to begin with")
    return _finding(
        level="warning",
        what=f"{what}: one broker",
        why="While that broker is down no monitor can start, though the others would do.",
        change='kafka.bootstrap_servers = "kafka-1:9093,kafka-2:9093,kafka-3:9093"',
    )


def _brokers(cluster: Cluster) -> Finding:
    if cluster.brokers >= BROKERS_MIN:
        return _finding(level="ok", what=f"{cluster.brokers} brokers in the cluster")
    return _finding(
        level="critical" if cluster.brokers < 2 else "warning",
        what=f"{cluster.brokers} broker{'s' * (cluster.brokers != 1)} in the cluster",
        why="When it fails, the venue's events and the monitor's alerts stop with it."
        if cluster.brokers < 2
        else "While one is down for maintenance, the other must not fail.",
        change=f"run {BROKERS_MIN} brokers or more",
    )


def _missing(config: Config, cluster: Cluster) -> Iterator[Finding]:
    read = set(config.all_topics)
    for topic in topics(config):
        if topic not in cluster.topics:
            yield _finding(
                level="critical" if topic in read else "warning",
                what=f"topic {topic} does not exist",
                why="The monitor refuses to start, or waits for it."
                if topic in read
                else "It depends on the brokers whether a first message makes it, and how.",
                change=_create(topic, config, cluster),
            )


def _create(topic: str, config: Config, cluster: Cluster) -> str:
    alike = [cluster.topics[t].partitions for t in config.all_topics if t in cluster.topics]
    partitions = max(alike, default=3)
    return (
        f"kafka-topics.sh --create --topic {topic} --partitions {partitions} "
        f"--replication-factor {min(REPLICAS_MIN, max(cluster.brokers, 1))}"
    )


def _alike(config: Config, cluster: Cluster) -> Iterator[Finding]:
    there = [topic for topic in topics(config) if topic in cluster.topics]
    out = (config.output.alerts_topic, config.output.dead_letter_topic)
    counts = {t: cluster.topics[t].partitions for t in there if t not in out}
    if len(set(counts.values())) > 1:
        usual = Counter(counts.values()).most_common(1)[0][0]
        odd = next(topic for topic, count in counts.items() if count != usual)
        yield _finding(
            level="critical",
            what="topics are not partitioned alike: "
            + ", ".join(f"{topic} {count}" for topic, count in counts.items()),
            why="Partition p of every topic belongs together, by symbol: a shard would see only "
            "some of a symbol's events.",
            change=f"give {odd} {max(counts.values())} partitions, like the others",
        )
    elif counts:
        yield _finding(level="ok", what=f"{next(iter(counts.values()))} partitions of every topic")


def _replicas(cluster: Cluster) -> Iterator[Finding]:
    for level, replicas in (("critical", 1), ("warning", 2)):
        few = [name for name, topic in cluster.topics.items() if topic.replicas == replicas]
        if few:
            yield _finding(
                level="critical" if level == "critical" else "warning",
                what=f"{replicas} replica{'s' * (replicas > 1)}: {', '.join(few)}",
                why="When its broker fails, what is in it is gone or cannot be reached."
                if replicas == 1
                else "When one broker is down, nothing is left to spare.",
                change=f"--replication-factor {REPLICAS_MIN} for these topics "
                "(kafka-reassign-partitions.sh)",
            )
    for name, topic in cluster.topics.items():
        if topic.leaderless:
            yield _finding(
                level="critical",
                what=f"topic {name}: {topic.leaderless} partitions without a leader",
                why="They cannot be read now; after kafka.idle_after_s they are not waited for.",
                change="bring back the brokers that hold them",
            )
        elif topic.in_sync < topic.replicas:
            yield _finding(
                level="warning",
                what=f"topic {name}: {topic.in_sync} of {topic.replicas} replicas in sync",
                why="The next failure may lose events.",
                change="bring back the brokers that hold the others",
            )
    if cluster.topics and min(topic.replicas for topic in cluster.topics.values()) >= REPLICAS_MIN:
        yield _finding(level="ok", what=f"{REPLICAS_MIN} replicas or more of every topic")


def _members(group: str, members: int) -> Finding:
    if members > 1:
        return _finding(level="ok", what=f"{members} members in the group {group}")
    return _finding(
        level="warning",
        what=f"{'no' if members == 0 else 'one'} member in the group {group}",
        why="Nothing watches the venue now."
        if members == 0
        else "While it restarts, or its machine is down, nothing watches the venue.",
        change="foreshock run -c FILE  # on another machine too, with the same checkpoint folder",
    )
