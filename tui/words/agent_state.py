"""The state of an agent as a glyph and a word: never by its colour alone."""

from __future__ import annotations

from dataclasses import dataclass

from core.kinds import AgentPhase
from core.state.status import AgentStatus


@dataclass(frozen=True, slots=True)
class StateLabel:
    """How a state is shown; `brief` fits a narrow strip."""

    glyph: str
    word: str
    brief: str
    style: str


STATE_LABELS: dict[AgentPhase, StateLabel] = {
    "idle": StateLabel("·", "idle", "idle", "$foreground 60%"),
    "off": StateLabel("○", "off", "off", "$foreground 60%"),
    "queued": StateLabel("◌", "queued", "queued", "$text-warning"),
    "thinking": StateLabel("…", "thinking", "thinks", "$text-primary"),
    "streaming": StateLabel("▶", "streaming", "streams", "$text-primary"),
    "retrying": StateLabel("↻", "retrying", "retries", "$text-warning"),
    "waiting": StateLabel("⏸", "waiting", "waits", "$text-warning"),
    "done": StateLabel("✓", "done", "done", "$text-success"),
    "partial": StateLabel("◐", "partial", "partial", "$text-warning"),
    "failed": StateLabel("✗", "failed", "failed", "$text-error"),
    "stopped": StateLabel("■", "stopped", "stopped", "$text-warning"),
}
BREAKER_OPEN = StateLabel("✗", "breaker open", "open", "$text-error")
HELD = StateLabel("⏸", "held", "held", "$text-warning")
WORKING: frozenset[AgentPhase] = frozenset({"queued", "retrying", "waiting", "thinking", "streaming"})
"""States of an agent at work; their detail is shown, while that of an end (a step's notes) may be long, and stands in the pane."""
BRIEF_WAITS = {
    "breaker": "open",
    "server": "gone",
    "rate_limit": "limit",
    "own_rate": "own",
    "retry": "retry",
    "loading": "loads",
}
"""What a narrow strip calls a wait, before its seconds."""


def state_label(status: AgentStatus, *, is_paused: bool = False) -> StateLabel:
    """Return how the state is shown; `is_paused`: the run is held before its next call."""
    if status.wait is not None and status.wait.reason == "breaker":
        return BREAKER_OPEN
    if is_paused and status.state == "thinking" and not status.in_call:
        return HELD
    return STATE_LABELS[status.state]


def state_words(status: AgentStatus, now: float, *, is_paused: bool = False) -> str:
    """Return the state in words, those of a wait with its countdown; `now` is monotonic seconds."""
    if status.wait is not None:
        return status.wait.words(now)
    word = state_label(status, is_paused=is_paused).word
    if status.state in WORKING and status.detail:
        return status.detail if status.state == "waiting" else f"{word}: {status.detail}"
    return word


def state_brief(status: AgentStatus, now: float, *, is_paused: bool = False) -> str:
    """Return the state in at most eight characters or so, for the strip."""
    wait, brief = status.wait, state_label(status, is_paused=is_paused).brief
    if wait is None:
        return brief
    if wait.reason == "slot":
        return f"{wait.ahead} ahead" if wait.ahead else "next"
    if wait.reason == "breaker" and (wait.until is None or wait.until <= now):
        return "half-open"
    left = f" {wait.until - now:.0f}s" if wait.until is not None and wait.until > now else ""
    return BRIEF_WAITS.get(wait.reason, brief) + left


def call_seconds(status: AgentStatus, now: float) -> float | None:
    """Return how long the current or last call took, its waits included; None before the first."""
    if status.call_started_at is None:
        return None
    return (status.call_ended_at if status.call_ended_at is not None else now) - status.call_started_at
