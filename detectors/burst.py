"""More events of one type than normal on a symbol, beyond what the whole market does."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from detectors.base import Frame, State, Verdict, nest, unnest
from detectors.options import BurstOptions
from detectors.surprise import SurpriseBank


@dataclass(frozen=True, slots=True)
class BurstSignal:
    """One signal of a bank, for whoever calibrates it or asks whether it can speak."""

    signal: str
    feature: str
    bank: SurpriseBank
    number: int

    @property
    def warm(self) -> bool:
        """Whether enough was learned for an opinion on some symbol."""
        return bool(self.bank.warm[self.number])

    def calibration(self) -> State:
        """What quiet flow has taught, that another run may begin with."""
        return self.bank.calibration(self.number)

    def calibrate(self, taught: Mapping[str, NDArray[np.generic]]) -> None:
        """Begin with what another run was taught."""
        self.bank.calibrate(self.number, taught)


class Bursts:
    """Several signals that are each named by what is counted, one stream a symbol. They are judged
    in one go, and come to what each of them alone would come to.

    features: what each signal counts.
    """

    def __init__(self, features: Mapping[str, str], options: BurstOptions) -> None:
        self.features = dict(features)
        self.bank = SurpriseBank(options, market=True, signals=len(features))

    def update(self, frame: Frame) -> list[Verdict]:
        """Score a frame, then learn from it. One verdict a signal."""
        columns = [frame.features.index(feature) for feature in self.features.values()]
        self.bank.resize(frame.values.shape[1])
        if frame.skipped:
            self.bank.skip()
        found = self.bank.update(frame.values[:, :, columns].transpose(0, 2, 1), frame.bin)
        return [
            Verdict(
                signal,
                (feature,),
                found.score[:, number],
                partial(found.detail, number),
                found.mixture[:, number],
            )
            for number, (signal, feature) in enumerate(self.features.items())
        ]

    def alone(self) -> dict[str, BurstSignal]:
        """Each signal by name, to be calibrated by itself."""
        return {
            signal: BurstSignal(signal, feature, self.bank, number)
            for number, (signal, feature) in enumerate(self.features.items())
        }

    def state(self) -> State:
        """Everything that the next update depends on."""
        return nest("bank", self.bank.state())

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self.bank.restore(unnest("bank", state))


class Burst:
    """One such signal by itself."""

    def __init__(self, signal: str, feature: str, options: BurstOptions) -> None:
        self.signal = signal
        self.feature = feature
        self._alone = Bursts({signal: feature}, options)

    def update(self, frame: Frame) -> Verdict:
        """Score a frame, then learn from it."""
        return self._alone.update(frame)[0]

    def state(self) -> State:
        """Everything that the next update depends on."""
        return self._alone.state()

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        """Continue exactly where `state` was taken."""
        self._alone.restore(state)
