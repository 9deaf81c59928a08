"""Gives all partitions to one member of the group; the others stand by.

What is decided depends on the whole venue, so one member detects and the rest are hot standbys.
Partitions stay with the member that has got furthest, so that a newcomer does not disturb it.
"""

from collections.abc import Callable, Iterable, Mapping

from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)


class OneActive(AbstractPartitionAssignor):
    """progress: how far this member has got (its next bin), 0 where it holds nothing."""

    name = "foreshock-one-active"
    version = 0

    def __init__(self, progress: Callable[[], int]) -> None:
        self._progress = progress

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Sent on every join."""
        progress = self._progress().to_bytes(8, "big")
        return ConsumerProtocolMemberMetadata(self.version, list(topics), progress)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """All partitions of all topics to the member with the greatest progress."""
        active = max(members, key=lambda member: (members[member].user_data, member))
        topics = sorted({topic for each in members.values() for topic in each.subscription})
        everything = [
            (topic, sorted(partitions))
            for topic in topics
            if (partitions := cluster.partitions_for_topic(topic))
        ]
        return {
            member: ConsumerProtocolMemberAssignment(
                self.version, everything if member == active else [], b""
            )
            for member in members
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is kept of an assignment."""
