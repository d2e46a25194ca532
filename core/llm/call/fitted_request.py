"""One call's request, kept within the window of one model: what is known of both, and what is learned."""

from __future__ import annotations

from math import inf

from core.llm.call.call_events import CallEvents
from core.llm.call.services import CallServices, RouteEndpoint
from core.llm.faults import Fault, RefusedWindow
from core.llm.http.stream_decoder import ReportedUsage
from core.llm.request import CallRequest
from core.llm.servers.facts import MIN_CONTEXT_TOKENS, count_prompt_tokens
from core.llm.servers.state import ModelState
from core.llm.window.tokens import estimate_prompt_tokens, text_bytes, window_that_cut
from core.llm.window.trim import fit, fit_window

MAX_TRUNCATIONS = 2
MAX_REFUSALS = MAX_TRUNCATIONS + 1  # first of all the answer may be promised less room
WINDOW_SECONDS = 600.0  # a wrong number would shorten all later prompts; asking again costs one refused request


class FittedRequest:
    """The request as it is sent, shortened where it must be; what it learns is kept for all later calls of the model.

    Attributes:
        request: what to send now.
    """

    def __init__(self, request: CallRequest, route: RouteEndpoint, services: CallServices, events: CallEvents) -> None:
        self.request = request
        self._route = route
        self._server = route.state
        self._pool = services.pool
        self._clock = services.clock
        self._events = events
        self._accounting = services.accounting
        self._truncations = 0
        self._refusals = 0

    @property
    def is_shortened(self) -> bool:
        """Whether words were left out."""
        return self._truncations > 0

    def estimate(self, request: CallRequest | None = None) -> int:
        """Return the tokens of a prompt, this one's if none is given: what to expect, once the model's counts are known."""
        messages = (request or self.request).messages
        calibration = self._model.calibration
        return calibration.estimate(messages) if calibration.is_settled else estimate_prompt_tokens(messages)

    async def fit_before_sending(self) -> None:
        """Shorten a prompt that is known to be too long for the model, before the server has to say so.

        Raises:
            Fault: context, if another endpoint of the call has a larger window.
        """
        window, messages = self._window_tokens, self.request.messages
        prepared_for = self._model.calibration.estimate(messages)
        if window is None or fit_window(self.request, window, prepared_for) is self.request:
            return
        counted = await count_prompt_tokens(self._pool, self._route.endpoint, self._server.facts, messages)
        # More than to be expected is only prepared for where a prompt was cut in silence.
        expected = prepared_for if self._model.is_cut_reported else self.estimate()
        smaller = fit_window(self.request, window, counted or expected)
        if smaller is None or smaller is self.request:
            return
        if self._is_larger_elsewhere():
            raise Fault("context", self._route.endpoint)
        self._shorten(smaller)

    def fit_after_refusal(self, fault: Fault) -> None:
        """Shorten a prompt that the server has refused as too long, by what it has said of its window.

        Raises:
            Fault: the refusal itself, if nothing more can be left out, or shall be.
        """
        window = fault.error.window or RefusedWindow()
        if window.limit_tokens is not None and window.limit_tokens >= MIN_CONTEXT_TOKENS:
            self._learn_window(window.limit_tokens, self._clock.monotonic() + WINDOW_SECONDS)
        self._refusals += 1
        if self._refusals > MAX_REFUSALS or self._truncations >= MAX_TRUNCATIONS or self._is_larger_elsewhere():
            raise fault
        smaller = fit(self.request, window)
        if smaller is None:
            raise fault
        self._events.attempt_failed(fault, will_retry=True)
        self._shorten(smaller)

    def learn(self, usage: ReportedUsage) -> None:
        """Learn from what an answer has used; warn once when the server has cut the prompt in silence."""
        model, messages = self._model, self.request.messages
        cut_at = None
        if self._server.facts.tokenizer is None:  # those that have one refuse what is too long
            cut_at = window_that_cut(
                prompt_bytes=sum(text_bytes(message.text) for message in messages),
                prompt_tokens=usage.input_tokens,
                completion_tokens=usage.output_tokens,
                expected_tokens=model.calibration.estimate(messages) if model.calibration.is_settled else None,
            )
        if cut_at is None:
            model.calibration.observe(messages, usage.input_tokens)
            return
        self._learn_window(cut_at, inf)  # the next cut would be noticed only after an answer to half a prompt
        if not model.is_cut_reported:
            model.is_cut_reported = True
            self._events.warned(
                f"{self._route.endpoint.host} silently cut the prompt for {self._route.endpoint.model} to about {cut_at} tokens",
                "give the server a larger context (Ollama: OLLAMA_CONTEXT_LENGTH), or set LLM_CONTEXT_TOKENS",
            )

    def _shorten(self, smaller: CallRequest) -> None:
        before, after = self.estimate(), self.estimate(smaller)
        self.request = smaller
        if before == after:
            return  # only the answer was promised less room
        self._truncations += 1
        self._accounting.truncated(smaller)
        self._events.truncated(before, after)

    def _learn_window(self, tokens: int, until: float) -> None:
        model, known = self._model, self._learned_window
        if known is None or tokens <= known:
            model.window_tokens, model.window_until = tokens, until

    @property
    def _learned_window(self) -> int | None:
        is_current = self._clock.monotonic() < self._model.window_until
        return self._model.window_tokens if is_current else None

    def _is_larger_elsewhere(self) -> bool:
        """Return whether another endpoint of this call takes longer prompts: it is tried before words are left out."""
        window = self._window_tokens or 0
        return any((other.context_tokens or 0) > window for other in self._route.others)

    @property
    def _window_tokens(self) -> int | None:
        """The smallest window that the user, the server or its refusals have named; None if none is known."""
        known = (self._route.endpoint.context_tokens, self._server.facts.context_tokens, self._learned_window)
        return min((tokens for tokens in known if tokens), default=None)

    @property
    def _model(self) -> ModelState:
        return self._server.model(self._route.endpoint.model)
