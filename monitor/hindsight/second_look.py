"""A second replay that looks at one incident's streams bin by bin: what came, what was expected."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from detectors.alone import RISES
from detectors.market_wide import MarketWide
from detectors.surprise import SurpriseBank
from monitor.detection import Step
from monitor.events import KINDS, NS_PER_S, Kind
from monitor.incidents import VENUE, Sighting
from monitor.keys import account_of, kind_of, symbol_of
from monitor.pipeline import Pipeline

STREAMS_MAX: Final = 12  # the loudest, that are looked at
BEFORE_S: Final = 30
SECONDS_MAX: Final = 900  # after the onset
SPEAKS_DECADES: Final = 2.0  # from here on a rise is said to have been seen


class Second(Struct, frozen=True):
    """One second of a stream. at_s: since the incident's onset. factor: what the whole market did,
    over its usual; expected has it in it."""

    at_s: int
    observed: float
    expected: float
    factor: float


class Risen(Struct, frozen=True):
    """How a stream seemed to have risen: to which multiple of its usual rate, or for minutes.
    decades: the greatest, of the stream alone."""

    rise: str
    decades: float


class StreamStory(Struct, frozen=True):
    """One stream around an incident. feature: what is counted. risen: the likeliest first."""

    signal: str
    symbol: str
    feature: str
    onset_ns: int
    score: float
    seconds: list[Second]
    risen: list[Risen]


@dataclass(frozen=True, slots=True)
class _Judged:
    """A stream's place: its bank, the number of its signal there, and of its symbol."""

    bank: SurpriseBank
    signal: int
    row: int

    @property
    def stream(self) -> int:
        return self.signal * self.bank.symbols + self.row


class SecondLook:
    """To be given every step of a replay that judges bins singly."""

    def __init__(
        self, pipeline: Pipeline, streams: Sequence[Sighting], *, onset_bin: int, end_bin: int
    ) -> None:
        self.pipeline = pipeline
        self.streams = sorted(streams, key=lambda s: (-s.score, s.stream))[:STREAMS_MAX]
        self.accounts: dict[str, Counter[str]] = {}
        self._symbols = {seen.symbol for seen in streams if seen.symbol != VENUE}
        self._features = sorted({seen.feature for seen in streams} & set(KINDS))
        self._onset_bin = onset_bin
        self._end_bin = end_bin
        self._bins_per_s = NS_PER_S / pipeline.detection.bin_ns
        self._sums: list[dict[int, NDArray[np.float64]]] = [{} for _ in self.streams]
        self._spoke = np.zeros((len(self.streams), len(RISES)))
        self._rises: list[Sequence[str]] = [RISES for _ in self.streams]

    def step(self, step: Step) -> None:
        """Take in what one bin came to."""
        at_s = int((step.bin - self._onset_bin) // self._bins_per_s)
        if step.bin > self._end_bin or not -BEFORE_S <= at_s < SECONDS_MAX:
            return
        for number, seen in enumerate(self.streams):
            judged = self._judged(seen)
            if judged is not None:
                self._look(number, at_s, judged)
        if step.bin >= self._onset_bin:
            self._count(step.bin)

    def _judged(self, seen: Sighting) -> "_Judged | None":
        """Where a stream is judged; None for what is not counted in windows."""
        detection = self.pipeline.detection
        detector, symbols = detection.detectors.get(seen.signal), detection.roster.symbols
        if isinstance(detector, MarketWide):
            return _Judged(detector.bank, 0, detector.features.index(seen.feature))
        signals = list(detection.bursts.features)
        if seen.signal in signals and seen.symbol in symbols:
            number = signals.index(seen.signal)
            return _Judged(detection.bursts.bank, number, symbols.index(seen.symbol))
        return None

    def _look(self, number: int, at_s: int, judged: "_Judged") -> None:
        bank, stream = judged.bank, judged.stream
        _, since, _ = bank.windows.past(0, np.array([stream]))
        observed, mean = since[:, 0, 0]  # of the newest begin: this bin alone
        factor = float(bank.common[0, judged.signal])
        cell = self._sums[number].setdefault(at_s, np.zeros(4))
        cell += (observed, mean * factor, factor, 1.0)
        if bank.background.warm[stream] and at_s >= 0:
            decades = bank.alone.spoken(stream, bank.noise)
            np.maximum(self._spoke[number], decades, out=self._spoke[number])
            self._rises[number] = bank.alone.rises(stream)

    def _count(self, bin_index: int) -> None:
        """Who made the events of one bin, of each kind, on the incident's symbols."""
        keys = self.pipeline.detection.ring.of(bin_index)
        names = self.pipeline.names
        symbols = [names.symbols[name] for name in sorted(self._symbols) if name in names.symbols]
        keys = keys[np.isin(symbol_of(keys), symbols)]
        for feature in self._features:
            mine = account_of(keys[kind_of(keys) == Kind[feature.upper()]])
            of_feature = self.accounts.setdefault(feature, Counter())
            for code, count in zip(*np.unique(mine, return_counts=True), strict=True):
                of_feature[names.accounts.names[code]] += int(count)

    def stories(self) -> list[StreamStory]:
        """What was seen, the loudest stream first."""
        bin_ns = self.pipeline.detection.bin_ns
        return [
            StreamStory(
                signal=seen.signal,
                symbol=seen.symbol,
                feature=seen.feature,
                onset_ns=seen.onset_bin * bin_ns,
                score=round(seen.score, 3),
                seconds=[_second(at_s, sums) for at_s, sums in sorted(cells.items())],
                risen=[
                    Risen(rises[rise], round(float(spoke[rise]), 2))
                    for rise in np.argsort(-spoke, kind="stable")
                    if spoke[rise] >= SPEAKS_DECADES
                ],
            )
            for seen, cells, spoke, rises in zip(
                self.streams, self._sums, self._spoke, self._rises, strict=True
            )
        ]


def _second(at_s: int, sums: NDArray[np.float64]) -> Second:
    observed, expected, factor, bins = sums.tolist()
    return Second(at_s, observed, round(expected, 3), round(factor / bins, 3))
