"""Publishes the exchange in real time to a broker: python -m monitor.demo.publish BROKERS."""

import asyncio
import time
from typing import Final

import click
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from monitor.broker import create_topics
from monitor.demo.exchange import EVERY_TOPIC, Exchange, Script
from monitor.simulator.slices import SLICE_S

PARTITIONS: Final = 3
TROUBLE_EVERY_S: Final = 900.0


async def publish(bootstrap: str, exchange: Exchange) -> None:
    """Publish the exchange's slices as their time comes, until cancelled."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, linger_ms=5) as producer:
        due_s = time.monotonic()
        while True:
            due_s += SLICE_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            for topic, key, value in exchange.slice():
                await producer.send(topic, value, key=key.encode())


async def _publish(bootstrap: str, seed: int, every_s: float) -> None:
    await create_topics(bootstrap, dict.fromkeys(sorted(set(EVERY_TOPIC.values())), PARTITIONS))
    script = Script(every_s=every_s)
    exchange = Exchange(seed=seed, start_ns=time.time_ns(), script=script, topics=EVERY_TOPIC)
    click.echo(f"publishing to {bootstrap}; a bad minute every {every_s:.0f} s")
    await publish(bootstrap, exchange)


@click.command()
@click.argument("brokers")
@click.option("--seed", default=7, show_default=True, help="Seed of the exchange.")
@click.option(
    "--every",
    "every_s",
    default=TROUBLE_EVERY_S,
    show_default=True,
    help="Seconds from one bad minute to the next.",
)
def main(brokers: str, seed: int, every_s: float) -> None:
    """Create the topics where they are missing, and publish until ended."""
    try:
        asyncio.run(_publish(brokers, seed, every_s))
    except KafkaError as error:
        raise click.ClickException(f"{brokers}: {error}") from error


if __name__ == "__main__":
    main()
