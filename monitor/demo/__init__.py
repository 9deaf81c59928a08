"""The demo: a broker, a small exchange, and the monitor."""
