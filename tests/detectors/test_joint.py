"""Several signals on a symbol say more together than the loudest of them."""

import numpy as np
import pytest

from detectors.base import Floats
from detectors.joint import Joint
from detectors.options import BurstOptions
from detectors.tail import MAXIMA_S

OPTIONS = BurstOptions()
SIGNALS, SYMBOLS = 4, 25


def quiet(seed: int, bins: int, *, coincident: bool = False) -> Floats:
    """(Q, bins, S) decades of streams that keep their promise; all signals alike, if coincident."""
    rng = np.random.default_rng(seed)
    signals = 1 if coincident else SIGNALS
    found = -np.log10(rng.random((signals, bins, SYMBOLS)))
    return np.repeat(found, SIGNALS // signals, axis=0)


def run(joint: Joint, scores: Floats) -> Floats:
    """(bins,) decades, learned from as a venue's are."""
    found = []
    for first in range(0, scores.shape[1], 16):
        part = scores[:, first : first + 16]
        found.append(joint.update(part)[0])
        if part.shape[1] == 16:
            joint.learn(heard=True)
    return np.concatenate(found)


def loud(*signals: int, decades: float) -> Floats:
    scores = np.zeros((SIGNALS, 16, SYMBOLS))
    scores[list(signals), :, 3] = decades
    return scores


def test_two_signals_on_one_symbol_say_more_than_one() -> None:
    joint = Joint(SIGNALS, OPTIONS)
    run(joint, quiet(1, 16 * 1200))
    copies = [Joint(SIGNALS, OPTIONS) for _ in range(3)]
    for copy in copies:
        copy.restore(joint.state())
    one, two, three = (
        run(copy, loud(*range(n + 1), decades=4.5))[-1] for n, copy in enumerate(copies)
    )
    assert one < two < three
    assert one < 6.0


def test_signals_that_coincide_in_quiet_flow_say_less_together() -> None:
    apart, together = Joint(SIGNALS, OPTIONS), Joint(SIGNALS, OPTIONS)
    run(apart, quiet(2, 16 * 1200))
    run(together, quiet(2, 16 * 1200, coincident=True))
    scores = loud(0, 1, 2, 3, decades=4.0)
    assert run(together, scores)[-1] < run(apart, scores)[-1] - 0.5


@pytest.mark.parametrize("seed", range(3))
def test_quiet_flow_keeps_the_promise_once_it_was_learned(seed: int) -> None:
    joint = Joint(SIGNALS, OPTIONS)
    hour = round(3600 / MAXIMA_S) * OPTIONS.bins(MAXIMA_S)
    run(joint, quiet(10 + seed, hour))
    found = run(joint, quiet(20 + seed, hour))
    assert found.max() < 6.5, f"seed {seed}"


def test_one_signal_alone_never_adds_beyond_its_bound() -> None:
    joint, again = Joint(SIGNALS, OPTIONS), Joint(SIGNALS, OPTIONS)
    run(joint, quiet(3, 16 * 200))
    again.restore(joint.state())
    assert run(joint, loud(0, decades=30.0))[-1] == run(again, loud(0, decades=8.0))[-1]


def test_what_was_loud_is_held_for_about_a_minute() -> None:
    joint = Joint(SIGNALS, OPTIONS)
    run(joint, quiet(4, 16 * 200))
    run(joint, loud(0, 1, decades=7.0))
    soon = run(joint, np.zeros((SIGNALS, 16 * 4, SYMBOLS)))[-1]
    late = run(joint, np.zeros((SIGNALS, 16 * 60, SYMBOLS)))[-1]
    assert soon > 1.0 + late


def test_it_says_which_symbols_it_comes_from() -> None:
    _, members = Joint(SIGNALS, OPTIONS).update(loud(0, 1, decades=6.0))
    assert np.flatnonzero(members[-1]).tolist() == [3]


def test_before_it_knows_what_is_usual_it_has_no_opinion() -> None:
    assert np.isneginf(run(Joint(SIGNALS, OPTIONS), loud(0, 1, decades=9.0))).all()


def test_no_opinion_is_no_evidence() -> None:
    joint = Joint(SIGNALS, OPTIONS)
    decades, members = joint.update(np.full((SIGNALS, 16, SYMBOLS), np.nan))
    assert decades.max() <= 0.0
    assert not members.any()
