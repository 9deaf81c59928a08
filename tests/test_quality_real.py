"""The parts of the studies on real data that could quietly be wrong."""

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from detectors.base import Floats
from tests.quality.gamma_ray import Stretches, judge
from tests.quality.gamma_ray_methods import Method, Moving, moving_mean, ours
from tests.quality.light_curves import ARCHIVE, BIN_S, LightCurve, parse, read
from tests.quality.matching import REST_BINS, Alarms, poisson_interval, threshold_for, wilson


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
    made.counts[60:64] *= 1.4
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
