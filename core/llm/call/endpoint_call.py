"""One call at one endpoint: the retry loop, and in it the waits, the breaker's permit, one request, and what comes next.

`run` is tenacity's loop over retries. What is attempted again without counting as a retry stays within one round of it.
Which of the two it is, and whether anything is attempted again at all, is decided in retry_decision.py.
"""

from __future__ import annotations

from typing import assert_never

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt

from core.clock import InterruptibleSleep
from core.errors import ModelUnavailableError, UsageError
from core.kinds import AttemptOutcome, BreakerState
from core.llm.call.admission import AdmissionWaits
from core.llm.call.attempt import Completion, run_attempt, time_limits
from core.llm.call.call_events import CallEvents
from core.llm.call.continuation import ContinuedAnswer, continued
from core.llm.call.fitted_request import FittedRequest
from core.llm.call.retry_decision import FailedAttempt, NextAttempt, RetryDecision
from core.llm.call.services import CallServices, RouteEndpoint
from core.llm.endpoint import Endpoint
from core.llm.errors.connection_fault import wrong_scheme
from core.llm.faults import Fault, clean_detail
from core.llm.http.plain_or_tls import only_speaks_tls
from core.llm.http.stream_decoder import ReportedUsage
from core.llm.request import CallRequest, request_body
from core.llm.servers.facts import offered_models
from core.resilience.retry import WaitBackoff
from core.telemetry.logs import log

MAX_SHOWN_MODELS = 8


class EndpointCall:
    """One call at one endpoint; `run` once."""

    def __init__(
        self,
        request: CallRequest,
        route: RouteEndpoint,
        services: CallServices,
        events: CallEvents,
        sleeper: InterruptibleSleep,
    ) -> None:
        self._route = route
        self._server = route.state
        self._services = services
        self._settings = services.settings
        self._events = events
        self._probe = services.servers.probe(route.endpoint)
        self._waits = AdmissionWaits(route, services, events, sleeper)
        self._fitted = FittedRequest(request, route, services, events)
        self._decision = RetryDecision(services.retry_budget)
        self._continued: ContinuedAnswer | None = None
        self._next = NextAttempt("first")

    @property
    def endpoint(self) -> Endpoint:
        """The endpoint, wherever it is now."""
        return self._route.endpoint

    @property
    def request(self) -> CallRequest:
        """The request as it is sent, perhaps shortened."""
        return self._fitted.request

    @property
    def is_as_asked(self) -> bool:
        """Whether this is the first choice, and no words of the prompt were left out."""
        return not self._route.is_fallback and not self._fitted.is_shortened

    async def run(self) -> Completion:
        """Return how the answer ended; its text is with the events.

        Raises:
            Fault: this endpoint gives no whole answer.
        """
        llm = self._settings.llm
        try:
            async for retry in AsyncRetrying(
                stop=stop_after_attempt(llm.max_attempts),
                wait=WaitBackoff(
                    llm.retry_initial_delay, llm.retry_max_delay, self._services.random, _retry_after_seconds
                ),
                retry=retry_if_exception(self._is_to_be_retried),
                before_sleep=self._before_back_off,
                sleep=self._waits.back_off,
                reraise=True,
            ):
                with retry:
                    completion = await self._answered_attempt()
        except Fault as fault:
            return await self._ended_by(fault)
        self._decision.succeeded()
        return completion

    async def _answered_attempt(self) -> Completion:
        """Make attempts until one has brought the whole answer, or has failed so that only a retry can help."""
        while True:
            try:
                completion = await self._attempt()
            except Fault as fault:
                self._server.was_away = self._server.was_away or fault.rule.server_may_be_gone
                await self._prepare_next(fault)
                continue
            if completion.usage is not None and not self._text_so_far:
                self._fitted.learn(completion.usage)
            may_go_on = completion.finish_reason == "length" and bool(self.request.continue_with)
            if self._continued is None:
                if not may_go_on:
                    return completion
                self._continued = ContinuedAnswer()
            if not self._continued.take(completion.usage, self._events.text, may_go_on=may_go_on):
                return Completion(completion.finish_reason, self._continued.usage())
            self._services.accounting.continued(self.request)
            self._next = NextAttempt("continuation")

    async def _attempt(self) -> Completion:
        """Wait until an attempt may be made, make it, and decide what is next if it fails."""
        this, self._next = self._next, NextAttempt("none")  # a fault that nothing is decided for ends the call here
        await self._waits.wait_out_pause()
        if this.reason != "first":
            await self._find_server()
        is_users_try = this.waits_for_server and await self._waits.wait_for_server()
        breaker = await self._services.breakers.get_breaker(self.endpoint.breaker_name, on_change=self._breaker_changed)
        if is_users_try:
            await breaker.try_now()
        permit = await self._waits.permit(breaker, may_wait=self._must_answer)
        outcome: AttemptOutcome = "neutral"
        try:
            if this.reason == "first":
                # Only now: a breaker that is open lets no packet through, not even one that asks for a count.
                await self._fitted.fit_before_sending()
            reserved_tokens = self._fitted.estimate() + (self.request.max_tokens or 0)
            await self._waits.own_rate(reserved_tokens)
            await self._waits.wait_out_pause()  # another call may have met a rate limit meanwhile
            # What fails from now on cannot belong to an incident of the time in which it still waited.
            permit = permit._replace(started_at=self._services.clock.monotonic())
            usage: ReportedUsage | None = None
            try:
                completion = await self._request(this)
                outcome, usage = "success", completion.usage
            except Fault as fault:
                self._services.accounting.attempt_failed(self.request, fault, self._events.attempt)
                failed = self._failed_attempt(fault, was_trial=permit.probe or is_users_try)
                outcome, self._next = self._decision.decide(failed)
                raise
            finally:
                self._correct_rate(reserved_tokens, usage)  # also of a cancelled attempt
        finally:
            await breaker.settle(permit, outcome)
        return completion

    async def _request(self, this: NextAttempt) -> Completion:
        """Send one request on a client of the pool, and tell pool, gate and server how it ended."""
        services, endpoint, request = self._services, self.endpoint, self.request
        began_at = services.clock.monotonic()
        if self._text_so_far:
            request = continued(request, self._text_so_far, endpoint)
        limits = time_limits(self._settings, endpoint, self._fitted.estimate(request))
        try:
            async with services.pool.lease(endpoint) as lease:
                self._announce(this)
                try:
                    completion = await run_attempt(
                        lease.client,
                        endpoint,
                        request_body(request, endpoint.model, self._server.model(endpoint.model).shape),
                        correlation_id=request.correlation_id,
                        limits=limits,
                        events=self._events,
                        clock=services.clock,
                    )
                except Fault as seen:
                    fault = await self._explained(self._decision.counted_fault(seen, endpoint))
                    lease.succeeded = {"success": True, "failure": False, "neutral": None}[fault.outcome]
                    if fault.is_overload:
                        self._server.overloaded(began_at, services.clock.monotonic())
                    raise fault from None
                finally:
                    self._events.request_over()
                lease.succeeded = True
        except UsageError as unusable:
            self._announce(this)
            raise Fault("connect", endpoint, detail=unusable.message, action="fail", hint=unusable.hint) from None
        self._server.has_answered = True
        self._server.gate.succeeded()
        return completion

    async def _explained(self, fault: Fault) -> Fault:
        """Return what a fault is really about: a server that wants https just hangs up on a request in the clear."""
        server, endpoint = self._server, self.endpoint
        if fault.kind != "disconnected" or server.has_answered:
            return fault
        if server.speaks_tls is None:
            server.speaks_tls = await only_speaks_tls(endpoint)
        return wrong_scheme(endpoint) if server.speaks_tls else fault

    def _correct_rate(self, reserved_tokens: int, usage: ReportedUsage | None) -> None:
        """Replace the tokens that were reserved for a request by those it has used, where that is known."""
        limiter = self._server.limiter
        if limiter is not None and usage is not None:
            limiter.correct(reserved_tokens, usage.input_tokens + usage.output_tokens)
        elif limiter is not None and not self._has_received:
            limiter.correct(reserved_tokens, 0)  # what has brought nothing, was not charged by the server either

    def _announce(self, this: NextAttempt) -> None:
        """Emit that an attempt starts; going on after a cut-off answer is none, until that fails."""
        text_so_far = self._text_so_far
        if this.keeps_number and text_so_far and self._events.text == text_so_far:
            self._events.start_request(text_so_far)
            return
        self._events.start_attempt(
            self.endpoint, fallback=self._route.is_fallback, again=this.keeps_number, text_so_far=text_so_far
        )

    def _failed_attempt(self, fault: Fault, *, was_trial: bool) -> FailedAttempt:
        may_wait = self._settings.circuit_breaker.when_open == "wait"
        has_substitute = bool(self._route.others) or self._route.refresh is not None
        return FailedAttempt(
            fault=fault,
            was_trial=was_trial,
            was_continuation=bool(self._text_so_far),
            had_received=self._has_received,
            may_wait_for_breaker=may_wait and self._must_answer,
            # A server that has never answered may be a wrong address.
            may_wait_for_server=may_wait and self._server.has_answered and not has_substitute,
        )

    @property
    def _text_so_far(self) -> str:
        """The answer that was cut off and is being continued; "" if there is none."""
        return self._continued.text_so_far if self._continued is not None else ""

    @property
    def _has_received(self) -> bool:
        """Whether the request that was made last has brought a part of an answer."""
        return self._events.first_token_seconds is not None

    @property
    def _must_answer(self) -> bool:
        """Whether the call must get its answer here: no fallback is left, or a part of the answer has been shown."""
        return not self._route.others or self._events.has_received

    async def _prepare_next(self, fault: Fault) -> None:
        """Do what the next attempt needs before it is made.

        Raises:
            Fault: the next attempt is a retry, which the loop around makes, or there is none.
        """
        match self._next.reason:
            case "retry" | "none" | "first" | "continuation":  # the last two follow no fault
                raise fault
            case "reconnect":
                pass
            case "adapted":
                self._adapt_requests(fault)
            case "shortened":
                self._fitted.fit_after_refusal(fault)
            case "loading":
                await self._waits.wait_for_loading(fault)
            case "trial":
                self._events.attempt_failed(fault, will_retry=True)
            case _:
                assert_never(self._next.reason)

    def _adapt_requests(self, fault: Fault) -> None:
        """Send requests to this model in another shape from now on."""
        if (adaptation := fault.error.adaptation) is not None:
            model = self._server.model(self.endpoint.model)
            model.shape = model.shape.adapted(adaptation)
            log("INFO", "request adapted", host=self.endpoint.host, adaptation=adaptation)

    async def _find_server(self) -> None:
        """Look where the server is now: the embedded one is restarted when it has died."""
        if self._route.refresh is None:
            return
        try:
            self._route.endpoint = await self._route.refresh()
        except ModelUnavailableError as error:
            raise Fault("unavailable", self.endpoint, detail=error.message) from None

    def _is_to_be_retried(self, error: BaseException) -> bool:
        return isinstance(error, Fault) and self._next.reason == "retry"

    def _before_back_off(self, state: RetryCallState) -> None:
        """Pay for a retry, count it and emit it.

        Raises:
            Fault: retry_budget, when the team has none left.
        """
        fault = state.outcome.exception() if state.outcome is not None else None
        if not isinstance(fault, Fault):
            return
        if not self._is_held_back_by_breaker() and not self._decision.pay(fault):
            self._events.attempt_failed(fault, will_retry=not self._must_answer)
            raise Fault("retry_budget", self.endpoint, detail=fault.message)
        self._services.accounting.retried(self.request, fault)
        self._events.attempt_failed(fault, will_retry=True, wait_seconds=state.upcoming_sleep)
        if fault.rule.pauses_server:
            self._pause_server(state.upcoming_sleep)

    def _is_held_back_by_breaker(self) -> bool:
        """Whether the breaker limits attempts already: the team's retry budget is for servers that it does not watch."""
        name = self.endpoint.breaker_name
        return any(status.name == name and status.state != "closed" for status in self._services.breakers.statuses())

    def _pause_server(self, seconds: float) -> None:
        until = self._services.clock.monotonic() + seconds
        if until > self._server.paused_until:
            self._server.paused_until = until
            self._events.rate_limited(until)

    async def _ended_by(self, fault: Fault) -> Completion:
        """Return the cut-off answer that was not continued, if there is one.

        Raises:
            Fault: there is none.
        """
        retry_after_seconds = fault.error.retry_after_seconds
        if fault.rule.pauses_server and fault.action == "retry" and retry_after_seconds is not None:
            self._pause_server(retry_after_seconds)  # for the other calls: this one waits no longer
        if self._continued is not None and self._continued.text_so_far:
            self._events.attempt_failed(fault, will_retry=False)
            return Completion("length", self._continued.usage())
        if fault.kind == "not_found":
            fault.hint = await self._hint_of_models() or fault.hint
        raise fault

    async def _hint_of_models(self) -> str:
        models = await offered_models(self._services.pool, self.endpoint)
        if not models or self.endpoint.model in models:
            return ""
        shown = clean_detail(", ".join(models[:MAX_SHOWN_MODELS]), self.endpoint.api_key)
        return f"set LLM_MODEL to one that it offers: {shown}{', ...' if len(models) > MAX_SHOWN_MODELS else ''}"

    def _breaker_changed(self, name: str, old: BreakerState, new: BreakerState, retry_at: float | None) -> None:
        self._probe.breaker_changed(old, new, self._services.clock.monotonic())
        self._events.breaker_changed(name, old, new, retry_at)


def _retry_after_seconds(error: BaseException) -> float | None:
    return error.error.retry_after_seconds if isinstance(error, Fault) else None
