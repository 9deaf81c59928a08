"""A seeded venue: order books, makers, takers, leveraged accounts and a liquidation engine."""

from monitor.simulator.options import Options
from monitor.simulator.profiles import PROFILES
from monitor.simulator.scenarios import SCENARIOS
from monitor.simulator.simulation import Simulation

__all__ = ["PROFILES", "SCENARIOS", "Options", "Simulation"]
