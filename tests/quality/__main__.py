"""`make score`: every study, its table to stdout, and all figures to .cache/score.json.

python -m tests.quality [--jobs 2] [NAME…] [--weeks 0.25 null]

The null study runs only when it is named, and is as long as is asked for: eight weeks take more
than two hours of a core. Studies of real data are left out, and said to be, where there is none in
../shared/data.
"""

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import click
import msgspec

from monitor.pretty import duration
from tests.quality import (
    clustered,
    gamma_ray,
    injected,
    light_curves,
    null,
    real_logs,
    scenarios,
)
from tests.quality.study import Study

FIGURES: Final = Path(".cache/score.json")
STUDIES: Final[dict[str, Callable[[int], Study]]] = {
    "clustered": clustered.run,
    "null": null.run,
    "scenarios": scenarios.run,
    "gamma_ray": gamma_ray.run,
    "injected": injected.run,
}
NEEDED: Final = {
    "gamma_ray": (light_curves.ARCHIVE,),
    "injected": (real_logs.DATA / "lobster", real_logs.DATA / "bitstamp"),
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(STUDIES)))
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option("--weeks", type=float, default=null.WEEKS, show_default=True, help="Of the null.")
def main(names: tuple[str, ...], jobs: int, weeks: float) -> None:
    """Run all studies but the null, or those named; the same seeds give the same figures."""
    runs = STUDIES | {"null": partial(null.run, weeks=weeks)}
    studies = []
    if not names:
        click.echo("null: left out, as it takes long; it is run when it is named", err=True)
    for name in names or (name for name in STUDIES if name != "null"):
        missing = [path for path in NEEDED.get(name, ()) if not path.exists()]
        if missing:
            click.echo(f"{name}: left out, there is no {missing[0]}", err=True)
            continue
        started = time.perf_counter()
        study = runs[name](jobs)
        studies.append(study)
        took = duration(time.perf_counter() - started)
        click.echo(f"{study.title}\n{'=' * len(study.title)}\n{study.table}\n")
        click.echo(f"{name}: {took}", err=True)
        FIGURES.parent.mkdir(exist_ok=True)
        FIGURES.write_bytes(msgspec.json.format(msgspec.json.encode(studies)) + b"\n")
    click.echo(f"figures: {FIGURES}", err=True)


if __name__ == "__main__":
    main()
