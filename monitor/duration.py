"""Lengths of time as people type them: 90s, 10m, 1.5h, 2d."""

import re
from typing import Any, Final

import click

_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_FORM: Final = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


class Duration(click.ParamType[float]):
    """An option's value in seconds."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        """Seconds; fails with the forms that are known."""
        found = _FORM.fullmatch(str(value))
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if seconds <= 0:
            self.fail(f"{value!r} is not a length of time like 90s, 10m, 1.5h or 2d", param, ctx)
        return seconds
