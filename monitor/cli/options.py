"""What commands share: the configuration, and failures as one clear line."""

import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import click

from monitor.errors import UserError

P = ParamSpec("P")
R = TypeVar("R")
EXIT_UNUSABLE = 2

A_FILE = click.Path(path_type=Path, dir_okay=False)

config_option = click.option(
    "-c",
    "--config",
    "config_path",
    type=A_FILE,
    envvar="FORESHOCK_CONFIG",
    help="TOML file; without it every setting has its default. Any setting can also come from "
    "the environment, e.g. FORESHOCK_KAFKA__BOOTSTRAP_SERVERS.",
)

logs_argument = click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path))
decisions_option = click.option(
    "--decisions",
    type=A_FILE,
    help="The audit log of the run that is replayed: repeats when it stopped waiting for "
    "partitions that had nothing to say.",
)


def refuse(reason: str) -> NoReturn:
    """One line on stderr, and exit status 2."""
    click.echo(f"foreshock: {' '.join(reason.split())}", err=True)
    sys.exit(EXIT_UNUSABLE)


class OneLineGroup(click.Group):
    """Commands whose wrong arguments are told in one line as well."""

    def main(self, *arguments: Any, **options: Any) -> Any:
        """Run a command; does not return."""
        try:
            sys.exit(super().main(*arguments, **options | {"standalone_mode": False}))
        except click.exceptions.NoArgsIsHelpError as error:
            error.show()
            sys.exit(error.exit_code)
        except click.Abort:
            click.echo("foreshock: stopped", err=True)
            sys.exit(1)
        except click.ClickException as error:
            context = getattr(error, "ctx", None)
            hint = "" if context is None else f" (see {context.command_path} --help)"
            refuse(f"{error.format_message()}{hint}")


def one_line_errors(command: Callable[P, R]) -> Callable[P, R]:
    """What the user can mend ends in one line and exit status 2, never in a traceback."""

    @wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except UserError as error:
            refuse(str(error))
        except BrokenPipeError:
            raise  # whoever read has seen enough
        except OSError as error:
            what = "" if error.filename is None else f"{error.filename}: "
            refuse(f"{what}{error.strerror or error}")

    return wrapped
