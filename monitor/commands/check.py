"""`foreshock check`."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.errors import KafkaError

from monitor.calibration import configured
from monitor.config import Config
from monitor.errors import UserError
from monitor.logs import configure
from monitor.paths import check_folder, check_writable
from monitor.sources.kafka import client_options
from monitor.sources.topics import partition_counts, unanswered

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
        elif value is None:
            lines.append(f"{name} =  # not set")
        else:
            lines.append(f"{name} = {msgspec.json.encode(value).decode()}")


def check_files(config: Config) -> None:
    """Whether files that are named can be used; raises UserError where one cannot."""
    configured(config)
    out = config.output
    for key, name in (("audit_log", out.audit_log), ("dead_letter_file", out.dead_letter_file)):
        if name is not None:
            check_writable(f"output.{key}", Path(name), made=True)
    if config.checkpoint.directory is not None:
        check_folder("checkpoint.directory", Path(config.checkpoint.directory), made=True)
    try:
        client_options(config.kafka)
    except OSError as error:  # of ssl too
        raise UserError(f"kafka.ssl_*: {error.strerror or error}") from error


def check_brokers(config: Config) -> str:
    """What the brokers say of each topic; raises UserError where that must be mended."""
    configure(quiet=True)
    topics = config.all_topics
    if config.scale.role != "all":  # a number has one partition of every topic, and of frames
        topics = [*topics, config.scale.frames_topic]
    try:
        partitions = asyncio.run(partition_counts(config.kafka, topics))
    except KafkaError as error:
        raise unanswered(config.kafka, error) from error
    if len(set(partitions.values())) > 1:
        counts = ", ".join(f"{topic} {count}" for topic, count in partitions.items())
        raise UserError(f"kafka.topics: must have the same number of partitions, have {counts}")
    return "\n".join(f"topic {topic}: {count} partitions" for topic, count in partitions.items())
