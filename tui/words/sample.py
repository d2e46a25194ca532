"""The task that runs as it stands: on the first screen, in the help and in the README."""

from __future__ import annotations

SAMPLE_TASK = "Write a Python function that reverses a string: reverse_string('abc') == 'cba'"
"""It carries an example, which the engine makes a test of: what the demo model expects of a function proves nothing."""

SAMPLE_WORKFLOW = "delivery"
"""The workflow that the sample is a task for."""
