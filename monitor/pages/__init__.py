"""Incidents in a browser: rendered here, whole, without scripts or requests that it needs."""
