"""What a quality study hands back: a table for people and the same figures for a program."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Study:
    """name: how it is called. table: plain text. data: the figures, as JSON can hold them."""

    name: str
    title: str
    table: str
    data: dict[str, Any] = field(default_factory=dict)


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of cells under one another: the first column to the left, the rest to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if at else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
