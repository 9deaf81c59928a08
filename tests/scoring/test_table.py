"""The table, as it is read: 80 columns, every baseline beside the monitor, no lead without cost.

After a change that is meant to change it: python -m tests.scoring.test_table, and read the
difference.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from monitor.incidents import SEVERITIES
from monitor.scoring.alarm import Alarm
from monitor.scoring.matching import Rules
from monitor.scoring.price_only import moves
from monitor.scoring.scorecard import Scorecard, scorecard
from monitor.scoring.table import table
from monitor.scoring.watch import Watched
from monitor.seeds import Purpose
from tests.scoring.made import alarm, at, event, labels
from tests.scoring.test_baselines import walk

GOLDEN: Final = Path(__file__).parent / "table.txt"
SECONDS: Final = 90_000
LONG: Final = "liquidation_clustering"


def watched(seed: int, paged: list[Alarm], others: list[Alarm]) -> Watched:
    """A log of a day with two events, a decoy and a gap."""
    covered = [(at(0), at(SECONDS))]
    prices = walk(seed, SECONDS, (11_001, -0.05), (60_010, 0.01))
    happened = labels(
        event(10_000, 11_000, wave=11_000),
        event(30_000, 31_000, scenario=LONG, size="large"),
        event(60_000, 60_100, scenario="funding_surge", decoy=True),
        seconds=SECONDS + 1_200.0,
        gaps=[(70_000, 70_100)],
        seed=seed,
    )
    return Watched(
        labels=happened,
        alarms=dict.fromkeys(SEVERITIES, paged) | {"info": sorted(paged + others, key=by_time)},
        covered=covered,
        moves=moves(replace(prices, symbols=("B", "A")), covered),
        events=1_234_567,
        bad=3,
        late=2,
    )


def by_time(told: Alarm) -> int:
    return told.at_ns


def card(purpose: Purpose = "scoring") -> Scorecard:
    """Three logs: all found; some found, and all kinds of wrong; nothing told."""
    first = 0 if purpose == "tuning" else 1_000_000
    logs = [
        watched(first, [alarm(10_020), alarm(10_300), alarm(30_200.5)], [alarm(60_030)]),
        watched(
            first + 1,
            [alarm(11_030), alarm(30_100, "B"), alarm(50_000), alarm(60_020), alarm(70_050)],
            [alarm(30_007)],
        ),
        watched(first + 2, [], []),
    ]
    return scorecard(logs, severity="page", purpose=purpose, rules=Rules())


def test_the_table_is_as_it_was_read_and_liked() -> None:
    assert table(card()) + "\n" == GOLDEN.read_text()


def test_the_table_fits_80_columns_whatever_the_figures() -> None:
    lines = table(card("tuning")).splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("TUNING")
    nothing = scorecard([], severity="page", purpose="scoring", rules=Rules())
    assert max(map(len, table(nothing).splitlines())) <= 80


def test_figures_are_those_counted_by_hand() -> None:
    found = card()
    cascade, clustering, decoy = found.monitor.cells
    assert (cascade.found, cascade.events, cascade.waves, cascade.before_wave) == (2, 3, 3, 1)
    assert (clustering.found, clustering.events, clustering.waves) == (1, 3, 0)
    assert (decoy.found, decoy.events) == (1, 3)
    assert cascade.lead_s is not None
    assert cascade.lead_s.p50 == (980 - 30) / 2
    assert found.monitor.wrong == {"quiet": 1, "decoy": 1, "misplaced": 1, "gap": 1}
    assert (found.monitor.right, found.monitor.repeats) == (3, 1)
    assert found.monitor.wrong_share == 4 / 8
    quiet_s = 3 * (SECONDS - (1_000 + 60) - (1_000 + 60) - (100 + 60) - 100)
    assert found.quiet_hours * 3600 == quiet_s
    assert found.monitor.wrong_per_week == 604_800 / quiet_s
    assert found.coverage == SECONDS / (SECONDS + 1_200)
    assert found.any.alarms == 10
    assert [cell.found for cell in found.any.cells] == [2, 2, 2]


if __name__ == "__main__":
    GOLDEN.write_text(table(card()) + "\n")
