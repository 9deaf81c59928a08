"""`python -m tests.quality.gamma_ray_tuning [FAMILY…]`: how the study's constants were chosen.

On every second burst of the tuning half, by the mean recall at 3, 10, 30 and 100 false alarms a
day of a family's best statistic. Ours and the peers get grids of the same kind. The reporting half
is never read.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from statistics import mean
from typing import Final, Protocol

import click

from detectors.base import Floats
from tests.quality.gamma_ray import compare, evaluate
from tests.quality.gamma_ray_methods import (
    OURS,
    Method,
    Moving,
    adwin,
    focus,
    half_space_trees,
    ours,
)
from tests.quality.light_curves import read


class Peer(Protocol):
    """A method that needs a background."""

    def __call__(self, counts: Floats, moving: Moving) -> dict[str, Floats]: ...


def our_options() -> Iterator[tuple[str, Method]]:
    """Beliefs and how strictly they are held; memories; when a level is the new normal."""
    for caution, wander in product((0.0, 0.5, 1.0), (0.01, 0.03, 0.04, 0.06)):
        changed = replace(OURS, caution=caution, wander=wander)
        yield f"caution {caution:g}, wander {wander:g}", partial(ours, options=changed)
    for background_s, noise_memory_s in product((40.96, 61.44, 122.88), (122.88, 614.4)):
        changed = replace(OURS, background_s=background_s, noise_memory_s=noise_memory_s)
        label = f"memory {background_s:g} s, of noise {noise_memory_s:g} s"
        yield label, partial(ours, options=changed)
    for rebaseline_s in (32.768, 98.304, 294.912):
        changed = replace(OURS, rebaseline_s=rebaseline_s)
        yield f"a new normal after {rebaseline_s:g} s", partial(ours, options=changed)


def peer_options(peer: Peer, least: tuple[float, ...] = (1.1,)) -> Iterator[tuple[str, Method]]:
    """The moving background that a peer is given; least ratios where it knows any."""
    for memory_s, delay_s, ratio in product((15.0, 30.0, 60.0), (4.096, 8.192), least):
        moving = Moving(memory_s=memory_s, delay_s=delay_s, ratio_min=ratio)
        label = f"memory {memory_s:g} s, delay {delay_s:g} s, least ratio {ratio:g}"
        yield label, partial(peer, moving=moving)


FAMILIES: Final[dict[str, Callable[[], Iterator[tuple[str, Method]]]]] = {
    "foreshock": our_options,
    "Poisson-FOCuS": lambda: peer_options(focus, (1.05, 1.1, 1.2)),
    "ADWIN": lambda: peer_options(adwin),
    "HalfSpaceTrees": lambda: peer_options(half_space_trees),
}


@click.command()
@click.argument("families", nargs=-1, type=click.Choice(list(FAMILIES)))
def main(families: tuple[str, ...]) -> None:
    """Print the mean recall of every statistic at every setting."""
    curves = [curve for curve in read() if curve.tuning][::2]
    for family in families or FAMILIES:
        for label, method in FAMILIES[family]():
            rows = compare(evaluate(curves, 1, {family: method}))
            for name in dict.fromkeys(row["method"] for row in rows):
                recalls = [row["recall"] for row in rows if row["method"] == name]
                shown = " ".join(f"{recall:4.0%}" for recall in recalls)
                click.echo(f"{label:70} {name:28} {shown}  mean {mean(recalls[1:]):.3f}")


if __name__ == "__main__":
    main()
