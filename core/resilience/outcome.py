"""What an attempt was, as the circuit breaker counts it."""

from __future__ import annotations

from typing import Literal

AttemptOutcome = Literal["success", "failure", "neutral"]
"""neutral counts nothing and gives its permit back."""
