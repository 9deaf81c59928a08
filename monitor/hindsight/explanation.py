"""One incident at length: what led to it, who, and what would have been without them."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Final

from msgspec import Struct

from monitor.config import Config
from monitor.detection import Step
from monitor.errors import UserError
from monitor.hindsight.second_look import SecondLook, StreamStory
from monitor.hindsight.told import Told, audited, chosen, replayed
from monitor.hindsight.without import Enough, Without, asked_about, play, without
from monitor.incidents import VENUE, Incident, Sighting, in_order
from monitor.rarity import rarity
from monitor.replay import Replay

SCHEMA: Final = 1
ACCOUNTS_MAX: Final = 10
BUSIEST: Final = 5  # accounts of a signal, that are looked for in the others


class First(Struct, frozen=True):
    """A stream, by when it began."""

    onset_ns: int
    signal: str
    symbol: str
    feature: str


class AccountStory(Struct, frozen=True):
    """An account's events on the incident's symbols from onset to end, and its shares of all."""

    account: str
    counts: dict[str, int]
    shares: dict[str, float]


class Overlap(Struct, frozen=True):
    """How many of the busiest accounts of one kind of event are busiest in another too."""

    feature: str
    other: str
    accounts: int
    of: int


class Explanation(Struct, frozen=True):
    """All that is known. first, streams, accounts, overlaps, without: empty without the logs.

    rarity: how seldom a quiet venue shows this. changes: from first to last.
    """

    schema: int
    incident: Incident
    changes: list[Incident]
    rarity: str
    first: list[First]
    streams: list[StreamStory]
    accounts: list[AccountStory]
    overlaps: list[Overlap]
    without: list[Without]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be explained. id: None is the loudest. decisions: the audit log of a live run.

    quick: leave out what would have been without accounts. on_pass: told what each pass is about,
    and gives what is to be called as it goes on.
    """

    config: Config
    logs: Sequence[Path]
    id: str | None = None
    decisions: Path | None = None
    quick: bool = False
    on_pass: Callable[[str], Callable[..., None]]

    def run(self, what: str, **options: object) -> Replay:
        """A replay of the logs."""
        make: Callable[..., Replay] = partial(Replay, self.config, self.logs)
        return make(decisions=self.decisions, on_batch=self.on_pass(what), **options)


def explain(asked: Asked) -> Explanation:
    """Explain one incident of some logs, or as far as an audit log knows it.

    Raises LogError, and UnknownIncidentError where there is no such incident.
    """
    audits = [audited(path) for path in asked.logs if path.is_file()]
    kept = [found for found in audits if found is not None]
    if kept and len(kept) == len(asked.logs):
        found = {id_: told for audit in kept for id_, told in audit.items()}
        return _explained(asked, chosen(found, asked.id))
    if kept:
        raise UserError("audit logs and incident logs do not mix: name the audit as --decisions")
    told = replayed(asked.run("looking for it"), asked.id)
    look = _look_again(asked, told)
    return _explained(asked, told, look)


def _look_again(asked: Asked, told: Told) -> SecondLook:
    """The second pass: bin by bin around the incident."""
    bin_ns, incident = asked.config.bin_ns, told.incident
    looks: list[SecondLook] = []

    def watch(step: Step) -> None:
        looks[0].step(step)
        if step.end_ns >= incident.at_ns:
            raise Enough

    run = asked.run("looking closer", singly=True, on_step=watch)
    looks.append(
        SecondLook(
            run.pipeline,
            told.streams,
            onset_bin=incident.onset_ns // bin_ns,
            end_bin=incident.at_ns // bin_ns - 1,
        )
    )
    play(run)
    return looks[0]


def _explained(asked: Asked, told: Told, look: SecondLook | None = None) -> Explanation:
    accounts = {} if look is None else look.accounts
    return Explanation(
        schema=SCHEMA,
        incident=told.incident,
        changes=told.changes,
        rarity=rarity(told.incident.score, asked.config.bin_ns),
        first=_first(told.streams, told.incident.onset_ns, asked.config.bin_ns),
        streams=[] if look is None else look.stories(),
        accounts=_accounts(accounts, told.incident),
        overlaps=_overlaps(accounts),
        without=[] if look is None or asked.quick else _without(asked, told),
    )


def _without(asked: Asked, told: Told) -> list[Without]:
    """Without the one account that made most, then without all that stand out."""
    names = asked_about(told.incident)
    sets = [names[:1], names] if len(names) > 1 else [names] if names else []
    return [
        without(some, told.changes, partial(asked.run, f"without {len(some)}")) for some in sets
    ]


def _first(streams: Sequence[Sighting], onset_ns: int, bin_ns: int) -> list[First]:
    ranked = in_order(streams, onset_ns // bin_ns) if streams else []
    return [
        First(seen.onset_bin * bin_ns, seen.signal, seen.symbol, seen.feature)
        for seen in ranked
        if seen.symbol != VENUE
    ]


def _accounts(counted: Mapping[str, Counter[str]], incident: Incident) -> list[AccountStory]:
    """Those that the incident names, and whoever else made most."""
    totals = {feature: counts.total() for feature, counts in counted.items()}
    share: Counter[str] = Counter()
    for feature, counts in counted.items():
        for name, count in counts.items():
            share[name] = max(share[name], count / totals[feature])  # type: ignore[assignment]
    del share[""]  # events without an account
    named = {account.account for account in incident.accounts}
    ranked = sorted(share, key=lambda name: (-share[name], name not in named, name))
    return [
        AccountStory(
            account=name,
            counts={feature: counts[name] for feature, counts in counted.items()},
            shares={
                feature: round(counts[name] / totals[feature], 4) if totals[feature] else 0.0
                for feature, counts in counted.items()
            },
        )
        for name in ranked[:ACCOUNTS_MAX]
    ]


def _overlaps(counted: Mapping[str, Counter[str]]) -> list[Overlap]:
    busiest = {feature: _busiest(counts) for feature, counts in counted.items()}
    return [
        Overlap(one, other, len(busiest[one] & busiest[other]), len(busiest[one]))
        for one, other in combinations(busiest, 2)
        if busiest[one] and busiest[other]
    ]


def _busiest(counts: Counter[str]) -> set[str]:
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    return set([name for name in ranked if name][:BUSIEST])
