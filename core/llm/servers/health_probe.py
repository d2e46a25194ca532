"""When a server behind an open breaker is asked how it is, and whether its word is believed."""

from __future__ import annotations

from dataclasses import dataclass

PROBE_EVERY_SECONDS = 5.0


@dataclass(slots=True)
class HealthProbe:
    """Whether and when a server behind an open breaker is asked how it is; shared by all who wait for it.

    A server that says it is well, and then fails the call it was let in for, is not asked again before its breaker has
    closed: many health checks know nothing of the model behind them.
    """

    next_at: float = float("-inf")
    is_trusted: bool = True
    has_spoken: bool = False

    def claim(self, now: float) -> bool:
        """Tell whether the one who asks shall probe now; the next probe is due later."""
        if not self.is_trusted or now < self.next_at:
            return False
        self.next_at = now + PROBE_EVERY_SECONDS
        return True

    def breaker_changed(self, old: str, new: str, now: float) -> None:
        if new == "closed":
            self.is_trusted, self.has_spoken = True, False
        elif new == "open":
            self.next_at = now + PROBE_EVERY_SECONDS
            if old == "half-open" and self.has_spoken:
                self.is_trusted, self.has_spoken = False, False
