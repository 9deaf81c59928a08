"""An explanation says what the log holds, and what a replay without accounts comes to."""

import json
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from monitor.config import Config
from monitor.hindsight.explanation import Asked, Explanation, explain
from monitor.hindsight.prose import explanation_text
from monitor.hindsight.told import UnknownIncidentError
from monitor.incidents import Incident, encode
from monitor.replay import Replay
from tests import golden, market
from tests.hindsight.conftest import START_NS, unseen
from tests.test_cli import foreshock


def told() -> list[Incident]:
    return [
        msgspec.json.decode(i, type=Incident) for i in golden.INCIDENTS.read_bytes().splitlines()
    ]


def asked(**options: object) -> Asked:
    return Asked(config=market.config(), logs=[golden.LOG], on_pass=unseen, **options)  # type: ignore[arg-type]


def test_it_tells_the_changes_that_the_replay_tells(explained: Explanation) -> None:
    assert explained.changes == told()
    assert explained.incident == told()[-1]


def test_without_the_accounts_that_did_it_there_is_no_alert(explained: Explanation) -> None:
    assert {account.account for account in explained.accounts[:2]} == {"puller-0", "puller-1"}
    one, both = explained.without
    assert (len(one.accounts), len(both.accounts)) == (1, 2)
    assert both.severity is None
    assert both.score < 2.0
    assert one.severity == "page"  # either of the two is enough for one
    assert "no alert" in explanation_text(explained)


def test_seconds_count_what_the_log_holds(trouble: Path) -> None:
    found = explain(Asked(config=Config(), logs=[trouble], quick=True, on_pass=unseen))
    onset_ns = found.incident.onset_ns
    counts: Counter[tuple[str, str, int]] = Counter()
    for line in trouble.read_bytes().splitlines():
        event = json.loads(line)
        counts[event["type"], event["symbol"], (event["ts"] - onset_ns) // 1_000_000_000] += 1
    streams = [story for story in found.streams if story.symbol != "*"]
    assert len(streams) > 4
    for story in streams:
        assert story.seconds[0].at_s < 0 < story.seconds[-1].at_s
        for second in story.seconds[:-1]:  # the last one is cut where the incident closed
            assert second.observed == counts[story.feature, story.symbol, second.at_s]
        began_s = (story.onset_ns - onset_ns) / 1e9
        before = [second for second in story.seconds if second.at_s < began_s - 1]
        assert sum(s.observed for s in before) < 3.0 * sum(s.expected for s in before) + 10.0
        assert story.risen[0].decades > 3.0


def test_accounts_are_counted_over_the_incidents_symbols_by_kind(trouble: Path) -> None:
    found = explain(Asked(config=Config(), logs=[trouble], quick=True, on_pass=unseen))
    symbols = {seen.symbol for seen in found.incident.symbols}
    counts: Counter[tuple[str, str]] = Counter()
    for line in trouble.read_bytes().splitlines():
        event = json.loads(line)
        inside = found.incident.onset_ns <= event["ts"] < found.incident.at_ns
        if inside and event["symbol"] in symbols and "account" in event:
            counts[event["type"], event["account"]] += 1
    for story in found.accounts:
        for feature, count in story.counts.items():
            assert count == counts[feature, story.account]


def test_what_moved_first_is_in_the_order_of_time(explained: Explanation) -> None:
    onsets = [first.onset_ns for first in explained.first]
    assert onsets == sorted(onsets)
    assert {first.symbol for first in explained.first} <= {
        seen.symbol for change in explained.changes for seen in change.symbols
    }


def test_an_incident_is_found_by_how_its_id_begins() -> None:
    id_ = told()[0].id
    assert explain(asked(id=id_[:6], quick=True)).incident.id == id_
    with pytest.raises(UnknownIncidentError, match="is not in these logs; there are " + id_):
        explain(asked(id="ffff", quick=True))


def test_an_audit_log_alone_tells_what_it_knows() -> None:
    found = explain(Asked(config=market.config(), logs=[golden.INCIDENTS], on_pass=unseen))
    assert found.changes == told()
    assert found.streams == []
    assert found.without == []
    assert "puller-0" in explanation_text(found)


def test_the_text_fits_80_columns_and_json_comes_back_whole(trouble: Path) -> None:
    said = foreshock("explain", str(trouble), "--quick")
    assert said.returncode == 0
    assert said.stderr == ""
    assert max(map(len, said.stdout.splitlines())) <= 80
    for head in (
        "How rare",
        "What moved first",
        "How its rate rose",
        "Who",
        "What was told",
    ):
        assert head in said.stdout.splitlines()
    as_json = foreshock("explain", str(trouble), "--quick", "--json")
    found = msgspec.json.decode(as_json.stdout, type=Explanation)
    assert found.incident.id in said.stdout
    assert found.incident.onset_ns > START_NS


@pytest.mark.parametrize("options", [{"singly": True}, {"muted": ["nobody"]}])
def test_looking_closer_and_muting_nobody_change_nothing(options: dict[str, object]) -> None:
    run = Replay(market.config(), [golden.LOG], **options)  # type: ignore[arg-type]
    lines = b"".join(encode(incident) + b"\n" for incident in run.incidents())
    assert lines == golden.INCIDENTS.read_bytes()
