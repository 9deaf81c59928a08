"""The parts of the studies on real data that could quietly be wrong."""

import io
import lzma
import tarfile
from pathlib import Path

import numpy as np
import pytest

from detectors.base import Floats
from tests.quality.gamma_ray import Stretches, judge
from tests.quality.gamma_ray_methods import Method, Moving, moving_mean, ours
from tests.quality.injected import reached, spoilt, untouched
from tests.quality.injection import RECENT_S, extra
from tests.quality.light_curves import ARCHIVE, BIN_S, LightCurve, parse, read
from tests.quality.matching import REST_BINS, Alarms, poisson_interval, threshold_for, wilson
from tests.quality.real_logs import Counted
from tests.quality.real_logs import read as read_log
from tests.quality.window_scan import finds, scan


def member(first: int, counts: list[int]) -> str:
    """The text of a light curve whose first bin has this number on the grid."""
    centres = (np.arange(len(counts)) + first + 0.5) * BIN_S
    return "\n".join(" ".join(f"{v:.18e}" for v in row) for row in (centres, counts)) + "\n"


def archive(path: Path, members: dict[str, str]) -> Path:
    with tarfile.open(path, "w:xz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(f"grb/{name}")
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def test_detectors_of_a_burst_meet_on_one_grid(tmp_path: Path) -> None:
    path = archive(
        tmp_path / "curves.tar.xz",
        {
            "lc_080717543_n2_-5.4_36.6_3.1.txt": member(-4, [10, 11, 0, 13, 14]),
            "lc_080717543_b1_-5.4_36.6_4.5.txt": member(-3, [21, 22, 23]),
            "lc_080719529_n7_4.4_16.1_3.2.txt": member(-1, [31, 32, 33, 34]),
        },
    )
    first, second = read(path)
    assert (first.burst, first.detectors) == ("080717543", ("b1", "n2"))
    nan = np.nan
    expected = [[nan, 10], [21, 11], [22, nan], [23, 13], [nan, 14]]
    np.testing.assert_array_equal(first.counts, np.array(expected))
    assert first.onset == 1, "-5.4 s lies in the bin from -6.144 s on, the second of this curve"
    assert (first.t90_s, first.snr) == (36.6, 4.5)
    assert second.onset == 3, "4.4 s lies in the bin from 4.096 s on"


@pytest.mark.parametrize("name", ["lc_1_n2_0_1.txt", "readme.txt", "lc_1_n2_x_1_3.0.txt"])
def test_another_name_is_no_light_curve(name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a light curve"):
        parse(name, member(0, [1, 2]))


def test_bins_that_are_not_regular_are_refused() -> None:
    with pytest.raises(ValueError, match=r"2\.048"):
        parse("lc_1_n2_0.5_1.0_3.0.txt", "0.0 2.0 4.0\n1 2 3\n")


def test_one_excursion_is_one_alarm_and_a_running_one_is_none() -> None:
    statistic = np.zeros(60)
    statistic[20:24] = [5.0, 1.0, 7.0, 5.0]  # dips for less than the rest: one alarm at 5
    statistic[23 + REST_BINS + 1] = 5.0
    alarms = Alarms.of(statistic, np.ones(60, bool))
    assert alarms.count(5.0) == 2
    assert alarms.count(6.0) == 1
    assert alarms.count(7.5) == 0
    assert alarms.part(slice(21, 24)).count(5.0) == 0, "it was running when this part began"
    assert alarms.part(slice(21, 24)).count(6.0) == 1


def test_warm_up_has_no_alarm_and_does_not_hide_one() -> None:
    statistic = np.full(30, 9.0)
    opinion = np.arange(30) >= 10
    alarms = Alarms.of(statistic, opinion)
    assert alarms.count(9.0) == 1
    assert alarms.part(slice(0, 10)).count(0.0) == 0
    assert alarms.part(slice(10, 11)).count(9.0) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_for_a_rate_is_the_lowest_that_keeps_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    alarms = Alarms.of(np.round(rng.exponential(1.0, 2_000), 2), np.ones(2_000, bool))
    for allowed in (0, 1, 5, 20):
        threshold = threshold_for(alarms, allowed)
        above = np.arange(threshold, 12.0, 0.005)
        assert max(alarms.count(at) for at in above) <= allowed, f"seed {seed}"
        assert alarms.count(float(np.nextafter(threshold, 0.0))) > allowed, f"seed {seed}"


def test_intervals_agree_with_published_ones() -> None:
    assert wilson(0, 10) == pytest.approx((0.0, 0.2775), abs=1e-3)
    assert wilson(5, 10) == pytest.approx((0.2366, 0.7634), abs=1e-3)
    assert poisson_interval(0) == pytest.approx((0.0, 3.689), abs=1e-3)
    assert poisson_interval(10) == pytest.approx((4.795, 18.390), abs=1e-3)


def curve(onset: int, seen: int = 240, t90_s: float = 8.0) -> LightCurve:
    rng = np.random.default_rng(1)
    return LightCurve(
        "made", ("n0", "n1"), rng.poisson(900.0, (seen, 2)).astype(float), onset, t90_s, 9.0
    )


def test_stretches_lie_where_the_rules_say() -> None:
    at = Stretches.of(curve(onset=60))
    assert at.quiet == slice(0, 50)
    assert at.window == slice(58, 60 + 4 + 5 + 1)
    assert at.rest == 60 + int(np.ceil((16.0 + 60.0) / BIN_S))


def spike(at: int, height: float) -> Method:
    """A method that speaks at one bin of the lead only."""

    def method(counts: Floats) -> dict[str, Floats]:
        statistic = np.zeros(len(counts))
        if len(counts) < 100:  # the lead
            statistic[at] = height
        return {"spike": statistic}

    return method


@pytest.mark.parametrize(
    ("at", "quiet", "window"),
    [(20, 0, 0), (40, 1, 0), (53, 0, 0), (58, 0, 1), (69, 0, 1)],
    ids=["warm-up", "quiet", "margin", "early", "late"],
)
def test_an_alarm_is_false_or_finds_or_is_neither(at: int, quiet: int, window: int) -> None:
    result = judge(curve(onset=60), {"spike": spike(at, 5.0)})
    heard = result.heard["spike"]
    assert heard.window is not None
    assert (heard.quiet.count(5.0), heard.window.count(5.0)) == (quiet, window)
    assert result.quiet_bins == (50 - 30) + (240 - 98 - 30)


def test_a_burst_during_warm_up_is_in_nobodys_reach() -> None:
    result = judge(curve(onset=31), {"spike": spike(30, 5.0)})
    assert result.heard["spike"].window is None
    assert result.window_bins == 0


def test_the_peers_background_is_delayed_and_passes_over_gaps() -> None:
    counts = np.array([[4.0], [8.0], [np.nan], [0.0], [0.0]])
    expected = moving_mean(counts, Moving(memory_s=1e9, delay_s=2 * BIN_S))
    np.testing.assert_allclose(expected[:, 0], [np.nan, np.nan, 4.0, 6.0, 6.0], rtol=1e-6)


def test_a_planted_burst_is_top_for_every_statistic_of_ours() -> None:
    made = curve(onset=60)
    made.counts[60:64] *= 2.0
    for name, statistic in ours(made.counts).items():
        heard = np.where(np.arange(240) >= 30, np.nan_to_num(statistic, nan=-9.0), -9.0)
        assert 60 <= heard.argmax() <= 66, name


@pytest.mark.data
@pytest.mark.skipif(not ARCHIVE.exists(), reason="the real light curves are not here")
def test_the_real_archive_is_as_described() -> None:
    curves = read()
    assert len(curves) == 718
    assert max(c.counts.shape[1] for c in curves) == 14
    assert 0.4 < np.mean([c.tuning for c in curves]) < 0.6


def clustered(seed: int, bins: int = 4_000) -> Floats:
    """Flow that comes in clumps of four bins."""
    rng = np.random.default_rng(seed)
    rate = np.repeat(rng.gamma(0.5, 4.0, bins // 4), 4)
    return rng.poisson(rate).astype(np.float64)


@pytest.mark.parametrize("ratio", [1.5, 2.0, 4.0])
def test_a_planted_burst_multiplies_the_recent_flow_on_average(ratio: float) -> None:
    counts, start, bins = clustered(1), 3_000, 120
    rng = np.random.default_rng(2)
    recent = counts[start - round(RECENT_S / 0.25) : start].mean()
    added = [extra(counts, start, bins, ratio=ratio, bin_s=0.25, rng=rng) for _ in range(400)]
    assert np.mean(added) / recent == pytest.approx(ratio - 1.0, rel=0.05), "seeds 1, 2"
    assert (np.mean(added, axis=0) > 0).all(), "the whole burst is lifted"


def test_planted_flow_is_as_clustered_as_its_own_past() -> None:
    counts, start = clustered(3), 3_000
    recent = counts[start - 1_200 : start]
    rng = np.random.default_rng(4)
    added = extra(counts, start, 1_000, ratio=2.0, bin_s=0.25, rng=rng)
    by_second = [x[: len(x) // 4 * 4].reshape(-1, 4).sum(axis=1) for x in (recent, added)]
    was, became = (x.var() / x.mean() for x in by_second)
    assert became > 0.6 * was > 2.0, f"variance over mean {became} of {was}, seeds 3, 4"


def test_planting_leaves_the_log_as_it_was() -> None:
    stream = Counted("made", "order", clustered(5))
    before = stream.counts.copy()
    base = untouched(stream, [3_000])
    rng = np.random.default_rng(6)
    added = extra(stream.counts, 3_000, 40, ratio=8.0, bin_s=0.25, rng=rng)
    reached(stream, base.states[3_000], 3_000, added, {"day": 5.0})
    finds(stream.counts, 3_000, added, most=5.0, bin_s=0.25)
    np.testing.assert_array_equal(stream.counts, before)


@pytest.mark.parametrize(("start", "ratio"), [(3, 2.0), (3_000, 1.0)])
def test_a_burst_without_past_or_size_is_refused(start: int, ratio: float) -> None:
    rng = np.random.default_rng(7)
    with pytest.raises(ValueError, match=r"bins before it|above 1"):
        extra(clustered(7), start, 40, ratio=ratio, bin_s=0.25, rng=rng)


def test_a_warm_start_scores_what_a_replay_of_the_whole_log_scores() -> None:
    start, bins = 3_000, 60
    counts = clustered(8)
    added = np.full(bins, 12.0)
    planted = counts.copy()
    planted[start : start + bins] += added
    whole = untouched(Counted("made", "order", planted), []).scores
    peak = whole[start : start + bins].max()
    base = untouched(Counted("made", "order", counts), [start])
    found = reached(
        Counted("made", "order", counts), base.states[start], start, added, {"peak": peak}
    )
    first = int(np.flatnonzero(whole[start:] >= peak)[0])
    assert peak > 3.0, "the burst is worth the name, seed 8"
    assert found == {"peak": (first + 1) * 0.25}


def test_a_page_that_would_have_come_anyway_finds_nothing() -> None:
    scores = np.zeros(4_000)
    scores[1_000] = 6.0
    assert spoilt(scores, 1_000 - 40, 40, 5.5), "within the second after the burst"
    assert spoilt(scores, 1_000 + 200, 40, 5.5), "within the minute before it"
    assert not spoilt(scores, 1_000 + 300, 40, 5.5)
    assert not spoilt(scores, 1_000, 40, 6.5)


def test_the_window_scan_counts_deviations_over_the_mean_before() -> None:
    counts = np.full(3_000, 2.0)
    counts[2_500:2_510] = 4.0
    found = scan(counts, 10, bin_s=0.25)
    assert np.isnan(found[: 2_400 + 9]).all()
    assert np.isfinite(found[2_400 + 9 :]).all()
    assert np.nanargmax(found) == 2_509
    assert np.nanmax(found) == pytest.approx(20.0 / np.sqrt(20.0))


def test_a_real_log_becomes_counts_of_its_kinds(tmp_path: Path) -> None:
    rows = ["id,timestamp,exchange.timestamp,price,volume,action,direction"]
    rows += [f"{n},{1000 + 250 * n},1000,9.5,100,created,bid" for n in range(4)]
    rows += ["0,2100,1000,9.5,100,deleted,bid"]
    (tmp_path / "bitstamp").mkdir()
    path = tmp_path / "bitstamp/orders.csv.xz"
    path.write_bytes(lzma.compress("\n".join(rows).encode()))
    orders, cancels = read_log("BTC-USD", 250_000_000, tmp_path)
    assert (orders.kind, cancels.kind) == ("order", "cancel")
    np.testing.assert_array_equal(orders.counts, [1.0, 1.0, 1.0, 1.0, 0.0])
    np.testing.assert_array_equal(cancels.counts, [0.0, 0.0, 0.0, 0.0, 1.0])
