"""The command line: reads arguments, wires, and turns failures into one clear line."""

import click

from monitor import __version__
from monitor.cli import auditing, looking_back, measuring, watching
from monitor.cli.options import OneLineGroup


@click.group(
    cls=OneLineGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(__version__, message="foreshock %(version)s")
def main() -> None:
    """Early warning for perpetual-futures venues.

    Reads the venue's own order, cancel and leverage-change events, and says
    when they stop looking normal: which symbols, which accounts, since when,
    and how rare that is on a quiet day.

    \b
    Try it:           foreshock demo
    Watch a venue:    foreshock run -c foreshock.toml
    Look back:        foreshock replay incident.jsonl.zst
    """


for command in (
    *(watching.run, watching.record, watching.demo, watching.check),
    *(looking_back.replay, looking_back.explain, looking_back.compare),
    *(looking_back.convert, looking_back.calibrate),
    *(measuring.simulate, measuring.score),
    auditing.audit,
):
    main.add_command(command)
