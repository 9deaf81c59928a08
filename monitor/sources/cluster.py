"""Asks the brokers what an audit wants to know, and changes nothing of the venue's there."""

import asyncio
from collections.abc import Collection
from typing import Any, Final

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError

from monitor.config import Kafka
from monitor.deployment.cluster import Cluster, Topic
from monitor.sources.kafka import client_options

ANSWER_S: Final = 30.0


async def describe(kafka: Kafka, topics: Collection[str], groups: Collection[str]) -> Cluster:
    """The cluster as it is now. Raises KafkaError, and TimeoutError where answers do not come.

    All topics are asked for, since a broker may create what it is asked for by name.
    """
    admin = AIOKafkaAdminClient(**client_options(kafka))
    try:
        async with asyncio.timeout(ANSWER_S):
            await admin.start()
            brokers = (await admin.describe_cluster())["brokers"]
            found = {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics()}
            answers = await _groups(admin, groups)
    finally:
        await admin.close()
    return Cluster(
        brokers=len(brokers),
        topics={name: _topic(found[name]) for name in topics if found.get(name)},
        members={
            group["group"]: len(group["members"])
            for answer in answers
            for group in answer.to_object()["groups"]
        },
    )


async def _groups(admin: AIOKafkaAdminClient, groups: Collection[str]) -> list[Any]:
    """What is said of each group; nothing where the cluster never had one."""
    try:
        return list(await admin.describe_consumer_groups(list(groups)))
    except GroupCoordinatorNotAvailableError:
        return []


def _topic(partitions: list[dict[str, Any]]) -> Topic:
    return Topic(
        partitions=len(partitions),
        replicas=min(len(partition["replicas"]) for partition in partitions),
        in_sync=min(len(partition["isr"]) for partition in partitions),
        leaderless=sum(partition["leader"] < 0 for partition in partitions),
    )
