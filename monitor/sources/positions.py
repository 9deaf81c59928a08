"""Where a moment is in the logs of partitions, found by reading records.

Brokers have calls for the end of a log and for the offset of a time, but not every broker answers
them rightly, and none says when it does not. What a fetch returns is right everywhere, so the end
is the high watermark that comes with a fetch, and a moment is found by halving the log: about
twenty small reads, made for all partitions at once.

"Recent" counts back from the newest record of all the partitions together where that is older than
now, so that a topic which was replayed with old timestamps has a recent part too. It is one moment
for all of them: if each partition counted back from its own newest record, a quiet one would begin
hours before the others, and detectors would learn from hours in which the others seem silent.
"""

import time
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from monitor.records import Partition

Start = Literal["earliest", "recent", "latest"]
POLL_MS: Final = 200
READ_S: Final = 5.0
MARKERS: Final = 8  # of transactions, which no read returns, that a log may end in
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """The part of a log to look in: offsets first to end, without end.

    newest_ms: broker timestamp of its last record, None of an empty span.
    """

    first: int
    end: int
    newest_ms: int | None


async def start_offsets(
    options: Mapping[str, Any],
    partitions: Collection[Partition],
    *,
    start: Start,
    back_s: float,
    before: Mapping[Partition, int] | None = None,
) -> dict[Partition, int]:
    """Where to begin to read each partition: the earliest record, `back_s` before now, the end.

    options: those of the client. before: partition -> offset; what is recent is then counted
    back from these offsets instead of from the ends of the logs. Raises KafkaError.
    """
    async with _reader(options, partitions) as consumer:
        tps = [TopicPartition(*partition) for partition in partitions]
        first = await consumer.beginning_offsets(tps)
        if start != "earliest":
            limits = {TopicPartition(*p): offset for p, offset in (before or {}).items()}
            spans = await _spans(consumer, first, limits)
            first = {tp: span.end for tp, span in spans.items()}
            if start == "recent":
                first = await _offsets_at(consumer, spans, _recent_ms(spans.values(), back_s))
    return {Partition(tp.topic, tp.partition): offset for tp, offset in first.items()}


@asynccontextmanager
async def _reader(
    options: Mapping[str, Any], partitions: Collection[Partition]
) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group, for small reads here and there."""
    consumer = AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="earliest",  # where retention is faster than a read
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=64 * 1024,
        **options,
    )
    consumer.assign([TopicPartition(*partition) for partition in partitions])
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()


async def _spans(
    consumer: AIOKafkaConsumer,
    first: Mapping[TopicPartition, int],
    limits: Mapping[TopicPartition, int],
) -> dict[TopicPartition, Span]:
    await _records_at(consumer, first)  # shows the ends
    ends = {tp: consumer.highwater(tp) or offset for tp, offset in first.items()}
    ends = {tp: max(first[tp], min(end, limits.get(tp, end))) for tp, end in ends.items()}
    last = {tp: end - 1 for tp, end in ends.items() if end > first[tp]}
    newest = await _records_at(consumer, last)
    ended = {tp: max(first[tp], at - MARKERS) for tp, at in last.items() if tp not in newest}
    newest |= await _records_at(consumer, ended)  # where transactions end, markers are last
    return {
        tp: Span(first[tp], end, newest[tp].timestamp if tp in newest else None)
        for tp, end in ends.items()
    }


def _recent_ms(spans: Collection[Span], back_s: float) -> float:
    """The moment that is `back_s` before the newest record, or before now where that is older."""
    newest_ms = max((span.newest_ms or 0 for span in spans), default=0)
    now_ms = time.time() * 1000
    return (min(newest_ms, now_ms) if newest_ms > 0 else now_ms) - back_s * 1000


async def _offsets_at(
    consumer: AIOKafkaConsumer, spans: Mapping[TopicPartition, Span], at_ms: float
) -> dict[TopicPartition, int]:
    """The first offset of each span whose record is not older than a moment."""
    low = {tp: span.first for tp, span in spans.items()}
    high = {tp: span.end for tp, span in spans.items()}
    while middle := {tp: (low[tp] + high[tp]) // 2 for tp in spans if low[tp] < high[tp]}:
        records = await _records_at(consumer, middle)
        for tp, offset in middle.items():
            record = records.get(tp)
            if record is None or record.offset >= high[tp] or record.timestamp >= at_ms:
                high[tp] = offset
            else:
                low[tp] = record.offset + 1
    return high


async def _records_at(
    consumer: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int]
) -> dict[TopicPartition, ConsumerRecord]:
    """The first record at or after an offset of each partition that has one."""
    for tp, offset in offsets.items():
        consumer.seek(tp, offset)
    found: dict[TopicPartition, ConsumerRecord] = {}
    left = set(offsets)
    give_up_s = time.monotonic() + READ_S
    while left:
        fetched = await consumer.getmany(*left, timeout_ms=POLL_MS)
        found |= {tp: records[0] for tp, records in fetched.items() if records}
        left -= found.keys()
        left -= {tp for tp in left if await _at_end(consumer, tp)}
        if time.monotonic() > give_up_s and left:
            _log.info("no record found from an offset on", partitions=sorted(map(str, left)))
            break
    return found


async def _at_end(consumer: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    end = consumer.highwater(tp)
    return end is not None and await consumer.position(tp) >= end
