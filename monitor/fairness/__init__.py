"""Whether forced orders were fair: how much was cut, in which order, of whom, and at what price."""

from monitor.fairness.gather import Gatherer
from monitor.fairness.options import FairnessOptions
from monitor.fairness.report import judge
from monitor.fairness.verdict import Fairness

__all__ = ["Fairness", "FairnessOptions", "Gatherer", "judge"]
