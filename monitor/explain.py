"""From a case to an incident that says why: symbols, accounts, expected against observed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from monitor.events import NS_PER_S
from monitor.incidents import (
    FEED,
    SYMBOLS_SHOWN,
    VENUE,
    AccountEvidence,
    Case,
    Change,
    Incident,
    Sighting,
    SymbolEvidence,
    in_order,
)

LEAD: Final = 0.5  # of the loudest score, that a symbol's needs to be what the sentence is about
EVENTS: Final = {
    "any": "events",
    "clock": "a clock",
    "order": "orders",
    "cancel": "cancels",
    "leverage": "leverage changes",
    "fill": "fills",
    "liquidation": "liquidations",
    "reject": "rejects",
    "book": "books",
    "mark": "marks",
    "index_age": "a late index",
    "mark_distance": "a mark away from trades",
}
# What a level came to, what is usual, and where.
SENTENCES: Final = {
    "index_age": "Index {0:.0f} s behind its mark, where up to {1:.0f} s are usual, on {2}",
    "mark_distance": "Mark {0:.0f} basis points farther from trades than moves of ten seconds "
    "explain, where up to {1:.0f} are usual, on {2}",
}

LEVELS: Final = {
    "long_leverage": "leverage of longs",
    "short_leverage": "leverage of shorts",
    "set_leverage": "leverage that accounts set",
    "band_pressure": "forced notional over resting depth",
    "amplification": "growth of forced orders under a shock",
    "crowd": "crowding of the side that pays funding",
    "near_depth": "depth near the touch",
    "struck_share": "the share of orders and cancels that fall where the book is thin",
}


def describe(
    change: Change,
    case: Case,
    *,
    at_bin: int,
    bin_ns: int,
    accounts: Sequence[AccountEvidence],
    trust: dict[str, float | str | list[str]],
    notes: Sequence[str] = (),
) -> Incident:
    """The incident that tells a change of a case at the end of a bin."""
    ranked = sorted(case.streams, key=lambda s: (-s.score, s.signal, s.symbol))
    return Incident(
        schema=1,
        id=case.id,
        change=change,
        at_ns=(at_bin + 1) * bin_ns,
        onset_ns=case.onset_bin * bin_ns,
        severity=case.severity,
        signals=list(dict.fromkeys(seen.signal for seen in ranked)),
        symbols=[_evidence(seen) for seen in ranked[:SYMBOLS_SHOWN]],
        accounts=list(accounts),
        score=round(case.score, 3),
        summary=_summary(change, case, ranked, at_bin, bin_ns, accounts, notes),
        trust=trust,
    )


def _evidence(seen: Sighting) -> SymbolEvidence:
    return SymbolEvidence(
        symbol=seen.symbol,
        signal=seen.signal,
        score=round(seen.score, 3),
        observed=round(seen.observed, 3),
        expected=round(seen.expected, 3),
        ratio=round(seen.observed / seen.expected, 3) if seen.expected > 0 else 0.0,
    )


def _summary(
    change: Change,
    case: Case,
    ranked: Sequence[Sighting],
    at_bin: int,
    bin_ns: int,
    accounts: Sequence[AccountEvidence],
    notes: Sequence[str],
) -> str:
    """One sentence: what, how much, where, since when, what moved first, who."""
    symbols = [
        seen for seen in ranked if seen.symbol != VENUE and seen.score >= LEAD * ranked[0].score
    ]
    lead = (symbols or ranked)[0]  # a name says more than "the whole venue", if it is loud too
    alike = [seen for seen in ranked if seen.signal == lead.signal]
    since = _clock(case.onset_bin * bin_ns)
    text = _what(lead, alike)
    text += f" since {since} UTC"
    named = dict.fromkeys(seen.symbol for seen in ranked if seen.symbol != VENUE)
    if lead.symbol == VENUE and lead.signal not in FEED and named:
        text += f", most on {_listed(list(named))}"
    first = in_order(ranked, case.onset_bin)[0]
    if len(case.streams) > 1 and first.symbol != VENUE:
        text += f", first {_events(first).lower()} on {first.symbol}"
    others = [s for s in dict.fromkeys(seen.signal for seen in ranked) if s != lead.signal]
    if others:
        text += f", with {' and '.join(others)}"
    leading = [a for a in accounts if a.signal == lead.signal]
    if leading and leading[0].share >= 0.2:
        made = "has" if lead.feature in LEVELS else "made"
        what = "it" if lead.feature in LEVELS else "them"
        text += f"; {leading[0].account} {made} {leading[0].share:.0%} of {what}"
    text += "".join(f"; {note}" for note in notes)
    if case.joined:
        text += f"; goes on as {case.joined}"
    elif change == "close":
        minutes, seconds = divmod(round((at_bin - case.opened_bin) * bin_ns / NS_PER_S), 60)
        text += f"; over after {minutes} min {seconds:02d} s"
    return text + "."


def _what(lead: Sighting, alike: Sequence[Sighting]) -> str:
    """What the leading sighting, and those of its signal, say."""
    if lead.feature in SENTENCES:
        return SENTENCES[lead.feature].format(lead.observed, lead.expected, _some(alike))
    if lead.signal == "feed_gap":
        alike = [seen for seen in alike if seen.symbol == VENUE] or alike
        missed = round(sum(seen.expected for seen in alike))
        return f"No {_events(lead).lower()} of {_some(alike)}, where {missed:,} were expected,"
    if lead.signal == "clock_skew":
        behind = lead.observed - lead.expected
        side = "behind" if behind > 0.0 else "ahead of"
        text = f"Event times of {_some(alike)} are {abs(behind):.1f} s {side} where they used to be"
        return text + " against the broker's clock,"
    if lead.signal == "drift":
        return f"{_events(lead)} on {_some(alike)} drifted to {_ratio(alike)} their earlier level"
    if lead.feature in LEVELS:
        return f"{_events(lead)} at {_ratio(alike)} its usual level on {_some(alike)}"
    return f"{_events(lead)} at {_ratio(alike)} the expected rate on {_some(alike)}"


def _events(seen: Sighting) -> str:
    return (EVENTS | LEVELS).get(seen.feature, seen.feature).capitalize()


def _ratio(alike: Sequence[Sighting]) -> str:
    expected = sum(seen.expected for seen in alike)
    observed = sum(seen.observed for seen in alike)
    return f"{observed / expected:.1f}x" if expected > 0 else "many times"


def _some(alike: Sequence[Sighting]) -> str:
    return _listed([seen.symbol for seen in alike])


def _listed(names: Sequence[str]) -> str:
    if names == [VENUE]:
        return "the whole venue"
    shown = ", ".join("the whole venue" if n == VENUE else n for n in names[:3])
    if len(names) > 3:
        return f"{len(names)} symbols ({shown} and {len(names) - 3} more)"
    return shown


def _clock(ns: int) -> str:
    moment = datetime.fromtimestamp(ns // NS_PER_S, UTC)
    return f"{moment:%H:%M:%S}.{ns % NS_PER_S // 1_000_000:03d}"
