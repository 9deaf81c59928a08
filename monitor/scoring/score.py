"""Scores logs: seeds checked first, every log watched in a process of its own, then all judged."""

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from monitor.config import Config
from monitor.incidents import Severity
from monitor.scoring.matching import Rules
from monitor.scoring.purpose import agreed_purpose
from monitor.scoring.scorecard import Scorecard, scorecard
from monitor.scoring.watch import LabelledLog, Watched, watch


def score(
    logs: Sequence[LabelledLog],
    config: Config,
    *,
    severity: Severity = "page",
    rules: Rules | None = None,
    tuning: bool = False,
    calibrated: Collection[int] = (),
    jobs: int = 1,
    on_log: Callable[[Watched], None] = lambda _: None,
) -> Scorecard:
    """The scorecard of some logs; it does not depend on `jobs`, the number of processes.

    calibrated: seeds that the configuration's thresholds were measured on. Raises SeedError where
    seeds meet that must not, before anything is read.
    """
    purpose = agreed_purpose([log.seed for log in logs], calibrated=calibrated, tuning=tuning)
    watched = []
    for found in _watched(logs, config, jobs):
        watched.append(found)
        on_log(found)
    return scorecard(watched, severity=severity, purpose=purpose, rules=rules or Rules())


def _watched(logs: Sequence[LabelledLog], config: Config, jobs: int) -> Iterator[Watched]:
    """What came of each log, in the order of the logs."""
    if jobs < 1:
        raise ValueError(f"jobs must be positive, was {jobs}")
    if jobs == 1:
        yield from (watch(log, config) for log in logs)
        return
    # Spawned, not forked: a fork copies locks that a progress bar's thread may hold.
    with ProcessPoolExecutor(min(jobs, len(logs)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(watch, config=config), logs)
