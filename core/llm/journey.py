"""One call from its slot to its end: attempts, waits between them, and what is changed before the next one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from core.clock import Clock
from core.errors import ModelUnavailableError
from core.llm.attempt import Answer, run_attempt
from core.llm.context import fit
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault, Outcome, Window, clean_detail
from core.llm.limits import time_limits
from core.llm.models import offered_models
from core.llm.pool import ClientPool
from core.llm.progress import CallProgress
from core.llm.request import CallRequest
from core.llm.tokens import estimate_prompt_tokens
from core.llm.wire import RequestShape, request_body
from core.resilience.gate import Gate
from core.resilience.retry import Backoff, retrying
from core.telemetry import metrics
from core.telemetry.logs import log

if TYPE_CHECKING:
    from core.resilience.breaker import GuardBreaker, GuardFactory, Ticket
    from core.settings import Settings

MAX_TRUNCATIONS = 2
MAX_STREAM_RESTARTS = 2  # an answer that breaks half-way three times will break again
LOADING_POLL_SECONDS = 1.0
MAX_SHOWN_MODELS = 8
MAX_LOADING_SECONDS = 600.0
BREAKER_LEVELS = {"closed": 0, "half-open": 1, "open": 2}


@dataclass(slots=True)
class EndpointState:
    """What all calls to one server share: its slots, how it wants its requests, and until when it wants none."""

    gate: Gate
    shape: RequestShape = field(default_factory=RequestShape)
    paused_until: float = float("-inf")  # monotonic


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every call needs from outside."""

    settings: Settings
    pool: ClientPool
    breakers: GuardFactory
    clock: Clock
    random: Random


class Journey:
    """One call; `run` once."""

    def __init__(
        self,
        request: CallRequest,
        endpoint: Endpoint,
        state: EndpointState,
        around: Surroundings,
        progress: CallProgress,
        *,
        refresh: Callable[[], Awaitable[Endpoint]] | None = None,
    ) -> None:
        self.request = request
        self._refresh = refresh
        self._endpoint = endpoint
        self._state = state
        self._around = around
        self._progress = progress
        llm = around.settings.llm
        self._backoff = Backoff(llm.retry_initial_delay, llm.retry_max_delay, around.random)
        self._adaptations: set[str] = set()
        self._truncations = 0
        self._restarts = 0
        self._loading_since: float | None = None
        self._stale_seen = False
        self._empty_seen = False
        self._repeat_key = ""
        self._repeats = False

    async def run(self) -> Answer:
        """Return how the answer ended; its text is with the progress.

        Raises:
            Fault: there is no whole answer, and there will be none.
        """
        loop = retrying(
            attempts=self._around.settings.llm.max_retries + 1,
            may_retry=self._may_retry,
            wait_seconds=self._wait_seconds,
            before_wait=self._before_wait,
            sleep=self._around.clock.sleep,
        )
        try:
            answer: Answer = await loop(self._counted_attempt)
        except Fault as fault:
            if fault.kind == "not_found":
                fault.hint = await self._hint_of_models() or fault.hint
            raise
        return answer

    async def _hint_of_models(self) -> str:
        models = await offered_models(self._around.pool, self._endpoint)
        if not models or self._endpoint.model in models:
            return ""
        shown = clean_detail(", ".join(models[:MAX_SHOWN_MODELS]), self._endpoint.api_key)
        return f"set LLM_MODEL to one that it offers: {shown}{', ...' if len(models) > MAX_SHOWN_MODELS else ''}"

    async def _counted_attempt(self) -> Answer:
        again = False
        while True:
            await self._wait_out_pause()
            await self._find_server()
            try:
                return await self._admitted_attempt(again=again)
            except Fault as fault:
                self._count("llm.errors", kind=fault.kind)
                log("WARNING", "attempt failed", attempt=self._progress.attempt, kind=fault.kind, reason=fault.message)
                again = await self._uncounted_step(fault)

    async def _find_server(self) -> None:
        """Ask where the server is now, once an attempt has failed: the embedded one is restarted when it has died."""
        if self._refresh is None or not self._progress.attempt:
            return
        try:
            self._endpoint = await self._refresh()
        except ModelUnavailableError as error:
            raise self._fault("unavailable", detail=error.message) from None

    async def _uncounted_step(self, fault: Fault) -> bool:
        """Change what can be changed without counting a retry; True if the same attempt goes on.

        Raises:
            Fault: nothing can be changed.
        """
        if fault.adaptation and fault.adaptation not in self._adaptations:
            shape = self._state.shape.adapted(fault.adaptation)
            self._adaptations.add(fault.adaptation)
            self._state.shape = shape
            log("INFO", "request adapted", host=self._endpoint.host, adaptation=fault.adaptation)
            return True
        match fault.action:
            case "free":
                return True
            case "wait":
                await self._wait_for_model(fault)
                return True
            case "truncate":
                self._truncate(fault)
                return False
            case _:
                raise fault

    async def _admitted_attempt(self, *, again: bool) -> Answer:
        breaker = await self._around.breakers.get_breaker(self._endpoint.breaker_name, on_change=self._breaker_changed)
        ticket = await self._ticket(breaker)
        outcome: Outcome = "neutral"
        try:
            answer = await self._attempt(again=again)
            outcome = "success"
        except Fault as fault:
            outcome = self._judged(fault)
            raise
        finally:
            await breaker.settle(ticket, outcome)
        return answer

    def _breaker_changed(self, name: str, old: str, new: str, retry_at: float | None) -> None:
        self._progress.breaker_changed(name, old, new, retry_at)
        metrics.increment("breaker.transitions", tags={"endpoint": name, "to": new})
        metrics.gauge("breaker.state", BREAKER_LEVELS[new], tags={"endpoint": name})

    async def _ticket(self, breaker: GuardBreaker) -> Ticket:
        from core.resilience.breaker import BreakerOpenError

        while True:
            try:
                return await breaker.acquire()
            except BreakerOpenError as refused:
                if self._around.settings.circuit_breaker.when_open == "fail":
                    detail = f"next try in {refused.retry_in_seconds:.0f} s" if refused.retry_in_seconds else ""
                    raise self._fault("breaker_open", detail=detail) from None
            await breaker.wait()

    async def _attempt(self, *, again: bool) -> Answer:
        around, endpoint, request = self._around, self._endpoint, self.request
        body = request_body(request, endpoint.model, self._state.shape)
        limits = time_limits(around.settings, endpoint, estimate_prompt_tokens(request.messages))
        async with around.pool.lease(endpoint) as lease:
            self._progress.start_attempt(endpoint.model, again=again)
            try:
                answer = await run_attempt(
                    lease.client,
                    endpoint,
                    body,
                    correlation_id=request.correlation_id,
                    limits=limits,
                    progress=self._progress,
                    clock=around.clock,
                )
            except Fault as fault:
                if fault.kind == "stale_connection" and self._stale_seen:
                    lease.succeeded = False
                    raise self._fault("disconnected") from None
                self._stale_seen = self._stale_seen or fault.kind == "stale_connection"
                lease.succeeded = {"success": True, "failure": False, "neutral": None}[fault.outcome]
                raise
            lease.succeeded = True
            return answer

    def _judged(self, fault: Fault) -> Outcome:
        """Return what the breaker is told; an error that only repeats itself is told once."""
        self._repeats = bool(fault.repeat_key) and fault.repeat_key == self._repeat_key
        self._repeat_key = fault.repeat_key
        return "neutral" if self._repeats else fault.outcome

    def _may_retry(self, error: BaseException) -> bool:
        if not isinstance(error, Fault) or error.action != "retry" or self._repeats:
            return False
        if error.kind == "empty":
            first, self._empty_seen = not self._empty_seen, True
            return first
        if self._progress.received_chars:
            self._restarts += 1
            return self._restarts <= MAX_STREAM_RESTARTS
        return True

    def _wait_seconds(self, failed_attempts: int, error: BaseException) -> float:
        retry_after = error.retry_after_seconds if isinstance(error, Fault) else None
        return self._backoff.seconds(failed_attempts, retry_after)

    def _before_wait(self, error: BaseException, wait_seconds: float) -> None:
        if not isinstance(error, Fault):
            return
        self._count("llm.retries", kind=error.kind)
        self._progress.attempt_failed(error, will_retry=True, wait_seconds=wait_seconds)
        if error.kind == "rate_limit":
            until = self._around.clock.monotonic() + wait_seconds
            if until > self._state.paused_until:
                self._state.paused_until = until
                self._progress.rate_limited(until)

    async def _wait_out_pause(self) -> None:
        clock = self._around.clock
        while (left := self._state.paused_until - clock.monotonic()) > 0:
            await clock.sleep(left)

    async def _wait_for_model(self, fault: Fault) -> None:
        clock = self._around.clock
        if self._loading_since is None:
            self._loading_since = clock.monotonic()
        if clock.monotonic() - self._loading_since >= MAX_LOADING_SECONDS:
            raise self._fault("unavailable", detail=fault.message) from None
        self._progress.attempt_failed(fault, will_retry=True, wait_seconds=LOADING_POLL_SECONDS)
        await clock.sleep(LOADING_POLL_SECONDS)

    def _truncate(self, fault: Fault) -> None:
        smaller = fit(self.request, fault.window or Window()) if self._truncations < MAX_TRUNCATIONS else None
        if smaller is None:
            raise fault
        self._truncations += 1
        before = estimate_prompt_tokens(self.request.messages)
        self.request = smaller
        self._count("llm.context_truncations")
        self._progress.attempt_failed(fault, will_retry=True)
        self._progress.truncated(before, estimate_prompt_tokens(smaller.messages))

    def _count(self, name: str, **tags: str) -> None:
        metrics.increment(name, tags={"agent": self.request.agent_id, **tags})

    def _fault(self, kind: str, *, detail: str = "") -> Fault:
        return Fault(kind, host=self._endpoint.host, model=self._endpoint.model, detail=detail)
