"""Reads the configuration: a TOML file, then the environment; an error is one line that helps."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, get_args, get_origin

import msgspec
from msgspec.structs import fields

from monitor.config import Config
from monitor.errors import UserError
from monitor.schema import Schema, TopicMapping

ENV_PREFIX: Final = "FORESHOCK_"
_SHOWN_MAX: Final = 60  # characters of a wrong value
_UNKNOWN: Final = re.compile(r"Object contains unknown field `(.+?)`")
_AT: Final = re.compile(r" - at (?:`key` in )?`\$\.?(.*?)`$")
_TYPES: Final = {
    "object": "a table",
    "array": "a list",
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
}
_BOUNDS: Final = {">=": "at least", ">": "above", "<=": "at most", "<": "below"}


class ConfigError(UserError):
    """The configuration cannot be used; the message is one line for the user."""


def load(
    path: Path | None, environ: Mapping[str, str] = os.environ, *, overrides: Sequence[str] = ()
) -> Config:
    """The configuration from a file (or all defaults) and FORESHOCK_SECTION__KEY variables.

    overrides: `section.key=value`, as on a command line; they come last and so count most.
    Raises ConfigError with the key, its value and what is allowed.
    """
    tables = {} if path is None else _read(path)
    variables: dict[str, str] = {}
    for name, value in sorted(environ.items()):
        _check_variable(name, value)
        plain = name in (f"{ENV_PREFIX}VENUE", f"{ENV_PREFIX}BIN_MS")
        if plain or (name.startswith(ENV_PREFIX) and "__" in name):
            keys = name.removeprefix(ENV_PREFIX).lower().split("__")
            variables[".".join(keys)] = name
            _put(tables, keys, value, name)
    for override in overrides:
        key, is_one, value = override.partition("=")
        if not is_one:
            raise ConfigError(f"--set {override}: must be KEY=VALUE, such as bin_ms=500")
        variables[key] = f"--set {override}"
        _put(tables, key.split("."), value, f"--set {override}")
    return parse(tables, "defaults" if path is None else str(path), variables)


def _check_variable(name: str, value: str) -> None:
    """A variable that would be passed over for one underscore, or that names no section, is a
    slip; what Kubernetes sets for a service called foreshock-… is none."""
    if not name.startswith(ENV_PREFIX) or value.startswith("tcp://"):
        return
    said = name.removeprefix(ENV_PREFIX).lower()
    known = [field.name for field in fields(Config)]
    section, two, _ = said.partition("__")
    if two and section not in known:
        near = difflib.get_close_matches(section, known, 1)
        hint = f"; did you mean {ENV_PREFIX}{near[0].upper()}__…?" if near else ""
        raise ConfigError(f"{name}: {section} is no section{hint}")
    for section in known:
        key = said.removeprefix(f"{section}_")
        if key != said and key in _kinds(section):
            raise ConfigError(f"{name}: did you mean {ENV_PREFIX}{section.upper()}__{key.upper()}?")


def parse(
    tables: dict[str, Any], source: str, variables: Mapping[str, str] | None = None
) -> Config:
    """The configuration in decoded tables; raises ConfigError.

    variables: key -> the environment variable that set it, to be named instead of `source`.
    """
    variables = variables or {}
    topics = tables.get("topics", {})
    try:
        for topic, table in topics.items() if isinstance(topics, dict) else ():
            _check_mapping(topic, table)
        config = msgspec.convert(_without_blanks(tables), Config, strict=False)
        config.burst_options()
    except msgspec.ValidationError as error:
        key, text = _explain(str(error), tables)
    except _MappingError as error:
        key, text = error.args
    except ValueError as error:  # of settings that do not go together
        key, text = "detectors", f": {error}"
    else:
        return config
    at = re.sub(r"\[.*", "", key)
    raise ConfigError(f"{variables.get(at, source)}: {key or 'configuration'}{text}")


class _MappingError(Exception):
    """A mapping is wrong: (key, what about it)."""


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not TOML: {error}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: not UTF-8 text") from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror or error}") from None


def _put(tables: dict[str, Any], keys: list[str], value: str, variable: str) -> None:
    """Set a key from a variable; lists are TOML (`["a", "b"]`) or just `a,b`."""
    node: Any = tables
    for key in keys[:-1]:
        node = node.setdefault(key, {})
        if not isinstance(node, dict):
            return  # the file has a value where a table belongs: `parse` says so
    node[keys[-1]] = value
    kind = _kinds(".".join(keys[:-1])).get(keys[-1])
    is_list = get_origin(kind) is list
    is_text = not is_list and str in (kind, *get_args(kind))
    if value.startswith("[") and not is_text:
        try:
            node[keys[-1]] = tomllib.loads(f"x = {value}")["x"]
        except tomllib.TOMLDecodeError:
            example = '["a", "b"] or a,b'
            key = ".".join(keys)
            raise ConfigError(f"{variable}: {key} = {value!r}: not a list like {example}") from None
    elif is_list:
        node[keys[-1]] = [part.strip() for part in value.split(",") if part.strip()]


def _without_blanks(tables: dict[str, Any]) -> dict[str, Any]:
    """TOML and the environment have no null, so an empty text where text is optional means it."""
    return {
        section: {
            key: None if value == "" and type(None) in get_args(_kinds(section).get(key)) else value
            for key, value in table.items()
        }
        if isinstance(table, dict) and section != "topics"
        else table
        for section, table in tables.items()
    }


def _check_mapping(topic: str, table: Any) -> None:
    """Mappings one by one, since an error inside a dict does not say which key it is under."""
    under = f"topics.{topic}"
    try:
        Schema(msgspec.convert(table, TopicMapping, strict=False))
    except msgspec.ValidationError as error:
        raise _MappingError(*_explain(str(error), table, under)) from None
    except (ValueError, TypeError) as error:
        raise _MappingError(under, f": {error}") from None


def _explain(message: str, tables: Any, under: str = "") -> tuple[str, str]:
    """msgspec's message as the key, and the rest of the sentence: value, what is allowed."""
    at = _AT.search(message)
    path = at.group(1) if at else ""
    said = _AT.sub("", message)
    if "[...]" in path:
        path = _which(path, tables)
    full = ".".join(part for part in (under, path) if part)
    unknown = _UNKNOWN.search(said)
    if unknown:
        return _explain_unknown(unknown.group(1), full)
    must = _must(said, full)
    if must is None:
        return full, f": {said}"
    shown = repr(_value_at(tables, path))
    if len(shown) > _SHOWN_MAX:
        shown = f"{shown[:_SHOWN_MAX]}…"
    subject = "its keys must be" if " - at `key` in " in message else "must be"
    return full, f" = {shown}: {subject} {must}"


def _must(said: str, full: str) -> str | None:
    """What a value must be, None where the message is a sentence of our own."""
    choices = _choices(full)
    if said.startswith(("Invalid enum value", "Expected `str`, got")) and choices:
        return f"one of {choices}"
    length = re.fullmatch(r"Expected `(str|array)` of length (.+) (\d+)", said)
    if length:
        return f"{_TYPES[length[1]]} of length {_BOUNDS[length[2]]} {length[3]}"
    bound = re.fullmatch(r"Expected `(int|float)` (\S+) (\S+)", said)
    if bound:
        return f"{_BOUNDS[bound[2]]} {float(bound[3]):,.15g}"
    wrong = re.fullmatch(r"Expected `(.+?)`, got `.+`", said)
    if wrong:
        names = [name for name in wrong[1].split(" | ") if name != "null"]
        return " or ".join(_TYPES.get(name, name) for name in names)
    return None


def _explain_unknown(key: str, section: str) -> tuple[str, str]:
    allowed = list(_kinds(section))
    near = difflib.get_close_matches(key, allowed, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(allowed)}"
    return f"{section}.{key}" if section else key, f": unknown key; {hint}"


def _kinds(section: str) -> dict[str, Any]:
    """The type of every key in a table of the configuration; nothing where there is no such."""
    if section.startswith("topics."):
        return {info.name: info.type for info in fields(TopicMapping)}
    kinds = {info.name: info.type for info in fields(Config)}
    if not section:
        return kinds
    kind = kinds.get(section)
    if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
        return {}
    return {info.name: info.type for info in fields(kind)}


def _choices(path: str) -> str:
    """The allowed values of a key that has a list of them."""
    section, _, key = re.sub(r"\[.*", "", path).rpartition(".")
    if section.startswith("topics.") and section.endswith(".side"):
        return "buy, sell"
    kind = _kinds(section).get(key)
    while kind is not None and get_args(kind) and not isinstance(get_args(kind)[0], str):
        kind = get_args(kind)[0]
    return ", ".join(map(str, get_args(kind)))


def _which(path: str, table: Any) -> str:
    """The path with the key that msgspec leaves out: the first whose value is refused alone."""
    name, _, rest = path.partition("[...]")
    for key, value in _value_at(table, name).items():
        try:
            msgspec.convert({name: {key: value}}, TopicMapping, strict=False)
        except msgspec.ValidationError as error:
            if "[...]" in str(error):
                return f"{name}.{key}{rest}"
    return name


def _value_at(tables: Any, path: str) -> Any:
    for part in re.findall(r"[^.\[\]]+", path):
        try:
            tables = tables[int(part) if isinstance(tables, list) else part]
        except (KeyError, IndexError, ValueError, TypeError):
            return tables
    return tables
