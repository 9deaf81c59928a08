"""What looks like trouble and is none: it must not page."""

import numpy as np

from monitor.simulator.book import MAKERS
from monitor.simulator.casting import Casting, Plot, fade, ramp
from monitor.simulator.controls import Controls
from monitor.simulator.ingredients import pull
from monitor.simulator.slices import SLICE_S

PULLED_S = 3.0  # how long makers wait after news
RESTART_S = 20.0
FUNDING_LEAD_S = 60.0


def news(cast: Casting) -> Plot:
    """Prices jump, makers pull for seconds, takers rush in, and the book refills."""
    active = cast.venue.traded.active
    count = max(1, round(0.7 * active.size))
    symbols = cast.symbols(count, count, count)
    size = cast.by_size(0.002, 0.004, 0.008) * float(cast.rng.uniform(0.8, 1.2))
    jump = float(cast.rng.choice([-1.0, 1.0])) * size * cast.venue.traded.beta[symbols]
    makers = np.arange(MAKERS)

    def turn(controls: Controls, since_s: float) -> None:
        if since_s < SLICE_S:
            controls.jump[symbols] += jump
        if since_s < PULLED_S:
            pull(controls, symbols, makers, haste=3.0, keep=0.5)
        controls.quoting[symbols] *= 1.0 + 1.5 * fade(since_s - PULLED_S, 15.0)
        controls.taking[symbols] *= 1.0 + 4.0 * fade(since_s, 15.0)
        controls.gearing[symbols] *= 1.0 + fade(since_s, 20.0)

    return Plot(60.0, turn, symbols, detail={"jump": float(np.abs(jump).mean())})


def funding_surge(cast: Casting) -> Plot:
    """Around the moment of funding all are busier than usual, and pay or flee the rate."""
    symbols = cast.venue.traded.active
    most = cast.by_size(0.0, 0.5, 1.0)

    def turn(controls: Controls, since_s: float) -> None:
        more = 1.0 + most * fade(abs(since_s - FUNDING_LEAD_S), 25.0)
        controls.quoting[symbols] *= more
        controls.taking[symbols] *= more
        controls.gearing[symbols] *= more

    return Plot(2.0 * FUNDING_LEAD_S, turn, symbols, detail={"funding_after_s": FUNDING_LEAD_S})


def maker_restart(cast: Casting) -> Plot:
    """One maker cancels all it has, is silent for seconds, and comes back."""
    symbols = cast.venue.traded.active
    maker = cast.rng.choice(MAKERS, 1)
    away_s = RESTART_S * float(cast.rng.uniform(0.5, 1.5))
    cells = np.ix_(symbols, maker)

    def turn(controls: Controls, since_s: float) -> None:
        if since_s < away_s:
            controls.keep[cells] = 0.0
            controls.quoting[cells] *= 8.0  # the ladder is gone within seconds
        else:
            controls.quoting[cells] *= 1.0 + 3.0 * fade(since_s - away_s, 4.0)

    return Plot(away_s + 15.0, turn, symbols, cast.maker_names(maker))


def listing(cast: Casting) -> Plot:
    """A symbol trades for the first time; everyone wants to be there for some minutes."""
    active = cast.venue.traded.active
    symbols = cast.rng.choice(active[active.size // 2 :], 1)
    most = cast.by_size(1.0, 2.0, 4.0)

    def turn(controls: Controls, since_s: float) -> None:
        controls.listed[symbols] = since_s >= 0.0
        more = 1.0 + most * fade(since_s, 60.0) * ramp(since_s, 0.0, 5.0)
        controls.quoting[symbols] *= more
        controls.taking[symbols] *= more

    return Plot(180.0, turn, symbols, early_s=float("inf"))
