"""What is decided depends on the records alone: not on batches, interleaving or restarts."""

import io
from collections import Counter
from functools import cache
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.accounts import AccountRing
from monitor.config import Input
from monitor.detection import Detection
from monitor.records import Partition, RawBatch
from tests import market
from tests.market import Run, Sent, State, Traffic

SEEDS = st.integers(0, 2**32 - 1)
MARKETS = st.sampled_from((1, 2))
BATCHES = st.sampled_from((2.0, 40.0, 900.0))
RECORDS = 6_000  # a restart is tried after any number of records up to about all of them
few = settings(max_examples=10, deadline=None, derandomize=True)


@cache
def traffic_of(seed: int) -> Traffic:
    return market.market(seed)


@cache
def run_of(seed: int) -> Run:
    return market.run(traffic_of(seed))


def lines_of(seed: int) -> list[bytes]:
    return run_of(seed).lines


def _same(found: Run, seed: int) -> None:
    """The bins, the late events and the incidents are those of the undisturbed run."""
    expected = run_of(seed)
    assert found.lines == expected.lines
    assert found.bins == expected.bins
    assert found.late == expected.late


def npz(state: State) -> State:
    """Through a file's bytes and back, as a checkpoint goes."""
    file = io.BytesIO()
    arrays: dict[str, Any] = dict(state)
    np.savez(file, allow_pickle=False, **arrays)
    file.seek(0)
    with np.load(file, allow_pickle=False) as loaded:
        return dict(loaded)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_market_of_these_tests_has_an_incident_from_open_to_close_and_every_fault(
    seed: int,
) -> None:
    found = market.run(traffic_of(seed))
    changes = Counter(incident.change for incident in found.incidents)
    assert changes["open"] >= 1, seed
    assert changes["close"] == changes["open"], seed
    assert {"S00-PERP", "S01-PERP", "S02-PERP"} <= {
        evidence.symbol for incident in found.incidents for evidence in incident.symbols
    }
    assert any(a.account == "puller-0" for i in found.incidents for a in i.accounts), seed
    reasons = Counter(bad.reason for taken in found.taken for bad in taken.bad)
    assert found.late > 10
    assert reasons["future"] > 1
    assert reasons["not_json"] > 1


@given(MARKETS, SEEDS, BATCHES)
@example(1, 0, 1.0)
@few
def test_batching_and_interleaving_of_partitions_change_nothing(
    number: int, seed: int, batch_mean: float
) -> None:
    found = market.run(traffic_of(number), market.shuffled(traffic_of(number), seed, batch_mean))
    _same(found, number)


@given(MARKETS, SEEDS, st.sampled_from((1, 3, 40, 10_000)))
@example(1, 0, 1)
@settings(max_examples=6, deadline=None, derandomize=True)
def test_how_many_bins_are_closed_at_once_changes_nothing(
    number: int, seed: int, at_once_max: int
) -> None:
    rng = np.random.default_rng(seed)
    traffic = traffic_of(number)
    found = market.start(traffic)
    pipeline = found.pipeline
    for part in market.by_arrival(traffic):
        found.taken.append(pipeline.take(traffic.batch(part)))
    pipeline.flush()
    closed = [*pipeline.fold.close(), *pipeline.fold.finish()]
    while closed:
        at_once = int(rng.integers(1, at_once_max + 1))
        found.note(pipeline.detection.steps(closed[:at_once]))
        closed = closed[at_once:]
    _same(found, number)
    ours, theirs = pipeline.detection.state(), run_of(number).pipeline.detection.state()
    assert {name: array.tobytes() for name, array in ours.items()} == {
        name: array.tobytes() for name, array in theirs.items()
    }


def test_reading_whole_partitions_one_after_the_other_changes_nothing() -> None:
    traffic = traffic_of(1)
    for origins in (list(traffic.logs), list(traffic.logs)[::-1]):
        whole = (market.Slice(p, 0, len(traffic.logs[p])) for p in origins)
        assert market.run(traffic, whole).lines == lines_of(1)


@given(MARKETS, SEEDS, BATCHES, st.integers(0, RECORDS))
@example(1, 0, 40.0, 0)
@example(1, 0, 40.0, 1)
@few
def test_a_restart_anywhere_changes_nothing(
    number: int, seed: int, batch_mean: float, records: int
) -> None:
    found = market.restarted(traffic_of(number), [records], seed, batch_mean, npz)
    _same(found, number)


@given(MARKETS, SEEDS, BATCHES, st.integers(0, RECORDS), st.integers(0, 300), st.integers(0, 3000))
@few
def test_restarts_while_still_reading_again_change_nothing(
    number: int, seed: int, batch_mean: float, first: int, second: int, third: int
) -> None:
    found = market.restarted(traffic_of(number), [first, second, third], seed, batch_mean)
    _same(found, number)


def test_a_restart_in_the_middle_of_a_silence_changes_nothing() -> None:
    loud = market.market(5, faults=False)
    pause_ms = 40_000
    logs = {}
    for origin, log in loud.logs.items():
        start_ms = market.START_S * 1000 + 60_000
        logs[origin] = [_moved(s, pause_ms) if s.timestamp_ms > start_ms else s for s in log]
    # So late that every partition has spoken again before the watermark leaves the silence.
    patient = market.config(input=Input(lateness_s=6.0, silence_s=5.0))
    traffic = Traffic(logs, patient)
    expected = market.run(traffic)
    assert [i.change for i in expected.incidents][-1] == "close"
    before = sum(s.timestamp_ms <= start_ms for log in logs.values() for s in log)
    for more in (0, 1, 200, 260, 320, 380):
        schedule = market.one_by_one(traffic)
        found = market.restarted(traffic, [before + more], 7, 5.0, schedule=schedule)
        assert found.bins == expected.bins, more
        assert found.lines == expected.lines, more


def _moved(sent: Sent, by_ms: int) -> Sent:
    event = msgspec.json.decode(sent.value or b"")
    event["ts"] += by_ms * 1_000_000
    return Sent(msgspec.json.encode(event), sent.timestamp_ms + by_ms)


@given(SEEDS)
@settings(max_examples=5, deadline=None, derandomize=True)
def test_names_seen_in_another_order_change_nothing(seed: int) -> None:
    traffic = traffic_of(1)
    names = {f"S{i:02d}-PERP" for i in range(6)} | {f"trader-{i:02d}" for i in range(60)}
    found = market.start(traffic)
    mixed = np.random.default_rng(seed).permutation(sorted(names)).tolist()
    for name in mixed:
        assert found.pipeline.names.symbols[name] + found.pipeline.names.accounts[name] > 0
    found.feed(traffic, market.by_arrival(traffic))
    found.finish()
    assert found.lines == lines_of(1)


@pytest.mark.parametrize("slack", [1, 30, 100])
def test_forgetting_names_changes_nothing(slack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # Who did it is remembered for five minutes: longer than this market lasts.
    monkeypatch.setattr(
        "monitor.detection.AccountRing", lambda **_: AccountRing(bins_max=60, events_max=2_000_000)
    )
    traffic = _with_passers_by(traffic_of(1))
    expected = market.run(traffic).lines
    monkeypatch.setattr("monitor.columns.NAMES_SLACK", slack)
    forgotten = 0
    recode = Detection.recode

    def counting(self: Detection, recoding: Any) -> None:
        nonlocal forgotten
        forgotten += int((recoding.accounts < 0).sum())
        recode(self, recoding)

    monkeypatch.setattr(Detection, "recode", counting)
    assert market.run(traffic).lines == expected
    assert forgotten > 100
    assert market.restarted(traffic, [2000, 1500], 11, 20.0, npz).lines == expected


def _with_passers_by(traffic: Traffic) -> Traffic:
    """The same traffic with many accounts that are seen only once."""
    logs = {origin: list(log) for origin, log in traffic.logs.items()}
    for origin, log in logs.items():
        for i in range(0, len(log) - 1, 3):
            value = log[i].value
            if value is None or b'"order"' not in value or b'"account"' not in value:
                continue
            event = msgspec.json.decode(value)
            reject = {
                "type": "reject",
                "ts": event["ts"],
                "symbol": event["symbol"],
                "account": f"passer-by-{origin.partition}-{i}",
                "reason": "margin",
            }
            log.insert(i + 1, Sent(msgspec.json.encode(reject), log[i].timestamp_ms))
    return Traffic(logs)


def test_symbols_beyond_the_maximum_are_refused_by_name_and_counted() -> None:
    five = market.config(input=Input(lateness_s=1.0, silence_s=5.0, symbols_max=4))
    traffic = Traffic(traffic_of(1).logs, five)
    found = market.run(traffic)
    detection = found.pipeline.detection
    assert detection.roster.symbols == [f"S{i:02d}-PERP" for i in range(4)]
    assert detection.frames.refused_total > 1000
    other = market.run(traffic, market.shuffled(traffic, 3, 2.0))
    assert other.lines == found.lines
    assert other.pipeline.detection.frames.refused_total == detection.frames.refused_total
    assert market.restarted(traffic, [3000], 9, 30.0, npz).lines == found.lines


@pytest.mark.parametrize("seed", range(6))
def test_duplicated_dropped_torn_and_misplaced_records_never_stop_the_pipeline(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = {}
    for origin, log in traffic_of(2).logs.items():
        kept: list[Sent] = []
        for sent in log:
            kept += [_torn(sent, rng)] * int(rng.choice([0, 1, 2], p=[0.05, 0.9, 0.05]))
        for i in rng.integers(0, len(kept), 20).tolist():
            j = int(rng.integers(0, len(kept)))
            kept[i], kept[j] = kept[j], kept[i]
        logs[origin] = kept
    traffic = Traffic(logs)
    found = market.run(traffic, market.shuffled(traffic, seed, 25.0))
    judged = sum(taken.ts.size + len(taken.bad) for taken in found.taken)
    assert judged == traffic.records, seed
    assert found.lines == market.run(traffic).lines, seed


def _torn(sent: Sent, rng: np.random.Generator) -> Sent:
    value, chance = sent.value or b"", rng.random()
    if chance < 0.02:
        value = value[: int(rng.integers(0, len(value) + 1))]
    elif chance < 0.04:
        mangled = bytearray(value)
        for _ in range(int(rng.integers(1, 4)) if mangled else 0):
            mangled[int(rng.integers(len(mangled)))] = int(rng.integers(256))
        value = bytes(mangled)
    elif chance < 0.05:
        value = value + b"\n" + value
    return sent._replace(value=value)


def test_counts_of_a_batch_say_how_many_good_events_of_each_kind_it_had() -> None:
    found: Run = market.run(traffic_of(1))
    totals = np.sum([taken.counts for taken in found.taken], axis=0)
    assert found.pipeline.detection.blindness.seen[:3].tolist() <= totals[:3].tolist()
    assert totals[3:].sum() == 0


@pytest.mark.parametrize("spelled", ["*", "\\u002a"])
def test_a_symbol_with_the_name_of_the_whole_venue_is_a_bad_record(spelled: str) -> None:
    traffic = traffic_of(1)
    logs = {}
    for origin, log in traffic.logs.items():
        stars = [
            Sent(sent.value.replace(b"S00-PERP", spelled.encode()), sent.timestamp_ms)
            for sent in log[::7]
            if sent.value and b"S00-PERP" in sent.value
        ]
        logs[origin] = sorted([*log, *stars], key=lambda sent: sent.timestamp_ms)
    found = market.run(Traffic(logs))
    without_stars = market.run(
        Traffic({o: sorted(log, key=lambda s: s.timestamp_ms) for o, log in traffic.logs.items()})
    )
    reasons = Counter(bad.reason for taken in found.taken for bad in taken.bad)
    assert reasons["reserved_symbol"] > 100
    assert found.lines == without_stars.lines
    assert "*" not in found.pipeline.detection.roster.symbols


def test_a_partition_that_was_never_assigned_and_holds_nothing_good_holds_nothing_up() -> None:
    traffic = traffic_of(1)
    found = market.start(traffic)
    stranger = Partition("strange", 0)
    found.taken.append(found.pipeline.take(RawBatch(stranger, [b"junk"], [0], [0])))
    found.feed(traffic, market.by_arrival(traffic))
    assert found.pipeline.fold.next_bin is not None
    found.finish()
    assert found.lines == lines_of(1)
