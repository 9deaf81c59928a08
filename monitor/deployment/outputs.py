"""What the settings say of the outputs: where incidents and bad records go."""

from collections.abc import Iterator
from functools import partial

from monitor.config import Config
from monitor.deployment.findings import Finding

_finding = partial(Finding, area="outputs")


def outputs(config: Config) -> Iterator[Finding]:
    """Findings on what is told, and to whom."""
    out = config.output
    kept = out.audit_log is not None
    sent = out.alerts_topic is not None
    if not kept:
        yield _finding(
            level="warning" if sent else "critical",
            what="output.audit_log is not set"
            + ("" if sent else ", and neither is output.alerts_topic"),
            why="After a restart incidents may be told twice, and no replay can repeat what the "
            "live run decided."
            + ("" if sent else " Incidents are kept nowhere but in the memory of one process."),
            change='output.audit_log = "audit.jsonl"',
        )
    else:
        yield _finding(level="ok", what=f'output.audit_log = "{out.audit_log}"')
    if sent:
        yield _finding(level="ok", what=f'output.alerts_topic = "{out.alerts_topic}"')
    elif kept:
        yield _finding(
            level="note",
            what="output.alerts_topic is not set",
            why="Incidents reach other programs through metrics and /incidents alone.",
            change='output.alerts_topic = "foreshock-alerts"',
        )
    if out.dead_letter_file is None and out.dead_letter_topic is None:
        yield _finding(
            level="warning",
            what="no dead letters",
            why="Bad records are counted and gone: when a producer changes its schema, there is "
            "nothing to look at.",
            change='output.dead_letter_file = "dead.jsonl"',
        )
    else:
        yield _finding(
            level="ok", what=f"dead letters to {out.dead_letter_file or out.dead_letter_topic}"
        )
    yield from _collisions(config)


def _collisions(config: Config) -> Iterator[Finding]:
    out = config.output
    for name, topic in (
        ("alerts_topic", out.alerts_topic),
        ("dead_letter_topic", out.dead_letter_topic),
    ):
        if topic is not None and topic in config.input_topics:
            yield _finding(
                level="critical",
                what=f'output.{name} = "{topic}", which is read as input too',
                why="The monitor would read what it writes, as bad records without end.",
                change=f'output.{name} = "foreshock-{name.removesuffix("_topic")}"',
            )
    if out.alerts_topic is not None and out.alerts_topic == out.dead_letter_topic:
        yield _finding(
            level="critical",
            what=f'output.alerts_topic and output.dead_letter_topic = "{out.alerts_topic}"',
            why="Whoever reads incidents there gets bad records among them.",
            change='output.dead_letter_topic = "foreshock-dead-letters"',
        )
    if out.audit_log is not None and out.audit_log == out.dead_letter_file:
        yield _finding(
            level="critical",
            what=f'output.audit_log and output.dead_letter_file = "{out.audit_log}"',
            why="Two writers in one file spoil the audit log.",
            change='output.dead_letter_file = "dead.jsonl"',
        )
