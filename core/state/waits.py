"""What a call waits for, in the words that every front end shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, assert_never

from core.kinds import AgentPhase, WaitReason

if TYPE_CHECKING:  # a front end formats its countdowns here before its first paint, long before there are events
    from core.events import AttemptFailed, CallQueued


def countdown(seconds: float) -> str:
    """Return the time left: tenths below ten seconds, else whole seconds."""
    left = max(0.0, seconds)
    return f"{left:.1f} s" if left < 10 else f"{left:.0f} s"


@dataclass(frozen=True, slots=True)
class Wait:
    """What a call waits for before it sends anything more.

    Attributes:
        until: the monotonic time at which it ends at the latest; None if that is not known.
        ahead: the calls before it in the queue.
        next_attempt: the number of the attempt that a back-off leads to.
    """

    reason: WaitReason
    until: float | None = None
    ahead: int = 0
    next_attempt: int = 0

    @classmethod
    def from_queued(cls, event: CallQueued) -> Wait:
        """Return the wait that the event reports."""
        return cls(event.reason, event.until, ahead=event.position)

    @classmethod
    def from_failed(cls, event: AttemptFailed) -> Wait | None:
        """Return the wait before the next try; None if there will be none."""
        if not event.will_retry:
            return None
        if event.kind == "loading":  # the server is asked again every second: a countdown would say nothing
            return cls("loading")
        return cls("retry", event.at + event.wait_seconds, next_attempt=event.attempt + 1)

    @property
    def state(self) -> AgentPhase:
        """The state of an agent whose call waits so."""
        match self.reason:
            case "slot":
                return "queued"
            case "retry":
                return "retrying"
            case "breaker" | "server" | "rate_limit" | "own_rate" | "loading":
                return "waiting"
            case _:
                assert_never(self.reason)

    @property
    def can_be_ended(self) -> bool:
        """Whether the user may end it: a slot is free when another call gives up its own, and not before."""
        return self.reason != "slot"

    def words(self, now: float) -> str:
        """Return the wait in words with its countdown: "retry 2 in 1.8 s", "breaker open 42 s", "queued 2 ahead"."""
        left = self.until - now if self.until is not None and self.until > now else None
        time = countdown(left) if left is not None else ""
        match self.reason:
            case "slot":
                return f"queued {self.ahead} ahead" if self.ahead else "queued, next"
            case "breaker":
                return f"breaker open {time}" if time else "breaker tries again"
            case "server":
                return f"server gone, waits {time}".rstrip()
            case "rate_limit":
                return f"rate limit {time}".rstrip()
            case "own_rate":
                return f"own limit {time}".rstrip()
            case "retry":
                return f"retry {self.next_attempt} in {time}" if time else f"retry {self.next_attempt}"
            case "loading":
                return "loading the model"
            case _:
                assert_never(self.reason)
