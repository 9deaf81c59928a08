"""Gives each member of the group a share of the partition numbers, the same of every topic.

Topics are keyed by symbol and partitioned alike, so partition p of every topic belongs together.
A member keeps the numbers it had, as far as shares stay even.
"""

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.abstract import AbstractPartitionAssignor
from aiokafka.coordinator.protocol import (
    ConsumerProtocolMemberAssignment,
    ConsumerProtocolMemberMetadata,
)


class Spread(AbstractPartitionAssignor):
    """held: the partition numbers that this member has."""

    name = "foreshock-spread"
    version = 0

    def __init__(self, held: Callable[[], Collection[int]]) -> None:
        self._held = held

    def metadata(self, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
        """Sent on every join."""
        held = msgspec.json.encode(sorted(self._held()))
        return ConsumerProtocolMemberMetadata(self.version, list(topics), held)

    def assign(
        self, cluster: ClusterMetadata, members: Mapping[str, ConsumerProtocolMemberMetadata]
    ) -> dict[str, ConsumerProtocolMemberAssignment]:
        """Partition number p of every topic to the member that has p."""
        topics = sorted({topic for each in members.values() for topic in each.subscription})
        there = {topic: cluster.partitions_for_topic(topic) or set() for topic in topics}
        numbers = sorted(set().union(*there.values()))
        shares = even_shares(numbers, {name: _numbers(each) for name, each in members.items()})
        return {
            member: ConsumerProtocolMemberAssignment(
                self.version,
                [(t, of_topic) for t in topics if (of_topic := sorted(there[t] & set(share)))],
                b"",
            )
            for member, share in shares.items()
        }

    def on_assignment(self, assignment: ConsumerProtocolMemberAssignment) -> None:
        """Nothing is kept of an assignment."""


def even_shares(
    numbers: Collection[int], held: Mapping[str, Collection[int]]
) -> dict[str, list[int]]:
    """Member -> its numbers. Shares differ by at most one; no number moves that need not.

    Where two members claim a number, as after a long silence, the first by name keeps it.
    """
    most, members_with_most = divmod(len(numbers), len(held))
    kept: dict[str, list[int]] = {}
    free = set(numbers)
    # The one more that some may have goes to those that hold the most.
    for member in sorted(held, key=lambda name: (-len(held[name]), name)):
        share = most + (members_with_most > 0)
        kept[member] = sorted(free & set(held[member]))[:share]
        members_with_most -= len(kept[member]) > most
        free -= set(kept[member])
    for number in sorted(free):
        least = min(kept, key=lambda name: (len(kept[name]), name))
        kept[least].append(number)
    return {member: sorted(share) for member, share in kept.items()}


def _numbers(member: ConsumerProtocolMemberMetadata) -> list[int]:
    try:
        return msgspec.json.decode(member.user_data or b"[]", type=list[int])
    except msgspec.DecodeError:
        return []
