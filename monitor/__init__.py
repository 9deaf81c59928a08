"""Foreshock: streaming early warning for perpetual-futures venues."""

__version__ = "0.1.0"
