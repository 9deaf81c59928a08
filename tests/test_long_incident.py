"""An incident that is open while calibration goes on learning, every four minutes, is told in the
same bytes however its bins are handed over and wherever a restart falls."""

from collections.abc import Sequence
from functools import cache

import msgspec
import pytest

from monitor.config import Config, Incidents
from monitor.incidents import encode
from monitor.pipeline import Pipeline
from monitor.records import Lines, Partition, RawBatch, newlines_in
from monitor.simulator import Options, Simulation

ORIGIN = Partition("log", 0)
STAR = (
    b'{"type":"reject","ts":%d,"symbol":"*","account":"a","reason":"x"}\n'
    b'{"type":"order","ts":%d,"symbol":"BTC-PERP","account":"a","order_id":1,'
    b'"side":"buy","price":1e308,"qty":1e308}'
)


@cache
def chunks() -> list[bytes]:
    asked = Options(
        seed=7, scenario="cascade", duration_s=360.0, onset_s=180.0, rate=300.0, symbols=6
    )
    return [chunk.removesuffix(b"\n") for chunk in Simulation(asked).chunks()]


def told(*, singly: bool, cut: int | None = None, config: Config | None = None) -> list[bytes]:
    """Every change, of a pipeline that is restored after so many chunks."""
    config = config or Config()
    pipeline = Pipeline(config, singly=singly)
    found: list[bytes] = []
    for number, text in enumerate(chunks()):
        pipeline.take(batch(text, number))
        found += lines(pipeline)
        if number == cut:
            state, resumes = pipeline.state(), pipeline.resumes()
            pipeline = Pipeline(config, singly=singly)
            pipeline.restore(state, resumes)
            again = range(resumes[ORIGIN].offset // 1_000_000, number + 1)
            for n in again:
                kept = batch(chunks()[n], n)
                after = max(0, resumes[ORIGIN].offset - n * 1_000_000)
                pipeline.take(kept.part(min(after, len(kept.values)), len(kept.values)))
    pipeline.flush()
    return found + [encode(i) for step in pipeline.finish() for i in step.incidents]


def batch(text: bytes, number: int) -> RawBatch:
    values = Lines(text, newlines_in(text))
    first = number * 1_000_000
    return RawBatch(ORIGIN, values, range(first, first + len(values)), None)


def lines(pipeline: Pipeline) -> Sequence[bytes]:
    return [encode(incident) for step in pipeline.steps() for incident in step.incidents]


def test_one_bin_at_a_time_or_many_are_told_alike() -> None:
    whole = told(singly=False)
    checks = {msgspec.json.decode(line)["trust"]["null_check"] for line in whole}
    assert len(checks) > 1, "calibration went on learning while it was open"
    assert told(singly=True) == whole


@pytest.mark.parametrize("cut", [2, 4])
def test_a_restart_changes_nothing(cut: int) -> None:
    assert told(singly=True, cut=cut) == told(singly=False)


def test_no_signal_is_blind_twice_for_a_symbol() -> None:
    for line in told(singly=False):
        blind = msgspec.json.decode(line)["trust"]["blind_for"]
        assert len(blind) == len(set(blind))


def test_a_budget_that_tells_nearly_everything_is_held(caplog: pytest.LogCaptureFixture) -> None:
    loud = Config(incidents=Incidents(infos_per_hour=3_600.0))
    assert len(told(singly=False, config=loud)) > len(told(singly=False))
    assert not caplog.records


def test_what_was_refused_changes_nothing() -> None:
    whole = told(singly=False)
    pipeline = Pipeline(Config())
    found: list[bytes] = []
    bad: list[str] = []
    ts = msgspec.json.decode(chunks()[1].split(b"\n")[0])["ts"]
    more = [b"", STAR % (ts, ts) + b"\n", *[b""] * len(chunks())]
    for number, text in enumerate(chunks()):
        bad += [b.reason for b in pipeline.take(batch(more[number] + text, number)).bad]
        found += lines(pipeline)
    assert sorted(bad) == ["reserved_symbol", "too_large"]
    pipeline.flush()
    assert found + [encode(i) for step in pipeline.finish() for i in step.incidents] == whole
