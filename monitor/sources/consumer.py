"""A Kafka consumer that hands records over as they lie in their batch.

aiokafka makes a dataclass with eleven fields of each record, which is most of what reading costs.
A record in its batch has the same `offset`, `timestamp` and `value`, and no more is asked here.

This reaches behind aiokafka's public interface. Where a release moves what is reached for, records
come as dataclasses again, slower and otherwise the same; a test says so.
"""

from collections import OrderedDict
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition


class Record(Protocol):
    """What is read of a record.

    timestamp: milliseconds, -1 for none. value: None is a tombstone.
    """

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...


class BatchConsumer(AIOKafkaConsumer):
    """Use `getmany`, and of each record what `Record` names."""

    async def start(self) -> None:
        """Connect; raises KafkaError when no broker answers."""
        await super().start()
        fetcher: Any = getattr(self, "_fetcher", None)
        if hasattr(fetcher, "_records"):
            fetcher._records = _Fetched(fetcher._records)

    def left(self, partition: TopicPartition, position: int = 0) -> int | None:
        """Records to the end, from a position or from what is read next, the later of them; None
        before a fetch has shown the end. What the client has passed over is none: markers of
        transactions, and what was deleted. What waits for its transaction is one."""
        state = self._subscription.subscription.assignment.state_value(partition)
        if state.highwater is None:
            return None
        passed = state.position if state.has_valid_position else 0
        return int(max(0, state.highwater - max(position, passed)))


class _Fetched(OrderedDict[Any, Any]):
    """What was fetched of each partition: records still in their batches, or an error."""

    def __setitem__(self, partition: Any, result: Any) -> None:
        records = getattr(result, "_partition_records", None)
        if records is not None:
            records._consumer_record = _in_its_batch
        super().__setitem__(partition, result)


def _in_its_batch(_partition: Any, record: Any) -> Any:
    return record
