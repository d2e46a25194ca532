"""Metrics and logs of the engine."""
