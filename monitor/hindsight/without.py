"""What would have been told without some accounts: replayed without their events, never guessed."""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

from msgspec import Struct

from monitor.detection import Step
from monitor.incidents import VENUE, Incident
from monitor.replay import Replay

ACCOUNTS_MAX: Final = 5
SHARE_MIN: Final = 0.1  # of a signal, that makes an account one to ask about


class Without(Struct, frozen=True):
    """The same time without some accounts. score: the venue's greatest from onset to end.

    severity, at_ns: of what was told then of the same symbols, and when first; None where nothing
    was. delay_s: how much later than with all accounts.
    """

    accounts: list[str]
    score: float
    severity: str | None
    at_ns: int | None
    delay_s: float | None


class Enough(Exception):  # noqa: N818 # no error: the rest of a log does not matter
    """What was asked for has passed."""


def asked_about(incident: Incident) -> list[str]:
    """The accounts that made most of some signal; of none that stands out, the busiest ones."""
    ranked = sorted(incident.accounts, key=lambda a: (-a.share, a.account))
    standing_out = [a.account for a in ranked if a.share >= SHARE_MIN]
    busiest = [a.account for a in incident.accounts if a.signal == incident.signals[0]]
    names = dict.fromkeys(standing_out or busiest or [a.account for a in ranked])
    return list(names)[:ACCOUNTS_MAX]


def without(
    accounts: Sequence[str], changes: Sequence[Incident], run: Callable[..., Replay]
) -> Without:
    """The score and the incident of the same time and symbols, had these accounts not been there.

    run: makes a replay of the logs, with such options. changes: of the incident, in order.
    """
    onset_ns, end_ns = changes[-1].onset_ns, changes[-1].at_ns
    best, told = 0.0, list[Incident]()

    def watch(step: Step) -> None:
        nonlocal best
        told.extend(step.incidents)
        if onset_ns < step.end_ns <= end_ns:
            best = max(best, step.score)
        if step.end_ns > end_ns:
            raise Enough

    play(run(muted=accounts, on_step=watch))
    symbols = _symbols(changes)
    same = [i for i in told if i.at_ns > onset_ns and not symbols.isdisjoint(_symbols([i]))]
    first = same[0] if same else None
    return Without(
        accounts=list(accounts),
        score=round(best, 3),
        severity=same[-1].severity if same else None,
        at_ns=None if first is None else first.at_ns,
        delay_s=None if first is None else round((first.at_ns - changes[0].at_ns) / 1e9, 3),
    )


def play(run: Replay) -> None:
    """Replay to the end, or until someone who watches has seen enough."""
    with suppress(Enough):
        deque(run.incidents(), maxlen=0)


def _symbols(changes: Sequence[Incident]) -> set[str]:
    named = {seen.symbol for incident in changes for seen in incident.symbols}
    return named - {VENUE} or named
