"""`python -m tests.quality [NAME…]`: the studies, one registry line each."""

from collections.abc import Callable

import click

from tests.quality import gamma_ray, injected
from tests.quality.study import Study

STUDIES: dict[str, Callable[[int], Study]] = {
    "gamma_ray": gamma_ray.run,
    "injected": injected.run,
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(STUDIES)))
@click.option("--jobs", default=1, show_default=True, help="Processes to share the work between.")
def main(names: tuple[str, ...], jobs: int) -> None:
    """Run the named studies, or all of them, and print their tables."""
    for name in names or STUDIES:
        study = STUDIES[name](jobs)
        click.echo(f"{study.title}\n\n{study.table}\n")


if __name__ == "__main__":
    main()
