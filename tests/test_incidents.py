"""What incidents say."""

from typing import Any

import msgspec
import pytest

from monitor.incidents import (
    VENUE,
    AccountEvidence,
    Case,
    Change,
    Sighting,
    encode,
)
from tests import market
from tests.desk import START_BIN, seen, told_of


def case(*streams: Sighting, opened: int = START_BIN + 8) -> Case:
    onset = min(s.onset_bin for s in streams)
    score = max(s.score for s in streams)
    return Case("id", opened, onset, opened, opened, score, score, "page", list(streams))


def at(sighting: Sighting, seconds: float) -> Sighting:
    """A sighting with an onset so long after 22:13:20 UTC."""
    return msgspec.structs.replace(sighting, onset_bin=START_BIN + round(seconds * 4))


PULLER = AccountEvidence("mm-1", "cancel_burst", 0.615, 80)
SUMMARIES: list[tuple[Change, Case, list[AccountEvidence], str]] = [
    (
        "open",
        case(at(seen(7), 0.25)),
        [],
        "Cancels at 3.0x the expected rate on BTC since 22:13:20.250 UTC.",
    ),
    (
        "open",
        case(at(seen(7), 1), at(seen(6, "ETH"), 2), at(seen(5, "BTC", "leverage_burst"), 0)),
        [PULLER, AccountEvidence("t-1", "leverage_burst", 0.9, 3)],
        (
            "Cancels at 3.0x the expected rate on BTC, ETH since 22:13:20.000 UTC, first leverage "
            "changes on BTC, with leverage_burst; mm-1 made 62% of them."
        ),
    ),
    (
        "update",
        case(*(at(seen(9 - i, f"S{i}"), i) for i in range(5))),
        [msgspec.structs.replace(PULLER, share=0.19)],
        (
            "Cancels at 3.0x the expected rate on 5 symbols (S0, S1, S2 and 2 more) since "
            "22:13:20.000 UTC, first cancels on S0."
        ),
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(7, VENUE, "market_wide"), 0), feature="order")),
        [],
        "Orders at 3.0x the expected rate on the whole venue since 22:13:20.000 UTC.",
    ),
    (
        "update",
        case(
            msgspec.structs.replace(at(seen(9, VENUE, "market_wide"), 0), feature="order"),
            at(seen(3, "BTC"), 1),
            at(seen(2, "ETH"), 2),
        ),
        [],
        (
            "Orders at 3.0x the expected rate on the whole venue since 22:13:20.000 UTC, most on "
            "BTC, ETH, with cancel_burst."
        ),
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(4.5, "BTC", "drift"), 0), feature="order")),
        [],
        "Orders on BTC drifted to 3.0x their earlier level since 22:13:20.000 UTC.",
    ),
    (
        "open",
        case(msgspec.structs.replace(at(seen(7), 0), expected=0.0)),
        [],
        "Cancels at many times the expected rate on BTC since 22:13:20.000 UTC.",
    ),
    (
        "close",
        case(at(seen(7), 0), opened=START_BIN),
        [],
        "Cancels at 3.0x the expected rate on BTC since 22:13:20.000 UTC; over after 1 min 15 s.",
    ),
]


@pytest.mark.parametrize(("change", "found", "accounts", "summary"), SUMMARIES)
def test_the_summary_is_one_sentence_that_says_what_where_since_when_and_who(
    change: Change, found: Case, accounts: list[AccountEvidence], summary: str
) -> None:
    at_s = 75.0 if change == "close" else 10.0
    assert told_of(change, found, accounts, at_s).summary == summary


def test_an_encoded_incident_has_exactly_the_contracts_keys_and_types() -> None:
    lines = market.run(market.market(1)).lines
    assert lines
    for line in [*lines, encode(told_of("open", case(seen(7)), [PULLER]))]:
        found = msgspec.json.decode(line)
        assert list(found) == [
            *("schema", "id", "change", "at_ns", "onset_ns", "severity", "signals", "symbols"),
            *("accounts", "score", "summary", "trust"),
        ]
        assert found["schema"] == 1
        assert found["change"] in ("open", "update", "close")
        assert found["severity"] in ("info", "warning", "page")
        _check_types(found, {"at_ns": int, "onset_ns": int, "score": float, "trust": dict})
        _check_types(found, {"id": str, "summary": str, "signals": list})
        for evidence in found["symbols"]:
            numbers: dict[str, type] = dict.fromkeys(
                ("score", "observed", "expected", "ratio"), float
            )
            _check_types(evidence, {"symbol": str, "signal": str} | numbers, exactly=True)
        for evidence in found["accounts"]:
            kinds = {"account": str, "signal": str, "share": float, "count": int}
            _check_types(evidence, kinds, exactly=True)
        assert found["onset_ns"] <= found["at_ns"]


def _check_types(found: dict[str, Any], kinds: dict[str, type], *, exactly: bool = False) -> None:
    for name, kind in kinds.items():
        assert type(found[name]) is kind, (name, found[name])
    if exactly:
        assert list(found) == list(kinds)
