"""What an audit of fairness takes for granted."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class FairnessOptions:
    """fee_bps: liquidation fee, of the value cut. wave_gap_s: a longer pause ends a wave.

    target: equity over maintenance margin that a cut has to restore.
    together_s: cuts this near each other are one pass of the engine, which has no order; marks
    this near a moment may have been the engine's. mark_age_s: an older mark is none.
    fill_s: a forced order trades within this long.
    """

    fee_bps: float = 0.0
    wave_gap_s: float = 10.0
    target: float = 1.0
    together_s: float = 1.0
    mark_age_s: float = 10.0
    fill_s: float = 30.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.fee_bps < 10_000.0:
            raise ValueError(f"fee_bps must be in [0, 10000), was {self.fee_bps}")
        if self.wave_gap_s <= 0.0:
            raise ValueError(f"wave_gap_s must be positive, was {self.wave_gap_s}")

    @property
    def fee_rate(self) -> float:
        return self.fee_bps / 10_000.0
