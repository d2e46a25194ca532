"""The part of a call that one endpoint serves: its attempts, and what is changed before the next one."""

from __future__ import annotations

from core.errors import ModelUnavailableError, UsageError
from core.kinds import BreakerState
from core.llm.call.admission import AdmissionWaits
from core.llm.call.attempt import Answer, run_attempt, time_limits
from core.llm.call.call_events import CallEvents
from core.llm.call.continuation import ContinuedAnswer, continued
from core.llm.call.fitted_request import FittedRequest
from core.llm.call.retry_policy import RetryPolicy
from core.llm.call.shared import CallDeps, RouteEntry
from core.llm.endpoint import Endpoint
from core.llm.faults import Adaptation, Fault, clean_detail
from core.llm.http.request_body import request_body
from core.llm.request import CallRequest
from core.llm.servers.models import offered_models
from core.resilience.interruptible_sleep import InterruptibleSleep
from core.resilience.outcome import AttemptOutcome
from core.resilience.retry import Backoff, retrying
from core.telemetry import metrics
from core.telemetry.logs import log

LOADING_POLL_SECONDS = 1.0
MAX_LOADING_SECONDS = 600.0
MAX_SHOWN_MODELS = 8
BREAKER_LEVELS: dict[BreakerState, int] = {"closed": 0, "half-open": 1, "open": 2}


class EndpointCall:
    """One call at one endpoint; `run` once."""

    def __init__(
        self,
        request: CallRequest,
        target: RouteEntry,
        deps: CallDeps,
        progress: CallEvents,
        sleeper: InterruptibleSleep,
    ) -> None:
        self._target = target
        self._state = target.state
        self._deps = deps
        self._progress = progress
        llm = deps.settings.llm
        backoff = Backoff(llm.retry_initial_delay, llm.retry_max_delay, deps.random)
        self._rules = RetryPolicy(backoff, deps.retry_budget)
        self._fitted = FittedRequest(request, target, deps, progress)
        self._probe = deps.probe(target.endpoint)
        self._admission = AdmissionWaits(target, deps, progress, sleeper)
        self._adaptations: set[Adaptation] = set()
        self._loading_since: float | None = None
        self._stale_seen = False
        self._may_be_gone = False
        self._is_fitted = False
        self._is_users_try = False
        self._is_failed_trial = False
        self._answer = ContinuedAnswer()

    @property
    def endpoint(self) -> Endpoint:
        """Who is asked, wherever it is now."""
        return self._target.endpoint

    @property
    def request(self) -> CallRequest:
        """What is asked, perhaps shortened."""
        return self._fitted.request

    @property
    def is_as_asked(self) -> bool:
        """Whether this is the first choice, and no words of the prompt were left out."""
        return not self._target.is_fallback and not self._fitted.is_shortened

    async def run(self) -> Answer:
        """Return how the answer ended; its text is with the progress.

        Raises:
            Fault: this endpoint gives no whole answer.
        """
        loop = retrying(
            attempts=self._deps.settings.llm.max_attempts,
            may_retry=self._may_retry,
            wait_seconds=self._rules.wait_seconds,
            before_wait=self._before_wait,
            sleep=self._admission.back_off,
        )
        try:
            answer: Answer = await loop(self._counted_attempt)
        except Fault as fault:
            self._pause_the_others(fault)
            if self._answer.text_so_far:
                # What had come is a cut-off answer, and stays one: going on with it has failed, nothing else.
                self._progress.attempt_failed(fault, will_retry=False)
                return Answer("length", self._answer.usage())
            if fault.kind == "not_found":
                fault.hint = await self._hint_of_models() or fault.hint
            raise
        self._rules.succeeded()
        return answer

    async def _counted_attempt(self) -> Answer:
        again = False
        while True:
            await self._admission.wait_out_pause()
            await self._find_server()
            if self._may_be_gone:
                self._is_users_try = await self._admission.wait_for_server()
            try:
                answer = await self._admitted_attempt(again=again)
            except Fault as fault:
                self._state.was_away = self._state.was_away or fault.rule.server_may_be_gone
                self._may_be_gone = fault.rule.server_may_be_gone and self._shall_wait_for_server()
                again = await self._uncounted_step(fault)
                continue
            if answer.usage is not None and not self._answer.text_so_far:
                self._fitted.learn(answer.usage)
            going_on = bool(self.request.continue_with)
            if not self._answer.take(answer.finish_reason, answer.usage, self._progress.text, may_go_on=going_on):
                return Answer(answer.finish_reason, self._answer.usage())
            self._count("llm.continuations")
            again = True

    def _shall_wait_for_server(self) -> bool:
        """Tell whether a lost server is waited for: one that has answered before, and that nobody can stand in for."""
        is_served_by_others = bool(self._target.others) or self._target.refresh is not None
        return self._state.has_answered and self._waits_for_breaker and not is_served_by_others

    async def _find_server(self) -> None:
        """Ask where the server is now, once an attempt has failed: the embedded one is restarted when it has died."""
        if self._target.refresh is None or not self._progress.attempt:
            return
        try:
            self._target.endpoint = await self._target.refresh()
        except ModelUnavailableError as error:
            raise Fault("unavailable", self.endpoint, detail=error.message) from None

    async def _uncounted_step(self, fault: Fault) -> bool:
        """Change what can be changed without counting a retry; True if the same attempt goes on.

        Raises:
            Fault: nothing can be changed.
        """
        adaptation = fault.error.adaptation
        if adaptation is not None and adaptation not in self._adaptations:
            self._adaptations.add(adaptation)
            model = self._state.model(self.endpoint.model)
            model.shape = model.shape.adapted(adaptation)
            log("INFO", "request adapted", host=self.endpoint.host, adaptation=adaptation)
            return True
        match fault.action:
            case "free":
                return True
            case "wait":
                await self._wait_for_model(fault)
                return True
            case "truncate":
                if self._answer.text_so_far:
                    raise fault  # what makes it too long is the answer itself
                self._fitted.fit_after_refusal(fault)
                return False
            case "retry" if self._is_failed_trial and self._stays and self._waits_for_breaker:
                # A trial of a server that is away costs the call no attempt: the waits between trials have an end.
                self._progress.attempt_failed(fault, will_retry=True)
                return True
            case _:
                raise fault

    @property
    def _waits_for_breaker(self) -> bool:
        return self._deps.settings.circuit_breaker.when_open == "wait"

    @property
    def _stays(self) -> bool:
        """Whether the call must get its answer here: nobody else is left, or a part of the answer has been shown."""
        return not self._target.others or self._progress.has_received

    async def _admitted_attempt(self, *, again: bool) -> Answer:
        breaker = await self._deps.breakers.get_breaker(self.endpoint.breaker_name, on_change=self._breaker_changed)
        if self._is_users_try:
            await breaker.try_now()
        ticket = await self._admission.ticket(breaker, may_wait=self._stays)
        outcome: AttemptOutcome = "neutral"
        is_trial = ticket.probe or self._is_users_try
        self._is_failed_trial = self._is_users_try = False
        try:
            if not self._is_fitted:
                # Only now: a breaker that is open lets no packet through, not even one that asks for a count.
                await self._fitted.fit_before_sending()
                self._is_fitted = True
            reserved = self._fitted.estimate() + (self.request.max_tokens or 0)
            await self._admission.own_rate(reserved)
            await self._admission.wait_out_pause()  # somebody else may have been told to wait meanwhile
            # What fails from now on cannot belong to an incident of the time in which it still waited.
            ticket = ticket._replace(started_at=self._deps.clock.monotonic())
            used: int | None = None  # tokens; None while the server has not told
            try:
                answer = await self._attempt(again=again)
                outcome = "success"
                used = answer.usage and answer.usage.input_tokens + answer.usage.output_tokens
            except Fault as fault:
                self._count_failure(fault)
                outcome = self._rules.judge(fault)
                self._is_failed_trial = is_trial and outcome == "failure" and self._nothing_came
                raise
            finally:
                # Also of a cancelled attempt: what has brought nothing, was not charged by the server either.
                if used is not None or self._nothing_came:
                    self._state.limiter.correct(reserved, used or 0)
        finally:
            await breaker.settle(ticket, outcome)
        return answer

    @property
    def _nothing_came(self) -> bool:
        """Whether the request that was made last has brought no part of an answer."""
        return self._progress.first_token_seconds is None

    def _breaker_changed(self, name: str, old: BreakerState, new: BreakerState, retry_at: float | None) -> None:
        self._probe.breaker_changed(old, new, self._deps.clock.monotonic())
        self._progress.breaker_changed(name, old, new, retry_at)
        metrics.increment("breaker.transitions", tags={"endpoint": name, "to": new})
        metrics.gauge("breaker.state", BREAKER_LEVELS[new], tags={"endpoint": name})

    async def _attempt(self, *, again: bool) -> Answer:
        deps, endpoint = self._deps, self.endpoint
        began_at = deps.clock.monotonic()
        request = self.request
        if self._answer.text_so_far:
            request = continued(request, self._answer.text_so_far, endpoint)
        limits = time_limits(deps.settings, endpoint, self._fitted.estimate(request))
        try:
            async with deps.pool.lease(endpoint) as lease:
                self._announce(again=again)
                try:
                    answer = await run_attempt(
                        lease.client,
                        endpoint,
                        request_body(request, endpoint.model, self._state.model(endpoint.model).shape),
                        correlation_id=request.correlation_id,
                        limits=limits,
                        progress=self._progress,
                        clock=deps.clock,
                    )
                except Fault as fault:
                    if fault.action == "free" and self._stale_seen:
                        lease.succeeded = False
                        raise Fault("disconnected", self.endpoint) from None
                    self._stale_seen = self._stale_seen or fault.action == "free"
                    lease.succeeded = {"success": True, "failure": False, "neutral": None}[fault.outcome]
                    if fault.is_overload:
                        self._state.overloaded(began_at, deps.clock.monotonic())
                    raise
                lease.succeeded = True
        except UsageError as unusable:
            self._announce(again=again)
            raise Fault("connect", self.endpoint, detail=unusable.message, action="fail", hint=unusable.hint) from None
        self._state.has_answered = True
        self._state.gate.succeeded()
        return answer

    def _announce(self, *, again: bool) -> None:
        """Tell of a new attempt; going on after a cut-off answer is none, until that fails."""
        if again and self._answer.text_so_far and self._progress.text == self._answer.text_so_far:
            self._progress.start_request(self._answer.text_so_far)
            return
        self._progress.start_attempt(
            self.endpoint, fallback=self._target.is_fallback, again=again, text_so_far=self._answer.text_so_far
        )

    def _may_retry(self, error: BaseException) -> bool:
        return self._rules.may_retry(error, in_answer=not self._nothing_came)

    def _before_wait(self, error: BaseException, wait_seconds: float) -> None:
        """Pay for a retry and tell of it.

        Raises:
            Fault: retry_budget, when the team has none left.
        """
        if not isinstance(error, Fault):
            return
        if not self._is_left_alone() and not self._rules.pay(error):
            self._progress.attempt_failed(error, will_retry=not self._stays)
            raise Fault("retry_budget", self.endpoint, detail=error.message)
        self._count("llm.retries", kind=error.kind)
        self._progress.attempt_failed(error, will_retry=True, wait_seconds=wait_seconds)
        if error.rule.pauses_server:
            self._pause(wait_seconds)

    def _pause_the_others(self, fault: Fault) -> None:
        """Keep to the wait that a server has asked for, although this call does not wait for it any more."""
        if fault.rule.pauses_server and fault.action == "retry" and fault.error.retry_after_seconds is not None:
            self._pause(fault.error.retry_after_seconds)

    def _pause(self, seconds: float) -> None:
        until = self._deps.clock.monotonic() + seconds
        if until > self._state.paused_until:
            self._state.paused_until = until
            self._progress.rate_limited(until)

    def _is_left_alone(self) -> bool:
        """Tell whether the breaker holds calls back already: the team's retries are for servers that it does not watch."""
        name = self.endpoint.breaker_name
        return any(status.name == name and status.state != "closed" for status in self._deps.breakers.statuses())

    async def _wait_for_model(self, fault: Fault) -> None:
        clock = self._deps.clock
        if self._loading_since is None:
            self._loading_since = clock.monotonic()
            self._state.was_away = True
        if clock.monotonic() - self._loading_since >= MAX_LOADING_SECONDS:
            raise Fault("unavailable", self.endpoint, detail=fault.message) from None
        self._progress.attempt_failed(fault, will_retry=True, wait_seconds=LOADING_POLL_SECONDS)
        await self._admission.back_off(LOADING_POLL_SECONDS)

    async def _hint_of_models(self) -> str:
        models = await offered_models(self._deps.pool, self.endpoint)
        if not models or self.endpoint.model in models:
            return ""
        shown = clean_detail(", ".join(models[:MAX_SHOWN_MODELS]), self.endpoint.api_key)
        return f"set LLM_MODEL to one that it offers: {shown}{', ...' if len(models) > MAX_SHOWN_MODELS else ''}"

    def _count_failure(self, fault: Fault) -> None:
        self._count("llm.errors", kind=fault.kind)
        if fault.rule.is_timeout:
            self._count("llm.timeouts", kind=fault.kind)
        log("WARNING", "attempt failed", attempt=self._progress.attempt, kind=fault.kind, reason=fault.message)

    def _count(self, name: str, **tags: str) -> None:
        metrics.increment(name, tags={"agent": self.request.agent_id, **tags})
