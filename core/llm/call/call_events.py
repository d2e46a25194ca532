"""The events of one call, as the contract has them: in order, and exactly one at the end."""

from __future__ import annotations

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
    Warned,
)
from core.kinds import BreakerState, QueueReason
from core.llm.call.continuation import OverlapJoiner, PrefillJoiner
from core.llm.call.stream_listener import StreamCallback, StreamListener
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault
from core.llm.http.answer_splitter import AnswerSplitter, Split
from core.llm.http.stream_decoder import StreamDelta
from core.llm.request import CallRequest

SAME_TIME_SECONDS = 0.05  # two ends of one wait that differ by less are the same wait


class _Ids(TypedDict):
    run_id: str
    correlation_id: str
    agent_id: str
    task_id: str
    call_id: str


class CallEvents:
    """Keeps the text of the current attempt, emits the call's events, and calls the stream callback.

    What a server sends as the answer is split here, before anything else sees it: into the answer and the thoughts.

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
        stream_callback: StreamCallback | None = None,
    ) -> None:
        self.attempt = 0
        self.first_token_seconds: float | None = None
        self._emit = emit
        self._clock = clock
        self._listener = StreamListener(stream_callback) if stream_callback is not None else None
        self._ids = _Ids(
            run_id=request.run_id,
            correlation_id=request.correlation_id,
            agent_id=request.agent_id,
            task_id=request.task_id,
            call_id=call_id,
        )
        self._started = clock.monotonic()
        self._request_started = self._started
        self._requested_seconds = 0.0
        self._prefill = request.prefill
        self._text_so_far = ""
        self._splitter = AnswerSplitter()
        self._joiner: PrefillJoiner | OverlapJoiner | None = None
        self._is_attempting = False
        self._has_received = False
        self._emitted_wait: tuple[QueueReason, float | None] | None = None
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
    def has_received(self) -> bool:
        """Whether any attempt has brought a part of an answer."""
        return self._has_received

    @property
    def log_ids(self) -> dict[str, str]:
        """What every log line about this call carries."""
        return {name: self._ids[name] for name in ("correlation_id", "agent_id", "task_id")}

    @property
    def duration_seconds(self) -> float:
        """Time since the call began, queueing and waits included."""
        return self._clock.monotonic() - self._started

    @property
    def requested_seconds(self) -> float:
        """Time that requests of the call were under way, all attempts together: no wait before or between them."""
        return self._requested_seconds

    @property
    def streamed_seconds(self) -> float:
        """Time since the first token of the current attempt; 0 before it."""
        if self.first_token_seconds is None:
            return 0.0
        return self._now() - self._request_started - self.first_token_seconds

    def queued(self, position: int) -> None:
        self._emit(CallQueued(**self._ids, at=self._now(), attempt=self.attempt, position=position))

    def waiting(self, reason: QueueReason, until: float | None) -> None:
        """Emit what the call waits for, and the monotonic time until when; the same wait is emitted once."""
        if self._emitted_wait is not None and _is_same_wait(self._emitted_wait, (reason, until)):
            return
        self._emitted_wait = (reason, until)
        self._emit(
            CallQueued(**self._ids, at=self._now(), attempt=self.attempt, position=0, reason=reason, until=until)
        )

    def start_attempt(
        self, endpoint: Endpoint, *, fallback: bool = False, again: bool = False, text_so_far: str = ""
    ) -> None:
        """Begin the next attempt, or with `again` repeat the current one, of which nothing had come.

        `text_so_far` is a cut-off answer that the attempt shall continue.
        """
        if not again:
            self.attempt += 1
        if self._chars or self._reasoning:
            self._reset()
        self._texts, self._reasoning, self._chars, self._seq = [], [], 0, 0
        self._emitted_wait = None
        self._emit(
            AttemptStarted(
                **self._ids,
                at=self._now(),
                attempt=self.attempt,
                model=endpoint.model,
                endpoint=endpoint.breaker_name,
                fallback=fallback,
            )
        )
        self._show(text_so_far, call_back=False)
        self.start_request(text_so_far)

    def start_request(self, text_so_far: str = "") -> None:
        """Expect the beginning of an answer, or what follows the text so far."""
        self.first_token_seconds = None
        self._is_attempting = True
        self._request_started = self._now()
        self._text_so_far = text_so_far
        self._splitter = AnswerSplitter(text_so_far or self._prefill)
        self._joiner = self._new_joiner()

    def _new_joiner(self) -> PrefillJoiner | OverlapJoiner | None:
        if self._text_so_far:
            return OverlapJoiner(self._text_so_far)
        return PrefillJoiner(self._prefill) if self._prefill else None

    def request_over(self) -> None:
        """End the time of the request that was started last; it was answered, has failed or was cancelled."""
        self._requested_seconds += self._now() - self._request_started

    def received(self, delta: StreamDelta) -> None:
        """Pass on what one read of the stream brought."""
        now = self._now()
        if self.first_token_seconds is None and (delta.text or delta.reasoning):
            self.first_token_seconds = now - self._request_started
            self._has_received = True
            if not self._chars:
                ttft = self.first_token_seconds
                self._emit(FirstTokenReceived(**self._ids, at=now, attempt=self.attempt, ttft=ttft))
        if delta.reasoning:
            self._show_reasoning(delta.reasoning)
        if delta.text:
            split = self._splitter.feed(delta.text)
            if split is None:
                self._show(delta.text if self._joiner is None else self._joiner.feed(delta.text))
            else:
                self._show_split(split)

    def replayed(self, text: str, reasoning: str) -> None:
        """Pass on an answer that was given before: it was split then."""
        self._has_received = True
        self.first_token_seconds = 0.0
        self._emit(FirstTokenReceived(**self._ids, at=self._now(), attempt=self.attempt, ttft=0.0))
        if reasoning:
            self._show_reasoning(reasoning)
        self._show(text)

    def ended(self) -> None:
        """Pass on what was held back: the stream of this attempt has come to its end."""
        self._show_split(self._splitter.end())
        if self._joiner is not None:
            self._show(self._joiner.end())

    def _show_split(self, split: Split) -> None:
        if split.is_restarted:
            if self._chars > len(self._text_so_far):
                self._reset()
                self._texts, self._chars, self._seq = [], 0, 0
                self._show(self._text_so_far, call_back=False)
            self._joiner = self._new_joiner()
        if split.reasoning:
            self._show_reasoning(split.reasoning)
        if split.text:
            self._show(split.text if self._joiner is None else self._joiner.feed(split.text))

    def _show_reasoning(self, reasoning: str) -> None:
        self._reasoning.append(reasoning)
        self._emit(ReasoningReceived(**self._ids, at=self._now(), attempt=self.attempt, seq=self._seq, text=reasoning))
        self._seq += 1

    def _reset(self) -> None:
        self._emit(AttemptReset(**self._ids, at=self._now(), attempt=self.attempt))
        if self._listener is not None:
            self._listener.restarted()

    def attempt_failed(self, fault: Fault, *, will_retry: bool, wait_seconds: float = 0.0) -> None:
        """Emit how the current attempt failed; nothing if that is done, or no attempt is under way."""
        if not self._is_attempting:
            return
        self._is_attempting = False
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

    def breaker_changed(self, name: str, old: BreakerState, new: BreakerState, retry_at: float | None) -> None:
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

    def fell_back(self, fault: Fault, to: Endpoint) -> None:
        """Warn that another endpoint takes the call over."""
        self.warned(f"{fault.message}: {to.model} at {to.host} answers instead", fault.hint)

    def warned(self, message: str, hint: str = "") -> None:
        self._emit(
            Warned(
                run_id=self._ids["run_id"],
                correlation_id=self._ids["correlation_id"],
                at=self._now(),
                message=message,
                hint=hint,
            )
        )

    def finished(self, finish_reason: str, usage: Usage, *, cached: bool = False) -> None:
        self._emit(
            CallFinished(
                **self._ids,
                at=self._now(),
                attempt=self.attempt,
                text=self.text,
                finish_reason=finish_reason,
                usage=usage,
                duration_seconds=self.duration_seconds,
                cached=cached,
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

    def _show(self, text: str, *, call_back: bool = True) -> None:
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
        if self._listener is not None and call_back:
            self._listener.received(text)

    def _now(self) -> float:
        return self._clock.monotonic()


def _is_same_wait(one: tuple[QueueReason, float | None], other: tuple[QueueReason, float | None]) -> bool:
    if one[0] != other[0] or one[1] is None or other[1] is None:
        return one == other
    return abs(one[1] - other[1]) < SAME_TIME_SECONDS
