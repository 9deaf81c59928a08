"""How well it detects: studies too long for a test, each a table of README. `make score`."""

from typing import Any

from msgspec import Struct


class Study(Struct, frozen=True, kw_only=True):
    """What a study found. table: text of 80 columns. data: every figure, ready for JSON."""

    name: str
    title: str
    table: str
    data: dict[str, Any]
