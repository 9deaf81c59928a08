"""An audit of a deployment as text of 80 columns."""

import textwrap
from collections.abc import Iterator
from typing import Final

import click

from monitor.deployment.findings import LEVELS, Audit, Finding, Level
from monitor.pretty import WIDTH

INDENT: Final = 11
_COLOURS: Final[dict[Level, str]] = {
    "critical": "red",
    "warning": "yellow",
    "note": "cyan",
    "unchecked": "magenta",
    "ok": "green",
}


def audit_text(audit: Audit) -> str:
    """Findings, the worst first, each with why and the line that changes it; then the counts."""
    lines = [line for finding in audit.findings for line in _finding(finding)]
    counts = ", ".join(f"{audit.count(level)} {level}" for level in LEVELS)
    return "\n".join([*lines, "", f"{audit.venue}: {counts}"])


def _finding(finding: Finding) -> Iterator[str]:
    level = click.style(f"{finding.level:{INDENT}}", fg=_COLOURS[finding.level], bold=True)
    first, *more = _wrapped(finding.what)
    yield level + first
    indent = " " * INDENT
    yield from (indent + line for line in more)
    yield from (indent + line for line in _wrapped(finding.why))
    for number, line in enumerate(_wrapped(finding.change, narrower=2)):
        yield f"{indent}{'→ ' if number == 0 else '  '}{line}"


def _wrapped(text: str, *, narrower: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH - INDENT - narrower, break_on_hyphens=False)
