"""Sixteen everyday tasks with hidden checks: data, and what the checks import in the sandbox."""
