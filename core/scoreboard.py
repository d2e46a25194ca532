"""Follows the events of a run and keeps what the status shows of each agent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    Event,
    FileRejected,
    FileWritten,
    FirstTokenReceived,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
    TokensReceived,
)
from core.kinds import AgentPhase, StepStatus
from core.status import AgentStatus
from core.waits import Wait

RATE_WINDOW_SECONDS = 3.0
CHARACTERS_PER_TOKEN = 4.0  # for the live rate only; counted tokens come from the server at the end of the call


@dataclass(slots=True)
class _Line:
    """What is known of one agent; `recent` holds (time, tokens) of the last seconds."""

    state: AgentPhase = "idle"
    detail: str = ""
    wait: Wait | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    live_tokens: float = 0.0
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    last_rate: float = 0.0
    first_token_at: float = 0.0


class Scoreboard:
    """Counts per agent; cheap enough to see every token event."""

    def __init__(self, agent_ids: list[str]) -> None:
        self._lines = {agent_id: _Line() for agent_id in agent_ids}
        self.files_written = 0
        self.files_rejected = 0
        self.round = 0
        self.run_started_at: float | None = None
        self.run_ended_at: float | None = None
        self.workflow = ""
        self.output_dir = ""

    def follow(self, event: Event) -> None:
        """Take one event into account."""
        match event:
            case TokensReceived():
                self._tokens(event)
            case RunStarted():
                self._start_run(event)
            case RunFinished():
                self.run_ended_at = event.at
            case FileWritten():
                self.files_written += 1
            case FileRejected():
                self.files_rejected += 1
            case StepStarted():
                self.round = event.round
                self._set(event.agent_id, "thinking")
            case StepFinished():
                if self._line(event.agent_id).state != "stopped":  # by the user, who knows that it did not fail
                    self._set(event.agent_id, _STATE_OF_STATUS[event.status], event.notes)
            case CallQueued():
                self._wait(event.agent_id, Wait.in_line(event))
            case AttemptStarted():
                self._set(event.agent_id, "thinking")
            case FirstTokenReceived():
                self._set(event.agent_id, "streaming")
                self._line(event.agent_id).first_token_at = event.at
            case ReasoningReceived():
                self._set(event.agent_id, "thinking")
            case AttemptFailed():
                again = Wait.after(event)
                if again is None:
                    self._set(event.agent_id, "failed", event.kind)
                else:
                    self._wait(event.agent_id, again)
            case AttemptReset():
                self._line(event.agent_id).live_tokens = 0.0
            case CallFinished():
                self._finish_call(event)
            case CallFailed():
                self._set(event.agent_id, "failed", event.message)
                self._line(event.agent_id).live_tokens = 0.0
            case CallCancelled():
                self._set(event.agent_id, "stopped")
                self._line(event.agent_id).live_tokens = 0.0
            case _:
                pass  # the other events change nothing that is shown of an agent

    def agents(self, enabled: dict[str, bool], now: float) -> tuple[AgentStatus, ...]:
        """Return one row an agent, in the team's order."""
        return tuple(
            AgentStatus(
                agent_id=agent_id,
                enabled=enabled.get(agent_id, True),
                state=line.state if enabled.get(agent_id, True) else "off",
                detail=line.wait.words(now) if line.wait is not None else line.detail,
                wait=line.wait,
                calls=line.calls,
                input_tokens=line.input_tokens,
                output_tokens=line.output_tokens + round(line.live_tokens),
                tokens_per_second=self._rate(line, now),
            )
            for agent_id, line in self._lines.items()
        )

    def _line(self, agent_id: str) -> _Line:
        return self._lines.setdefault(agent_id, _Line())

    def _set(self, agent_id: str, state: AgentPhase, detail: str = "") -> None:
        line = self._line(agent_id)
        line.state, line.detail, line.wait = state, detail, None

    def _wait(self, agent_id: str, wait: Wait) -> None:
        line = self._line(agent_id)
        line.state, line.detail, line.wait = wait.state, "", wait

    def _start_run(self, event: RunStarted) -> None:
        self._lines = {agent_id: _Line() for agent_id in self._lines}
        self.files_written = self.files_rejected = self.round = 0
        self.run_started_at, self.run_ended_at = event.at, None
        self.workflow, self.output_dir = event.workflow, event.output_dir

    def _tokens(self, event: TokensReceived) -> None:
        line = self._line(event.agent_id)
        line.state, line.detail, line.wait = "streaming", "", None
        tokens = max(1.0, len(event.text) / CHARACTERS_PER_TOKEN)
        line.live_tokens += tokens
        line.recent.append((event.at, tokens))
        self._forget_old(line, event.at)

    def _finish_call(self, event: CallFinished) -> None:
        line = self._line(event.agent_id)
        line.calls += 1
        line.live_tokens = 0.0
        if not event.cached:  # what was given before was counted then, and its speed says nothing of the server
            line.input_tokens += event.usage.input_tokens
            line.output_tokens += event.usage.output_tokens
            streamed_seconds = event.at - line.first_token_at
            if streamed_seconds > 0 and line.first_token_at:
                line.last_rate = event.usage.output_tokens / streamed_seconds
        line.recent.clear()
        self._set(event.agent_id, "thinking")

    def _rate(self, line: _Line, now: float) -> float:
        self._forget_old(line, now)
        if not line.recent:
            return line.last_rate
        spread = max(now - line.recent[0][0], 0.5)
        return sum(tokens for _, tokens in line.recent) / spread

    @staticmethod
    def _forget_old(line: _Line, now: float) -> None:
        while line.recent and now - line.recent[0][0] > RATE_WINDOW_SECONDS:
            line.recent.popleft()


_STATE_OF_STATUS: dict[StepStatus, AgentPhase] = {
    "ok": "done",
    "partial": "partial",
    "failed": "failed",
    "skipped": "idle",
}
