"""Settings of the burst detectors, in seconds; what they mean in bins follows from the bin."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstOptions:
    """Time constants and priors of the negative-binomial CUSUM bank.

    ratios: rate ratios that the bank is tuned to.
    block_s: how often means are refreshed, and the grain of the delayed background.
    dispersion_block_s: long blocks whose residuals give the dispersion, so that clustering
        within them counts as noise.
    background_s: time constant of the mean. delay_s: age that a block must have to be learned.
    warm_up_s: quiet time learned before there is an opinion.
    mean_floor_per_s: least expected rate, so that a silent stream's first event is no alarm.
    dispersion_prior, wander: variance over mean of a long block, before any was seen, is the prior
        plus wander² times the block's mean: rates themselves wander by that share.
    caution: standard errors by which an expectation is raised while little is known.
    rebaseline_s: an anomaly that lasts longer becomes the new normal, so a shift pages once.
    """

    bin_ns: int = 250_000_000
    ratios: tuple[float, ...] = (1.25, 1.5, 2.0, 3.0, 4.0, 8.0)
    block_s: float = 4.0
    dispersion_block_s: float = 16.0
    background_s: float = 600.0
    delay_s: float = 20.0
    warm_up_s: float = 20.0
    mean_floor_per_s: float = 0.08
    dispersion_prior: float = 1.6
    wander: float = 0.12
    dispersion_memory_s: float = 3600.0
    caution: float = 1.5
    rebaseline_s: float = 300.0

    def __post_init__(self) -> None:
        if self.bin_ns < 1:
            raise ValueError(f"bin_ns must be positive, was {self.bin_ns}")
        if not self.ratios or min(self.ratios) <= 1:
            raise ValueError(f"ratios must all be above 1, were {self.ratios}")
        if self.dispersion_prior <= 1:
            raise ValueError(f"dispersion_prior must be above 1, was {self.dispersion_prior}")

    def bins(self, seconds: float) -> int:
        """The whole number of bins, at least one, nearest to a duration."""
        return max(1, round(seconds * 1e9 / self.bin_ns))
