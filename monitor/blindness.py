"""What cannot be judged, and why: a signal without input says so, and is never calm."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from detectors.base import Bools, Frame, Verdict
from detectors.clock_skew import ClockSkew
from detectors.feed_gap import FeedGap
from detectors.level import LevelSignal
from monitor.events import Kind
from monitor.feeds import FeedRoster
from monitor.incidents import FEED
from monitor.market.gauges import INPUTS

Reason = Literal["no_input", "warming_up", "stale", "silent", "late", "stalled"]
SHOWN: Final = 50  # streams without an opinion that an incident names


def unheard(frame: Frame, silent: Bools) -> Frame:
    """The frame as the other detectors see it: what is silent was not observed.

    silent: (T, S, F) as in Verdict.
    """
    levels = frame.levels
    values = levels.values.copy()
    for g, name in enumerate(levels.names):
        columns = [
            frame.features.index(kind) for kind in INPUTS.get(name, ()) if kind in frame.features
        ]
        values[:, :, g][silent[levels.at][:, :, columns].any(axis=2)] = np.nan
    observed = np.where(silent, np.nan, frame.values)
    return replace(frame, values=observed, levels=replace(levels, values=values))


class Judge(Protocol):
    """Whoever gives the verdict of a signal."""

    @property
    def signal(self) -> str: ...


class Blindness:
    """Kept bin by bin. seen: (K,) events of each kind so far."""

    def __init__(self, judges: Mapping[str, Judge], kinds: int, feeds: FeedRoster) -> None:
        self._detectors = judges
        self._feeds = feeds
        self.seen = np.zeros(kinds)
        self._verdicts: Sequence[Verdict] = ()
        self._at = 0
        self.begin_block()

    def begin_block(self) -> None:
        """A block begins, or state was restored. What is warm changes between blocks only."""
        self._cold = {name for name, part in self._detectors.items() if not _warm(part)}
        self._unfed = {n for n, part in self._detectors.items() if not getattr(part, "fed", True)}

    def judged(self, at: int, verdicts: Sequence[Verdict], counts: NDArray[np.float64]) -> None:
        """Bin `at` of a frame was judged. counts: (K,) its events of each kind."""
        self.seen += counts
        self._verdicts, self._at = verdicts, at

    def reasons(self) -> dict[str, Reason]:
        """Signals that cannot speak of any symbol, with the reason."""
        able: dict[str, Reason | None] = {}
        late = bool(self._feeds.late())
        torn = any(v.silent is not None and v.silent[self._at].any() for v in self._verdicts)
        mute = [not np.isfinite(v.score[self._at]).any() for v in self._verdicts]
        for number, (name, detector) in enumerate(self._detectors.items()):
            reason: Reason | None = "warming_up" if name in self._cold else None
            if reason is None and mute and mute[number]:
                reason = _why_mute(detector, torn=torn)
            if reason is None and late and detector.signal not in FEED:
                reason = "late"
            unfed = name in self._unfed or not self._fed(detector)
            told = able.get(detector.signal, "no_input")
            if told is not None:  # one that speaks is enough for a signal that has several
                able[detector.signal] = told if unfed else reason
        return {signal: reason for signal, reason in able.items() if reason is not None}

    def _fed(self, detector: Judge) -> bool:
        """Whether there ever was anything of what it needs."""
        if isinstance(detector, LevelSignal):
            return all(self.seen[Kind[kind.upper()]] for kind in INPUTS.get(detector.gauge, ()))
        feature = getattr(detector, "feature", None)
        return bool(self.seen.any() if feature is None else self.seen[Kind[feature.upper()]])

    def of_streams(self, symbols: Iterable[tuple[str, int]]) -> list[str]:
        """Which signals have no opinion on which of these symbols, each with its row in the frame,
        beside those that have none on any."""
        blind = {*self.reasons(), "drift"}
        of_signal: dict[str, list[Verdict]] = {}
        for verdict in self._verdicts:
            if not (verdict.venue or verdict.feed or verdict.signal in blind):
                of_signal.setdefault(verdict.signal, []).append(verdict)
        return [
            f"{signal} on {symbol}"
            for symbol, row in symbols
            for signal, verdicts in of_signal.items()
            if all(np.isnan(verdict.score[self._at, row]) for verdict in verdicts)
        ][:SHOWN]


def _why_mute(judge: Judge, *, torn: bool) -> Reason | None:
    """Why a detector that has learned enough has no opinion on anything. torn: whether some of
    the input is silent."""
    if isinstance(judge, FeedGap):
        return "warming_up"
    if torn and judge.signal not in (*FEED, "drift"):
        return "silent"
    return "stale" if isinstance(judge, LevelSignal | ClockSkew) else None


def _warm(judge: Judge) -> bool:
    """Whether enough was learned for an opinion on some stream."""
    known = getattr(judge, "warm", None)
    if known is None:
        known = getattr(getattr(judge, "bank", None), "warm", True)
    return bool(np.any(known))
