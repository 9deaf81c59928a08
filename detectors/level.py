"""A level that is unusual against its own past: depth that thins, leverage that builds up."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from detectors.base import (
    LOOK_S,
    Detail,
    Floats,
    Frame,
    State,
    Verdict,
    nest,
    pack,
    reaches,
    unnest,
    unpack,
)
from detectors.level_bank import Heard, LevelBank
from detectors.level_options import LevelOptions
from detectors.options import BurstOptions

FOLDED: Final = 8  # bin of a block with little to do: no look, and nothing learned


@dataclass(frozen=True, slots=True)
class LevelSignal:
    """One level of a bank, for whoever calibrates it or asks whether it can speak."""

    signal: str
    gauge: str
    bank: LevelBank
    number: int

    @property
    def warm(self) -> NDArray[np.bool_]:
        """(S,) whether enough was learned to have an opinion."""
        return self.bank.warm_of(self.number)

    @property
    def fed(self) -> bool:
        """Whether the level of any symbol was ever known, as of the last block that ended."""
        return bool(self.bank.fed[self.number])

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        return self.bank.calibration(self.number)

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.bank.calibrate(self.number, taught)


class LevelSignals:
    """Several levels, one stream a symbol. They are judged in one go, and come to what each of them
    alone would come to. Scores are of the last look, until the next.

    options: by name; a signal may have several, told apart behind a dot. look_bin: of that look.
    due: whether a block has ended that is still to be learned. That is done as the next one begins,
    since the bin that ends a block has enough to do.
    """

    def __init__(self, options: Mapping[str, LevelOptions], burst: BurstOptions) -> None:
        self.options = dict(options)
        self.bank = LevelBank(list(options.values()), burst)
        self.look_bin = 0
        self.due = False
        self._said: dict[str, Verdict] = {}
        self._said_of: Floats | None = None  # what the bank held as it was said
        self._look_bins = burst.bins(LOOK_S)
        self._sign = np.array([each.sign for each in options.values()])

    def begin(self) -> None:
        """Learn the block that has ended, if one has."""
        if self.due:
            self.bank.learn()
            self.due = False

    def update(self, frame: Frame) -> dict[str, Verdict]:
        """Score a frame, then learn from it. One verdict a level."""
        self.begin()
        self.bank.resize(frame.values.shape[1])
        seen = [(self.look_bin, self.bank.heard)]
        looks = frame.levels.at.tolist()
        for number, at in enumerate(looks):
            self.bank.look(self._levels(frame, number))
            self.look_bin = frame.bin + at
            seen.append((self.look_bin, self.bank.heard))
        if reaches(frame.bin, len(frame.values), FOLDED):
            self.bank.fold()
        self.due = frame.ends_block
        single = len(frame.values) == 1
        if single and self.bank.held is self._said_of:
            return self._said  # there was no look since
        which = [bisect_right(looks, t) for t in range(len(frame.values))]
        scores = np.stack([seen[look][1].decades for look in which], axis=1)
        told = {
            name: self._verdict(number, name, scores[number], [seen[look] for look in which])
            for number, name in enumerate(self.options)
        }
        if single:
            self._said, self._said_of = told, self.bank.held
        return told

    def _levels(self, frame: Frame, number: int) -> Floats:
        """(L, S) what a look found, high is bad."""
        levels = frame.levels
        found = np.full((len(self.options), frame.values.shape[1]), np.nan)
        for row, each in enumerate(self.options.values()):
            if each.gauge in levels.names:
                column = levels.values[number, :, levels.names.index(each.gauge)]
                np.multiply(column, self._sign[row], out=found[row])
        return found

    def _verdict(
        self, number: int, name: str, score: Floats, told: list[tuple[int, Heard]]
    ) -> Verdict:
        sign = self._sign[number]

        def detail(t: int, streams: NDArray[np.intp]) -> Detail:
            look_bin, heard = told[t]
            taken = heard.looks[number, streams].astype(np.int64)
            return Detail(
                look_bin + 1 - taken * self._look_bins,
                np.exp(sign * heard.smooth[number, streams]),
                np.exp(sign * heard.mean[number, streams]),
            )

        gauge = self.options[name].gauge
        return Verdict(name.partition(".")[0], (gauge,), score, detail, level=True)

    def alone(self) -> dict[str, LevelSignal]:
        """Each level by name, to be calibrated by itself."""
        return {
            name: LevelSignal(name.partition(".")[0], each.gauge, self.bank, number)
            for number, (name, each) in enumerate(self.options.items())
        }

    def state(self) -> State:
        """Everything that the next update depends on."""
        return nest("bank", self.bank.state()) | pack(self, ("look_bin", "due"))

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        unpack(self, ("look_bin", "due"), state)
        self.bank.restore(unnest("bank", state))


class Level:
    """One such level by itself."""

    def __init__(self, name: str, options: LevelOptions, burst: BurstOptions) -> None:
        self.options = options
        self._name = name
        self._levels = LevelSignals({name: options}, burst)
        self._alone = self._levels.alone()[name]
        self.signal, self.gauge = self._alone.signal, self._alone.gauge

    @property
    def warm(self) -> NDArray[np.bool_]:
        """(S,) whether enough was learned to have an opinion."""
        return self._alone.warm

    @property
    def fed(self) -> bool:
        """Whether the level of any symbol was ever known, as of the last block that ended."""
        return self._alone.fed

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        return self._levels.update(frame)[self._name]

    def state(self) -> State:
        """Everything that the next update depends on."""
        return self._levels.state()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self._levels.restore(state)
