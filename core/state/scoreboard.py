"""Folds the events of a run into the state of each agent: the only place that does, for every front end."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallEvent,
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
    TestsRan,
    TestsStarted,
    TokensReceived,
)
from core.kinds import AgentPhase, StepStatus
from core.state.status import AgentStatus
from core.state.suite import NO_TESTS_YET, suite_of_report, suite_that_runs
from core.state.waits import Wait

RATE_WINDOW_SECONDS = 3.0
CHARACTERS_PER_TOKEN = 4.0  # for the live rate only; counted tokens come from the server at the end of the call


@dataclass(slots=True)
class _Line:
    """What is known of one agent; `recent` holds (time, tokens) of the last seconds, `steps` those it works at."""

    state: AgentPhase = "idle"
    detail: str = ""
    wait: Wait | None = None
    steps: set[str] = field(default_factory=set)
    call_id: str = ""
    attempt: int = 0
    in_call: bool = False
    model: str = ""
    is_fallback: bool = False
    call_started_at: float | None = None
    call_ended_at: float | None = None
    calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    live_tokens: float = 0.0
    recent: deque[tuple[float, float]] = field(default_factory=deque)
    last_rate: float = 0.0
    first_token_at: float = 0.0

    def enter(self, state: AgentPhase, detail: str = "", wait: Wait | None = None) -> None:
        self.state, self.detail, self.wait = state, detail, wait

    def begin_call(self, event: CallEvent) -> None:
        """Make the event's call and attempt the current ones."""
        if event.call_id != self.call_id:
            self.call_id, self.call_started_at, self.live_tokens = event.call_id, event.at, 0.0
        self.attempt = event.attempt

    def end_call(self, at: float) -> None:
        self.call_ended_at, self.in_call, self.live_tokens = at, False, 0.0

    def is_current(self, event: CallEvent) -> bool:
        """Whether the event is of the current attempt; the first that is seen of an agent is, whatever it is."""
        if not self.call_id:
            self.begin_call(event)
        return event.call_id == self.call_id and event.attempt == self.attempt


class Scoreboard:
    """State and counts per agent; cheap enough to see every token event."""

    def __init__(self, agent_ids: list[str]) -> None:
        self._lines = {agent_id: _Line() for agent_id in agent_ids}
        self.files_written = 0
        self.files_rejected = 0
        self.round = 0
        self.suite = NO_TESTS_YET
        self.run_started_at: float | None = None
        self.run_ended_at: float | None = None
        self.workflow = ""
        self.output_dir = ""

    def follow(self, event: Event) -> None:
        """Take one event into account; one of an attempt that is not current changes no state."""
        match event:
            case TokensReceived():
                self._tokens(event)
            case RunStarted():
                self._start_run(event)
            case RunFinished():
                self.run_ended_at = event.at
                if self.suite.state == "running":  # the run was stopped meanwhile
                    self.suite = NO_TESTS_YET
            case TestsStarted():
                self.suite = suite_that_runs(event)
            case TestsRan():
                self.suite = suite_of_report(event.report)
            case FileWritten():
                self.files_written += 1
            case FileRejected():
                self.files_rejected += not event.asked_again
            case StepStarted():
                self.round = event.round
                line = self._line(event.agent_id)
                line.steps.add(event.step)
                line.enter("thinking")
            case StepFinished():
                self._finish_step(event)
            case CallQueued():
                self._queue(event)
            case AttemptStarted():
                self._start_attempt(event)
            case FirstTokenReceived():
                line = self._line(event.agent_id)
                if line.is_current(event):
                    line.enter("streaming")
                    line.first_token_at = event.at
            case ReasoningReceived():
                line = self._line(event.agent_id)
                if line.is_current(event) and not line.live_tokens:
                    line.enter("thinking", "reasoning")
            case AttemptFailed():
                self._fail_attempt(event)
            case AttemptReset():
                line = self._line(event.agent_id)
                if event.call_id == line.call_id and event.attempt >= line.attempt:
                    line.attempt, line.live_tokens = event.attempt, 0.0
            case CallFinished():
                self._finish_call(event)
            case CallFailed():
                self._abort_call(event, "failed", event.kind)
            case CallCancelled():
                self._abort_call(event, "stopped")
            case _:
                pass  # the other events change nothing that is shown of an agent

    def agents(self, enabled: dict[str, bool], now: float) -> tuple[AgentStatus, ...]:
        """Return one row an agent, in the team's order."""
        return tuple(self.agent(agent_id, enabled.get(agent_id, True), now) for agent_id in self._lines)

    def agent(self, agent_id: str, enabled: bool, now: float) -> AgentStatus:
        """Return the row of one agent."""
        line = self._line(agent_id)
        wait = line.wait if enabled else None
        return AgentStatus(
            agent_id=agent_id,
            enabled=enabled,
            state=line.state if enabled else "off",
            detail=wait.words(now) if wait is not None else line.detail,
            wait=wait,
            call_id=line.call_id,
            attempt=line.attempt,
            in_call=line.in_call,
            model=line.model,
            is_fallback=line.is_fallback,
            call_started_at=line.call_started_at,
            call_ended_at=line.call_ended_at,
            calls=line.calls,
            input_tokens=line.input_tokens,
            output_tokens=line.output_tokens + round(line.live_tokens),
            tokens_per_second=self._rate(line, now),
        )

    def _line(self, agent_id: str) -> _Line:
        return self._lines.setdefault(agent_id, _Line())

    def _start_run(self, event: RunStarted) -> None:
        # The last call stays known, so that an event of it that comes late is not taken for one of a new call.
        self._lines = {
            agent_id: _Line(call_id=line.call_id, model=line.model) for agent_id, line in self._lines.items()
        }
        self.files_written = self.files_rejected = self.round = 0
        self.suite = NO_TESTS_YET
        self.run_started_at, self.run_ended_at = event.at, None
        self.workflow, self.output_dir = event.workflow, event.output_dir

    def _finish_step(self, event: StepFinished) -> None:
        line = self._line(event.agent_id)
        line.steps.discard(event.step)
        if event.status != "skipped":
            line.end_call(line.call_ended_at if line.call_ended_at is not None else event.at)
        if line.state != "stopped":  # by the user, who knows that it did not fail
            line.enter(_STATE_OF_STATUS[event.status], event.notes)

    def _queue(self, event: CallQueued) -> None:
        line = self._line(event.agent_id)
        if event.call_id != line.call_id:
            line.begin_call(event)
        elif event.attempt < line.attempt:
            return
        wait = Wait.from_queued(event)
        line.in_call, line.call_ended_at = True, None
        line.enter(wait.state, wait=wait)

    def _start_attempt(self, event: AttemptStarted) -> None:
        line = self._line(event.agent_id)
        if event.call_id == line.call_id and event.attempt < line.attempt:
            return
        line.begin_call(event)
        line.in_call, line.call_ended_at = True, None
        line.model, line.is_fallback = event.model, event.fallback
        line.enter("thinking")

    def _tokens(self, event: TokensReceived) -> None:
        line = self._line(event.agent_id)
        if not line.is_current(event):
            return
        line.state, line.detail, line.wait = "streaming", "", None
        tokens = max(1.0, len(event.text) / CHARACTERS_PER_TOKEN)
        line.live_tokens += tokens
        line.recent.append((event.at, tokens))
        self._forget_old(line, event.at)

    def _fail_attempt(self, event: AttemptFailed) -> None:
        line = self._line(event.agent_id)
        if not line.is_current(event):
            return
        wait = Wait.from_failed(event)
        if wait is None:
            line.enter("failed", event.kind)
        else:
            line.enter(wait.state, wait=wait)

    def _finish_call(self, event: CallFinished) -> None:
        line = self._line(event.agent_id)
        is_current = line.is_current(event)
        line.calls += 1
        if not event.cached:  # what was given before was counted then, and its speed says nothing of the server
            line.input_tokens += event.usage.input_tokens
            line.output_tokens += event.usage.output_tokens
            streamed_seconds = event.at - line.first_token_at
            if streamed_seconds > 0 and line.first_token_at:
                line.last_rate = event.usage.output_tokens / streamed_seconds
        line.recent.clear()
        if (
            not is_current and event.cached and event.call_id != line.call_id
        ):  # nothing was sent, so nothing has begun it
            line.begin_call(event)
            line.call_started_at = event.at - event.duration_seconds
            is_current = True
        if is_current:
            line.end_call(event.at)
            line.enter("thinking" if line.steps else "done")

    def _abort_call(self, event: CallFailed | CallCancelled, state: AgentPhase, detail: str = "") -> None:
        line = self._line(event.agent_id)
        if not line.is_current(event):
            if event.call_id != line.call_id:
                return
            line.attempt = event.attempt  # a call that ends before it sent anything ends with attempt 0
        line.end_call(event.at)
        line.enter(state, detail)

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
