"""What one agent does now, as a glyph and a word; follows its events and drops those of a past attempt."""

from __future__ import annotations

from dataclasses import dataclass

from core.events import TokensReceived
from core.status import AgentStatus
from core.waits import Wait


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is shown: never by its colour alone. `brief` fits a narrow strip."""

    glyph: str
    word: str
    brief: str
    style: str


LOOKS: dict[str, Look] = {
    "idle": Look("·", "idle", "idle", "$foreground 60%"),
    "off": Look("○", "off", "off", "$foreground 60%"),
    "queued": Look("◌", "queued", "queued", "$text-warning"),
    "thinking": Look("…", "thinking", "thinks", "$text-primary"),
    "streaming": Look("▶", "streaming", "streams", "$text-primary"),
    "retrying": Look("↻", "retrying", "retries", "$text-warning"),
    "held": Look("⏸", "held", "held", "$text-warning"),
    "waiting": Look("⏸", "waiting", "waits", "$text-warning"),
    "done": Look("✓", "done", "done", "$text-success"),
    "partial": Look("◐", "partial", "partial", "$text-warning"),
    "failed": Look("✗", "failed", "failed", "$text-error"),
    "stopped": Look("■", "stopped", "stopped", "$text-warning"),
}
BREAKER_OPEN = Look("✗", "breaker open", "open", "$text-error")
UNKNOWN = Look("?", "unknown", "unknown", "$text-warning")
WAITING = frozenset({"queued", "retrying", "waiting"})
BUSY = WAITING | {"thinking", "streaming"}
BRIEF_WAITS = {
    "breaker": "open",
    "server": "gone",
    "rate_limit": "limit",
    "own_rate": "own",
    "retry": "retry",
    "loading": "loads",
}
"""What a narrow strip calls a wait, before its seconds."""


@dataclass(slots=True)
class AgentState:
    """The running picture of one agent.

    `length` is the number of characters that the pane holds of the current attempt; times are monotonic seconds.
    """

    state: str = "idle"
    detail: str = ""
    enabled: bool = True
    call_id: str = ""
    attempt: int = 0
    length: int = 0
    model: str = ""
    is_fallback: bool = False
    tokens: int = 0
    tokens_per_second: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    wait: Wait | None = None
    in_call: bool = False
    is_paused: bool = False

    def is_current(self, call_id: str, attempt: int) -> bool:
        """Return whether an event belongs to the attempt that is shown."""
        return self.call_id == call_id and self.attempt == attempt

    def begin_attempt(self, call_id: str, attempt: int) -> None:
        """Follow a new attempt, of the same call or of the next one."""
        self.call_id, self.attempt, self.length = call_id, attempt, 0
        self.wait = None

    def take(self, event: TokensReceived) -> tuple[str, int]:
        """Return what of the tokens is new, and how many characters before it never arrived."""
        missing = max(0, event.offset - self.length)
        new = event.text[max(0, self.length - event.offset) :]
        self.length = max(self.length, event.offset + len(event.text))
        return new, missing

    def follow_status(self, status: AgentStatus, *, is_paused: bool) -> None:
        """Take over what the engine reports; `is_paused`: no new call begins now."""
        self.is_paused = is_paused
        self.enabled = status.enabled
        self.state, self.detail, self.wait = status.state, status.detail, status.wait
        self.tokens, self.tokens_per_second = status.output_tokens, status.tokens_per_second

    @property
    def has_wait_to_end(self) -> bool:
        """Whether the agent waits for something that the user may end."""
        return self.wait is not None and self.state in WAITING and self.wait.can_be_ended

    @property
    def look(self) -> Look:
        if not self.enabled and self.state not in BUSY:
            return LOOKS["off"]
        if self.wait is not None and self.wait.reason == "breaker" and self.state in WAITING:
            return BREAKER_OPEN
        if self.is_paused and self.state == "thinking" and not self.in_call:
            return LOOKS["held"]
        return LOOKS.get(self.state, UNKNOWN)

    def words(self, now: float) -> str:
        """Return the state in words, those of a wait with its countdown."""
        if self.wait is not None and self.state in WAITING:
            return self.wait.words(now)
        if self.state in BUSY and self.detail:  # a step's notes may be long
            return self.detail if self.state == "waiting" else f"{self.look.word}: {self.detail}"
        return self.look.word

    def brief(self, now: float) -> str:
        """Return the state in at most eight characters or so, for the strip."""
        wait = self.wait
        if wait is None or self.state not in WAITING:
            return self.look.brief
        if wait.reason == "slot":
            return f"{wait.ahead} ahead" if wait.ahead else "next"
        if wait.reason == "breaker" and (wait.until is None or wait.until <= now):
            return "half-open"
        left = f" {wait.until - now:.0f}s" if wait.until is not None and wait.until > now else ""
        return BRIEF_WAITS.get(wait.reason, self.look.brief) + left

    def elapsed_seconds(self, now: float) -> float | None:
        """Return how long the current or last call took; None before the first."""
        if self.started_at is None:
            return None
        return (self.ended_at if self.ended_at is not None else now) - self.started_at
