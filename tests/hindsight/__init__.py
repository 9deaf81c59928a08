"""Explaining and comparing, on small logs."""
