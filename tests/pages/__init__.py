"""Pages of incidents, in a real browser."""
