"""One call as its listeners see it: the events of the contract, in order, and exactly one at the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypedDict

from core.clock import Clock
from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    BreakerChanged,
    CallCancelled,
    CallFailed,
    CallFinished,
    CallQueued,
    ContextTruncated,
    EventSink,
    FirstTokenReceived,
    RateLimited,
    ReasoningReceived,
    TokensReceived,
    Usage,
)
from core.llm.decoder import Read
from core.llm.faults import Fault
from core.llm.prefill import PrefillJoiner
from core.llm.request import CallRequest
from core.telemetry.logs import log


class _Ids(TypedDict):
    run_id: str
    correlation_id: str
    agent_id: str
    task_id: str
    call_id: str


class CallProgress:
    """Keeps the text of the current attempt and tells the sink, and the stream callback, what happens.

    Attributes:
        attempt: number of the current attempt, from 1; 0 before the first.
        first_token_seconds: of the current attempt; None while nothing came.
    """

    def __init__(
        self,
        request: CallRequest,
        call_id: str,
        *,
        emit: EventSink,
        clock: Clock,
        stream_callback: Callable[[str], None] | None = None,
    ) -> None:
        self.attempt = 0
        self.first_token_seconds: float | None = None
        self._emit = emit
        self._clock = clock
        self._stream_callback = stream_callback
        self._ids = _Ids(
            run_id=request.run_id,
            correlation_id=request.correlation_id,
            agent_id=request.agent_id,
            task_id=request.task_id,
            call_id=call_id,
        )
        self._started = clock.monotonic()
        self._attempt_started = self._started
        self._prefill = request.prefill
        self._joiner = PrefillJoiner(request.prefill)
        self._texts: list[str] = []
        self._reasoning: list[str] = []
        self._chars = 0
        self._seq = 0

    @property
    def text(self) -> str:
        """What the current attempt has received."""
        return "".join(self._texts)

    @property
    def reasoning(self) -> str:
        """What the current attempt has received of the model's thoughts."""
        return "".join(self._reasoning)

    @property
    def received_chars(self) -> int:
        return self._chars

    @property
    def log_ids(self) -> dict[str, str]:
        """What every log line about this call carries."""
        return {name: self._ids[name] for name in ("correlation_id", "agent_id", "task_id")}

    @property
    def duration_seconds(self) -> float:
        """Time since the call began, queueing and waits included."""
        return self._clock.monotonic() - self._started

    def queued(self, position: int) -> None:
        self._emit(CallQueued(**self._ids, at=self._now(), attempt=self.attempt, position=position))

    def start_attempt(self, model: str, *, again: bool = False) -> None:
        """Begin the next attempt, or with `again` repeat the current one, of which nothing had come."""
        if not again:
            self.attempt += 1
        if self.first_token_seconds is not None:
            self._emit(AttemptReset(**self._ids, at=self._now(), attempt=self.attempt))
        self.first_token_seconds = None
        self._texts, self._reasoning, self._chars, self._seq = [], [], 0, 0
        self._joiner = PrefillJoiner(self._prefill)
        self._attempt_started = self._now()
        self._emit(AttemptStarted(**self._ids, at=self._attempt_started, attempt=self.attempt, model=model))

    def received(self, read: Read) -> None:
        """Pass on what one read brought."""
        now = self._now()
        if self.first_token_seconds is None and (read.text or read.reasoning):
            self.first_token_seconds = now - self._attempt_started
            self._emit(FirstTokenReceived(**self._ids, at=now, attempt=self.attempt, ttft=self.first_token_seconds))
        if read.reasoning:
            self._reasoning.append(read.reasoning)
            self._emit(ReasoningReceived(**self._ids, at=now, attempt=self.attempt, seq=self._seq, text=read.reasoning))
            self._seq += 1
        if read.text:
            self._show(self._joiner.feed(read.text))

    def ended(self) -> None:
        """Pass on what was held back: the stream of this attempt has come to its end."""
        self._show(self._joiner.end())

    def attempt_failed(self, fault: Fault, *, will_retry: bool, wait_seconds: float = 0.0) -> None:
        self._emit(
            AttemptFailed(
                **self._ids,
                at=self._now(),
                attempt=self.attempt,
                kind=fault.kind,
                message=fault.message,
                will_retry=will_retry,
                wait_seconds=wait_seconds,
                received_chars=self._chars,
            )
        )

    def truncated(self, before_tokens: int, after_tokens: int) -> None:
        self._emit(
            ContextTruncated(
                **self._ids, at=self._now(), attempt=self.attempt, before=before_tokens, after=after_tokens
            )
        )

    def breaker_changed(self, name: str, old: str, new: str, retry_at: float | None) -> None:
        self._emit(
            BreakerChanged(
                run_id=self._ids["run_id"],
                correlation_id=self._ids["correlation_id"],
                at=self._now(),
                name=name,
                old=old,
                new=new,
                retry_at=retry_at,
            )
        )

    def rate_limited(self, until: float) -> None:
        self._emit(
            RateLimited(
                run_id=self._ids["run_id"], correlation_id=self._ids["correlation_id"], at=self._now(), until=until
            )
        )

    def finished(self, finish_reason: str, usage: Usage) -> None:
        self._emit(
            CallFinished(
                **self._ids,
                at=self._now(),
                attempt=self.attempt,
                text=self.text,
                finish_reason=finish_reason,
                usage=usage,
                duration_seconds=self.duration_seconds,
            )
        )

    def failed(self, fault: Fault) -> None:
        self._emit(
            CallFailed(
                **self._ids,
                at=self._now(),
                attempt=self.attempt,
                kind=fault.kind,
                message=fault.message,
                hint=fault.hint,
                partial=self.text,
            )
        )

    def cancelled(self) -> None:
        self._emit(CallCancelled(**self._ids, at=self._now(), attempt=self.attempt, partial=self.text))

    def _show(self, text: str) -> None:
        if not text:
            return
        self._texts.append(text)
        self._emit(
            TokensReceived(
                **self._ids, at=self._now(), attempt=self.attempt, seq=self._seq, offset=self._chars, text=text
            )
        )
        self._seq += 1
        self._chars += len(text)
        if self._stream_callback is not None:
            self._call_back(self._stream_callback, text)

    def _call_back(self, callback: Callable[[str], None], text: str) -> None:
        try:
            callback(text)
        except Exception as error:  # noqa: BLE001 - a caller's function; its bug must not cost the answer
            self._stream_callback = None
            log("ERROR", "a stream callback raised and is not called again", exception=error)

    def _now(self) -> float:
        return self._clock.monotonic()
