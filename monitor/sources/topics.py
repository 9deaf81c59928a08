"""Which topics the brokers have, and how many partitions each."""

from collections.abc import Collection

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from monitor.config import Kafka
from monitor.errors import UserError
from monitor.sources.kafka import client_options


async def existing(kafka: Kafka, topics: Collection[str]) -> list[str]:
    """Those of some topics that the brokers have; asking creates none. Raises KafkaError."""
    if not topics:
        return []
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        there = set(await admin.list_topics())
    finally:
        await admin.close()
    return [topic for topic in topics if topic in there]


async def partition_counts(kafka: Kafka, topics: Collection[str]) -> dict[str, int]:
    """Topic -> partitions. Raises UserError for a missing topic, KafkaError."""
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        await admin.start()
        found = await admin.describe_topics(list(topics))
    finally:
        await admin.close()
    counts = {topic["topic"]: len(topic["partitions"]) for topic in found}
    missing = [topic for topic in topics if not counts.get(topic)]
    if missing:
        raise UserError(f"kafka.topics: no such topic on the brokers: {', '.join(missing)}")
    return counts


def unanswered(kafka: Kafka, error: KafkaError) -> UserError:
    """What the client raised, for a command that does not wait for brokers."""
    return UserError(f"kafka.bootstrap_servers = {kafka.bootstrap_servers!r}: {error}")
