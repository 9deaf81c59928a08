"""A finding: how bad, what was found, why it matters, and the very line that changes it."""

from collections.abc import Iterable
from typing import Final, Literal

from msgspec import Struct

Level = Literal["critical", "warning", "note", "unchecked", "ok"]
Area = Literal["inputs", "controls", "outputs", "single points"]
LEVELS: Final[tuple[Level, ...]] = ("critical", "warning", "note", "unchecked", "ok")


class Finding(Struct, frozen=True, kw_only=True):
    """what: the setting or fact. why: what follows from it. change: a line, or a command.

    A finding that is ok has neither why nor change.
    """

    level: Level
    area: Area
    what: str
    why: str = ""
    change: str = ""


class Audit(Struct, frozen=True, kw_only=True):
    """All findings of a deployment, the worst first."""

    schema: Literal[1] = 1
    venue: str
    findings: list[Finding]

    @property
    def critical(self) -> bool:
        return self.count("critical") > 0

    def count(self, level: Level) -> int:
        return sum(finding.level == level for finding in self.findings)


def ranked(findings: Iterable[Finding]) -> list[Finding]:
    """The worst first, otherwise in the order of the rules."""
    return sorted(findings, key=lambda finding: LEVELS.index(finding.level))
