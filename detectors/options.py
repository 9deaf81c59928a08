"""Settings of the burst detectors, in seconds; what they mean in bins follows from the bin."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class BurstOptions:
    """Time constants and priors of what counts events.

    background_s: time constant of the mean. delay_s: age that a block must have to be learned.
    warm_up_s: quiet time learned before there is an opinion.
    mean_floor_per_s: least expected rate, so that a silent stream's first event is no alarm.
    counting_prior: variance over mean of single bins before any was seen.
    wander: by which share rates wander by themselves, before they were seen to.
    noise_memory_s: time constant of what is learned of both.
    caution: standard errors by which an expectation is raised while little is known.
    rebaseline_s: an anomaly that lasts longer becomes the new normal, so a shift pages once.
    lateness_s: how far behind its partition's clock an event may be.
    """

    bin_ns: int = 250_000_000
    background_s: float = 600.0
    delay_s: float = 20.0
    warm_up_s: float = 20.0
    mean_floor_per_s: float = 0.08
    counting_prior: float = 2.0
    wander: float = 0.3
    noise_memory_s: float = 14_400.0
    caution: float = 1.5
    rebaseline_s: float = 300.0
    lateness_s: float = 2.0

    def __post_init__(self) -> None:
        if self.bin_ns < 1:
            raise ValueError(f"bin_ns must be positive, was {self.bin_ns}")
        if self.counting_prior <= 1:
            raise ValueError(f"counting_prior must be above 1, was {self.counting_prior}")
        if self.warm_up_s > self.background_s / 2.0:
            raise ValueError(
                f"warm_up_s must be at most half of background_s, was {self.warm_up_s} "
                f"of {self.background_s}"
            )
        if self.lateness_s < 0:
            raise ValueError(f"lateness_s must not be negative, was {self.lateness_s}")
        if self.wander <= 0:
            raise ValueError(f"wander must be positive, was {self.wander}")

    def bins(self, seconds: float) -> int:
        """The whole number of bins, at least one, nearest to a duration."""
        return max(1, round(seconds * 1e9 / self.bin_ns))
