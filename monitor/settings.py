"""Reads the configuration: a TOML file, then the environment; an error is one line that helps."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

import msgspec
from msgspec.structs import fields

from monitor.config import Config
from monitor.errors import UserError
from monitor.schema import Schema, TopicMapping

ENV_PREFIX: Final = "FORESHOCK_"
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+?)`")
_AT: Final = re.compile(r" - at `\$\.?(.*?)`$")


class ConfigError(UserError):
    """The configuration cannot be used; the message is one line for the user."""


def load(path: Path | None, environ: Mapping[str, str] = os.environ) -> Config:
    """The configuration from a file (or all defaults) and FORESHOCK_SECTION__KEY variables.

    Raises ConfigError with the key, its value and what is allowed.
    """
    source = "environment" if path is None else str(path)
    tables = {} if path is None else _read(path)
    for name, value in sorted(environ.items()):
        if name.startswith(ENV_PREFIX) and "__" in name:
            _put(tables, name.removeprefix(ENV_PREFIX).lower().split("__"), value)
        elif name in (f"{ENV_PREFIX}VENUE", f"{ENV_PREFIX}BIN_MS"):
            tables[name.removeprefix(ENV_PREFIX).lower()] = value
    return parse(tables, source)


def parse(tables: dict[str, Any], source: str) -> Config:
    """The configuration in decoded tables; raises ConfigError."""
    for topic, table in tables.get("topics", {}).items():
        _check_mapping(topic, table, source)
    try:
        return msgspec.convert(tables, Config, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explain(str(error), tables)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}") from None


def _put(tables: dict[str, Any], path: list[str], value: str) -> None:
    for part in path[:-1]:
        tables = tables.setdefault(part, {})
    tables[path[-1]] = tomllib.loads(f"x = {value}")["x"] if value.startswith("[") else value


def _check_mapping(topic: str, table: Any, source: str) -> None:
    """Mappings one by one, since an error inside a dict does not say which key it is under."""
    try:
        Schema(msgspec.convert(table, TopicMapping))
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {_explain(str(error), table, f'topics.{topic}')}") from None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{source}: topics.{topic}: {error}") from None


def _explain(message: str, tables: Mapping[str, Any], under: str = "") -> str:
    """msgspec's message as: key, value, what is allowed."""
    at = _AT.search(message)
    path = at.group(1) if at else ""
    said = _AT.sub("", message)
    full = ".".join(part for part in (under, path) if part)
    unknown = _UNKNOWN.search(said)
    if unknown:
        return _explain_unknown(unknown.group(1), full)
    value = _value_at(tables, path)
    said = said.replace("`", "")
    said = re.sub(r"^Invalid enum value .*", f"allowed: {_choices(full)}", said)
    return f"{full or 'configuration'} = {value!r}: {said[0].lower()}{said[1:]}"


def _explain_unknown(key: str, section: str) -> str:
    allowed = [info.name for info in fields(_section(section))]
    near = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    name = f"{section}.{key}" if section else key
    return f"{name}: unknown key; {hint}allowed: {', '.join(allowed)}"


def _section(path: str) -> Any:
    """The struct that a dotted path of the configuration names."""
    if path.startswith("topics"):
        return TopicMapping
    section: Any = Config
    for part in filter(None, path.split(".")):
        section = {info.name: info.type for info in fields(section)}[part]
    return section


def _choices(path: str) -> str:
    """The allowed values of a key that has a list of them."""
    section, _, key = path.rpartition(".")
    kinds = {info.name: info.type for info in fields(_section(section))}
    kind = kinds.get(re.sub(r"\[.*", "", key))
    while kind is not None and get_args(kind) and not isinstance(get_args(kind)[0], str):
        kind = get_args(kind)[0]
    return ", ".join(map(str, get_args(kind)))


def _value_at(tables: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            tables = tables[int(part) if isinstance(tables, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return tables
    return tables
