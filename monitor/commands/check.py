"""`foreshock check`."""

import asyncio
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from monitor.config import Config
from monitor.errors import UserError
from monitor.logs import configure
from monitor.sources.kafka import client_options

SECRET = {"sasl_password", "ssl_password"}


def describe(config: Config) -> str:
    """Every setting as a line of TOML-like text, secrets hidden."""
    lines: list[str] = []
    _list(msgspec.to_builtins(config), "", lines)
    return "\n".join(lines)


def _list(table: dict[str, Any], under: str, lines: list[str]) -> None:
    for key, value in table.items():
        name = f"{under}{key}"
        if isinstance(value, dict) and value:
            _list(value, f"{name}.", lines)
        elif key in SECRET and value is not None:
            lines.append(f"{name} = (set)")
        elif value is not None:
            lines.append(f"{name} = {msgspec.json.encode(value).decode()}")


def check_brokers(config: Config) -> str:
    """What the brokers say of each topic; raises UserError where that must be mended."""
    configure(quiet=True)
    try:
        partitions = asyncio.run(_partitions(config))
    except KafkaError as error:
        servers = config.kafka.bootstrap_servers
        raise UserError(f"kafka.bootstrap_servers = {servers!r}: {error}") from error
    missing = [topic for topic, count in partitions.items() if not count]
    if missing:
        raise UserError(f"kafka.topics: no such topic on the brokers: {', '.join(missing)}")
    if len(set(partitions.values())) > 1:
        counts = ", ".join(f"{topic} {count}" for topic, count in partitions.items())
        raise UserError(f"kafka.topics: must have the same number of partitions, have {counts}")
    return "\n".join(f"topic {topic}: {count} partitions" for topic, count in partitions.items())


async def _partitions(config: Config) -> dict[str, int]:
    admin = AIOKafkaAdminClient(**client_options(config.kafka))
    try:
        await admin.start()
        found = await admin.describe_topics(config.all_topics)
        return {topic["topic"]: len(topic["partitions"]) for topic in found}
    finally:
        await admin.close()
