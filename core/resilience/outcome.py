"""What an attempt tells the circuit breaker."""

from __future__ import annotations

from typing import Literal

Outcome = Literal["success", "failure", "neutral"]
"""neutral counts nothing and gives its permit back."""
