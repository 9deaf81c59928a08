"""Metrics of open incidents: bounded, stable where alerts hang on them, and without names."""

from collections.abc import Iterable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from monitor.exporter import Exporter
from monitor.incident_metrics import (
    SERIES_MAX,
    accounts_share_of,
    first_of,
    incident_metrics,
    nameless,
    ratio_of,
    symbols_of,
)
from monitor.incidents import VENUE, AccountEvidence, Change, Incident, Severity, SymbolEvidence
from tests.test_exporter import SYMBOLS, samples, step

SENTENCE = (
    "Cancels at 24.3x the expected rate on 4 symbols (XRP-PERP, DOGE-PERP, SOL-PERP and 1 more) "
    "since 20:27:36.000 UTC, first leverage changes on XRP-PERP, with market_wide; {} made 62% of "
    "them."
)


def incident(
    name: str = "x",
    change: Change = "open",
    severity: Severity = "info",
    *,
    signals: Iterable[str] = ("cancel_burst",),
    symbols: Iterable[SymbolEvidence] = (),
    accounts: Iterable[AccountEvidence] = (),
    score: float = 5.0,
    summary: str = "",
) -> Incident:
    return Incident(
        *(1, name, change, 2_000_000_000, 1_500_000_000, severity, list(signals), list(symbols)),
        *(list(accounts), score, summary, {}),
    )


def stream(symbol: str, signal: str = "cancel_burst", expected: float = 5.0) -> SymbolEvidence:
    return SymbolEvidence(symbol, signal, 5.0, 20.0, expected, 4.0)


def values(
    incidents: Iterable[Incident], leads: Mapping[str, str] = {}, *, known: bool = True
) -> dict[str, list[tuple[dict[str, str], float]]]:
    metrics = incident_metrics(incidents, venue="v", leads=dict(leads), known=known)
    return {m.name: [(s.labels, s.value) for s in m.samples] for m in metrics}


def test_an_open_incident_has_its_numbers_by_id() -> None:
    found = values([incident(symbols=[stream("A"), stream("B"), stream("A", "drift", 1.0)])])
    ((labels, value),) = found["foreshock_incident_open"]
    assert value == 1.0
    assert list(labels.values()) == ["v", "x", "info", "cancel_burst", "symbols"]
    assert found["foreshock_incident_onset_timestamp_seconds"] == [({"id": "x"}, 1.5)]
    assert found["foreshock_incident_score"] == [({"id": "x"}, 5.0)]
    assert found["foreshock_incident_ratio"] == [({"id": "x"}, 4.0)]
    assert found["foreshock_incidents_known"] == [({"venue": "v"}, 1.0)]


def test_a_ratio_without_expectation_is_not_exported() -> None:
    assert ratio_of(incident(symbols=[stream("A", expected=0.0)])) is None
    assert values([incident()])["foreshock_incident_ratio"] == []


def test_beyond_the_bound_the_quietest_go_and_are_counted_and_pages_stay() -> None:
    many = [incident(f"{i:02}", score=5.0 + i) for i in range(SERIES_MAX + 9)]
    found = values([*many, incident("page", severity="page", score=1.0)])
    names = [labels["id"] for labels, _ in found["foreshock_incident_open"]]
    assert len(names) == len(found["foreshock_incident_info"]) == SERIES_MAX
    assert names[:2] == ["page", f"{SERIES_MAX + 8}"]
    assert found["foreshock_incidents_unlisted"] == [({}, 10.0)]


def test_the_lead_of_an_open_incident_stays_what_it_was_opened_with() -> None:
    metrics = Exporter(["orders"], ["cancel_burst", "order_burst"], scores_max=1, venue="v")
    metrics.know([])
    metrics.stepped(step([1.0], [incident()]), SYMBOLS, 0.001)
    grown = incident(change="update", signals=["order_burst", "cancel_burst", "market_wide"])
    metrics.stepped(step([1.0], [grown]), SYMBOLS, 0.001)
    labels = ("x", "venue", "info", "cancel_burst", "v")
    assert list(samples(metrics, "foreshock_incident_open")) == [labels]
    metrics.stepped(step([1.0], [incident(change="close")]), SYMBOLS, 0.001)
    assert samples(metrics, "foreshock_incident_open") == {}


def test_after_a_restart_what_is_open_is_known_only_once_it_was_told_and_counts_once() -> None:
    metrics = Exporter(["orders"], ["cancel_burst"], scores_max=1, venue="v")
    assert samples(metrics, "foreshock_incidents_known") == {("v",): 0.0}
    metrics.know([incident(severity="page")])
    assert samples(metrics, "foreshock_incidents_known") == {("v",): 1.0}
    metrics.stepped(step([1.0], [incident("x", "update", "page")]), SYMBOLS, 0.001)
    assert samples(metrics, "foreshock_incidents_total")["page", "cancel_burst"] == 0
    metrics.know(None)
    assert samples(metrics, "foreshock_incidents_known") == {("v",): 0.0}
    assert samples(metrics, "foreshock_incident_open") == {}


def test_symbols_are_the_loudest_five_and_the_whole_venue_only_where_alone() -> None:
    names = [VENUE, "A", "B", "A", "C", "D", "E", "F"]
    assert symbols_of(incident(symbols=map(stream, names))) == "A,B,C,D,E"
    assert symbols_of(incident(symbols=[stream(VENUE)])) == VENUE


def test_what_moved_first_is_taken_from_the_sentence_or_else_the_loudest() -> None:
    assert first_of(incident(summary=SENTENCE.format("A-7"))) == "leverage changes on XRP-PERP"
    assert first_of(incident(symbols=[stream("A")], summary="Text.")) == "cancel_burst on A"
    assert first_of(incident(symbols=[stream(VENUE)])) == "cancel_burst on the whole venue"


def test_accounts_are_counted_for_the_loudest_signal_that_names_any() -> None:
    accounts = [
        AccountEvidence("a", "order_burst", 0.9, 9),
        AccountEvidence("b", "cancel_burst", 0.625, 5),
        AccountEvidence("c", "cancel_burst", 0.125, 1),
    ]
    both = incident(signals=["market_wide", "cancel_burst", "order_burst"], accounts=accounts)
    assert accounts_share_of(both) == "62% by one account, 75% by 2"
    assert accounts_share_of(incident(signals=["order_burst"], accounts=accounts)) == (
        "90% by one account"
    )
    assert accounts_share_of(incident(accounts=accounts[:1])) == ""


def test_numbers_that_are_also_names_of_accounts_stay_numbers() -> None:
    accounts = [AccountEvidence(name, "cancel_burst", 0.6, 6) for name in ("24", "36", "3", "77")]
    text = nameless(incident(accounts=accounts, summary=SENTENCE.format("77")))
    assert text == SENTENCE.format("one account")


@given(
    name=st.text(min_size=1, max_size=30).filter(lambda name: name.strip() == name),
    share=st.floats(0.2, 1.0),
)
def test_no_account_is_ever_named_in_a_label(name: str, share: float) -> None:
    accounts = [AccountEvidence(name, "cancel_burst", share, 5)]
    told = incident(accounts=accounts, summary=SENTENCE.format(name), symbols=[stream("A")])
    for labels, _ in values([told])["foreshock_incident_info"]:
        assert f"; {name} made" not in labels["summary"]
        assert "; one account made" in labels["summary"]
