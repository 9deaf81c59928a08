"""The figures: what `foreshock score --json` writes."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from msgspec import Struct

from monitor.config import WEEK_S
from monitor.events import NS_PER_S
from monitor.incidents import Severity
from monitor.labels import LabelledEvent, Labels, Size
from monitor.scoring import at_random, price_only
from monitor.scoring.alarm import Alarm
from monitor.scoring.intervals import Spread, count_interval, share_interval, spread
from monitor.scoring.matching import REASONS, Matched, Reason, Rules, Ruling, match
from monitor.scoring.spans import Span, length_ns, union, without
from monitor.scoring.watch import Watched
from monitor.seeds import Purpose

SCHEMA: Final = 1
SIZES: Final = get_args(Size)


class Cell(Struct, frozen=True, kw_only=True):
    """Events of one scenario and size under one system.

    found: events with a right alarm; of decoys, those with a wrong one; of random alarms, expected.
    found_low, found_high: 95 % interval of the share found, by Clopper and Pearson; None for
    random alarms, whose share is known. delay_s: of found events. waves: events with a forced wave,
    before_wave: those found before it. lead_s: first forced wave less alarm, of found ones.
    """

    scenario: str
    size: str
    decoy: bool
    events: int
    found: float
    found_low: float | None
    found_high: float | None
    delay_s: Spread | None
    waves: int
    before_wave: float
    lead_s: Spread | None

    @property
    def key(self) -> tuple[bool, str, str]:
        return self.decoy, self.scenario, self.size


class Judged(Struct, frozen=True, kw_only=True):
    """One alarm of the monitor. seed: of its log. second: since the start of the log."""

    seed: int
    scenario: str
    second: float
    symbols: list[str]
    ruling: Ruling


class System(Struct, frozen=True, kw_only=True):
    """What told alarms, and how it did. Counts are whole, but expected ones for random alarms.

    wrong: by reason. wrong_share: wrong over all alarms; None where there were none.
    wrong_per_week: quiet ones over quiet time, with its 95 % interval by Garwood; None where no
    time was quiet. threshold: of the price-only baseline, in standardised moves.
    """

    name: str
    alarms: float
    right: float
    repeats: float
    wrong: dict[Reason, float]
    wrong_share: float | None
    wrong_per_week: float | None
    wrong_per_week_low: float | None
    wrong_per_week_high: float | None
    cells: list[Cell]
    threshold: float | None = None


class Scorecard(Struct, frozen=True, kw_only=True):
    """All figures over some logs.

    severity: what counts as an alarm of `monitor`; `any` counts every incident. coverage: share
    of venue time in which the monitor had an opinion. seeds: one a log. judged: all alarms of
    `monitor`, one by one.
    """

    schema: int
    purpose: Purpose
    severity: Severity
    rules: Rules
    seeds: list[int]
    events: int
    bad: int
    late: int
    venue_hours: float
    quiet_hours: float
    coverage: float
    monitor: System
    any: System
    price_only: System
    at_random: System
    judged: list[Judged]


def scorecard(
    watched: Sequence[Watched], *, severity: Severity, purpose: Purpose, rules: Rules
) -> Scorecard:
    """Match everything, and the baselines at the rate of alarms that the monitor had."""
    labels = [log.labels for log in watched]
    venue_ns = sum(of.end_ns - of.start_ns for of in labels)
    quiet_ns = sum(length_ns(_quiet(log, rules)) for log in watched)
    judge = _Judge(labels, rules, quiet_ns)
    told = [log.alarms[severity] for log in watched]
    count = sum(map(len, told))
    threshold = price_only.threshold_for(count, [log.moves for log in watched])
    return Scorecard(
        schema=SCHEMA,
        purpose=purpose,
        severity=severity,
        rules=rules,
        seeds=[of.seed for of in labels],
        events=sum(log.events for log in watched),
        bad=sum(log.bad for log in watched),
        late=sum(log.late for log in watched),
        venue_hours=venue_ns / NS_PER_S / 3600,
        quiet_hours=quiet_ns / NS_PER_S / 3600,
        coverage=sum(length_ns(log.covered) for log in watched) / max(venue_ns, 1),
        monitor=judge.system("monitor", told),
        any=judge.system("any", [log.alarms["info"] for log in watched]),
        price_only=judge.system(
            "price-only",
            [price_only.alarms(log.moves, threshold) for log in watched],
            threshold=threshold if count else None,
        ),
        at_random=judge.expected("random", count, [log.covered for log in watched]),
        judged=judge.judged(told),
    )


def _quiet(log: Watched, rules: Rules) -> list[Span]:
    """Covered time outside of all windows and gaps."""
    windows = [rules.window(event) for event in log.labels.events]
    return without(log.covered, union([*windows, *log.labels.gaps]))


@dataclass(frozen=True, slots=True)
class _Judge:
    """Turns the alarms of a system, a list a log, into its figures."""

    labels: Sequence[Labels]
    rules: Rules
    quiet_ns: int

    def system(
        self, name: str, told: Sequence[Sequence[Alarm]], *, threshold: float | None = None
    ) -> System:
        """A system that told these alarms."""
        return self._figures(name, self._matched(told), draws=None, threshold=threshold)

    def expected(self, name: str, count: int, covered: Sequence[Sequence[Span]]) -> System:
        """A system that tells so many alarms at random: the mean over many draws."""
        rng = np.random.default_rng(at_random.SEED)
        drawn = [
            matched
            for _ in range(at_random.DRAWS)
            for matched in self._matched(at_random.draw(count, covered, rng))
        ]
        return self._figures(name, drawn, draws=at_random.DRAWS)

    def judged(self, told: Sequence[Sequence[Alarm]]) -> list[Judged]:
        """Every alarm with its ruling."""
        return [
            Judged(
                seed=labels.seed,
                scenario=labels.scenario,
                second=(alarm.at_ns - labels.start_ns) / NS_PER_S,
                symbols=sorted(alarm.symbols),
                ruling=ruling,
            )
            for labels, alarms, matched in zip(self.labels, told, self._matched(told), strict=True)
            for alarm, ruling in zip(alarms, matched.rulings, strict=True)
        ]

    def _matched(self, told: Sequence[Sequence[Alarm]]) -> list[Matched]:
        return [match(a, of, self.rules) for a, of in zip(told, self.labels, strict=True)]

    def _figures(
        self,
        name: str,
        matched: Sequence[Matched],
        *,
        draws: int | None,
        threshold: float | None = None,
    ) -> System:
        each = draws or 1
        ruled = Counter(ruling for of in matched for ruling in of.rulings)
        alarms, wrong = ruled.total(), sum(ruled[reason] for reason in REASONS)
        pairs = [
            (event, alarm)
            for of, labels in zip(matched, list(self.labels) * each, strict=True)
            for event, alarm in zip(labels.events, of.found, strict=True)
        ]
        weeks = self.quiet_ns / NS_PER_S / WEEK_S
        low, high = count_interval(ruled["quiet"])
        bounded = draws is None and weeks > 0
        return System(
            name=name,
            alarms=alarms / each,
            right=ruled["right"] / each,
            repeats=ruled["repeat"] / each,
            wrong={reason: ruled[reason] / each for reason in REASONS},
            wrong_share=wrong / alarms if alarms else None,
            wrong_per_week=ruled["quiet"] / each / weeks if weeks else None,
            wrong_per_week_low=low / weeks if bounded else None,
            wrong_per_week_high=high / weeks if bounded else None,
            cells=_cells(pairs, self.rules, draws),
            threshold=threshold,
        )


Pair = tuple[LabelledEvent, Alarm | None]


def _cells(pairs: Iterable[Pair], rules: Rules, draws: int | None) -> list[Cell]:
    """A cell a scenario and size: scenarios as they first come, small ones before large."""
    by_key: dict[tuple[bool, str, str], list[Pair]] = {}
    for event, alarm in pairs:
        by_key.setdefault((event.decoy, event.scenario, event.size), []).append((event, alarm))
    scenarios = list(dict.fromkeys(scenario for _, scenario, _ in by_key))
    ordered = sorted(by_key, key=lambda key: (scenarios.index(key[1]), SIZES.index(key[2])))
    return [_cell(by_key[key], rules, draws) for key in ordered]


def _cell(pairs: Sequence[Pair], rules: Rules, draws: int | None) -> Cell:
    each = draws or 1
    first = pairs[0][0]
    found = [(event, alarm.at_ns) for event, alarm in pairs if alarm is not None]
    delays = [(at_ns - event.onset_ns) / NS_PER_S for event, at_ns in found]
    waves = [(rules.wave_ns(event), at_ns) for event, at_ns in found]
    leads = [(wave_ns - at_ns) / NS_PER_S for wave_ns, at_ns in waves if wave_ns is not None]
    low, high = (None, None) if draws else share_interval(len(found), len(pairs))
    return Cell(
        scenario=first.scenario,
        size=first.size,
        decoy=first.decoy,
        events=len(pairs) // each,
        found=len(found) / each,
        found_low=low,
        found_high=high,
        delay_s=spread(delays, draws=each),
        waves=sum(rules.wave_ns(event) is not None for event, _ in pairs) // each,
        before_wave=sum(lead > 0 for lead in leads) / each,
        lead_s=spread(leads, draws=each),
    )
