"""What all calls to one server share: its slots, its rate, and what was learned of it and of its models."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from core.clock import Clock
from core.kinds import BreakerState
from core.llm.endpoint import Endpoint, ServerFacts
from core.llm.http.pool import ClientPool
from core.llm.request import RequestShape
from core.llm.servers.facts import learn_facts
from core.llm.window.tokens import Calibration
from core.resilience.gate import Gate
from core.resilience.rate_limit import RateLimiter

if TYPE_CHECKING:
    from core.settings import Settings

DEFAULT_SLOTS = 5  # one for each specialist
REMOTE_CEILING = 16  # a provider may allow more, a team of five needs no more
PROBE_EVERY_SECONDS = 5.0
OUT_OF_SERVICE_SECONDS = 300.0  # a key or a quota is not mended sooner


@dataclass(slots=True)
class HealthProbe:
    """Whether and when a server behind an open breaker is asked for its health; shared by all calls that wait for it.

    A server that reports to be healthy, and then fails the call that was let through for it, is not asked again before
    its breaker has closed: many health checks know nothing of the model behind them.
    """

    next_at: float = float("-inf")
    is_trusted: bool = True
    has_reported_health: bool = False

    def claim(self, now: float) -> bool:
        """Return whether the caller shall probe now; the next probe is due later."""
        if not self.is_trusted or now < self.next_at:
            return False
        self.next_at = now + PROBE_EVERY_SECONDS
        return True

    def breaker_changed(self, old: BreakerState, new: BreakerState, now: float) -> None:
        if new == "closed":
            self.is_trusted, self.has_reported_health = True, False
        elif new == "open":
            self.next_at = now + PROBE_EVERY_SECONDS
            if old == "half-open" and self.has_reported_health:
                self.is_trusted, self.has_reported_health = False, False


@dataclass(slots=True)
class ModelState:
    """One model of a server: its window, the shape of its requests, how it counts tokens, and whether it is out of service.

    Attributes:
        window_tokens: learned from refusals and from cut prompts; None while nothing was.
        window_until: monotonic time after which that is not relied on any more.
        shape: how it wants its requests.
        out_of_service_until: monotonic time before which a call with a fallback does not try this one.
    """

    window_tokens: int | None = None
    window_until: float = float("inf")
    shape: RequestShape = field(default_factory=RequestShape)
    calibration: Calibration = field(default_factory=Calibration)
    out_of_service_until: float = float("-inf")
    is_cut_reported: bool = False


@dataclass(slots=True)
class ServerState:
    """One server.

    Attributes:
        limiter: keeps to the limits that the user has set; None if there are none.
        paused_until: monotonic time before which it takes no request.
        was_away: it could not be reached, or was loading its model: what it reports about itself may have changed.
        has_answered: it has answered a call: when it cannot be reached later on, it is down, and no wrong address.
        speaks_tls: whether the port of an http address turned out to speak https; None while nobody has looked.
    """

    gate: Gate
    limiter: RateLimiter | None
    facts: ServerFacts
    paused_until: float = float("-inf")
    overloaded_at: float = float("-inf")
    has_answered: bool = False
    speaks_tls: bool | None = None
    was_away: bool = False
    models: dict[str, ModelState] = field(default_factory=dict)

    def model(self, name: str) -> ModelState:
        model = self.models.get(name)
        if model is None:
            model = self.models[name] = ModelState()
        return model

    def overloaded(self, began_at: float, now: float) -> None:
        """Take a slot away, once for all attempts that were under way when the server had too much to do."""
        if began_at >= self.overloaded_at:
            self.overloaded_at = now
            self.gate.overloaded()


class ServerStates:
    """The states of all servers that were called so far."""

    def __init__(self, settings: Settings, pool: ClientPool, clock: Clock) -> None:
        self._settings = settings
        self._pool = pool
        self._clock = clock
        self._states: dict[str, ServerState] = {}
        self._probes: dict[str, HealthProbe] = {}
        self._learning: dict[str, asyncio.Lock] = {}

    async def of(self, endpoint: Endpoint) -> ServerState:
        """Return the state of an endpoint's server; the first call waits until the server has reported its size."""
        # A lock for each server: one that does not answer must not hold up the calls to another.
        async with self._learning.setdefault(endpoint.server_name, asyncio.Lock()):
            state = self._states.get(endpoint.server_name)
            if state is None:
                facts = endpoint.facts if endpoint.facts is not None else await learn_facts(self._pool, endpoint)
                state = self._states[endpoint.server_name] = ServerState(
                    self._gate(endpoint, facts), self._limiter(), facts
                )
        return state

    def probe(self, endpoint: Endpoint) -> HealthProbe:
        """Return the health check that all calls to a model on a server share, as they share its breaker."""
        return self._probes.setdefault(endpoint.breaker_name, HealthProbe())

    def is_out_of_service(self, endpoint: Endpoint) -> bool:
        """Return whether a model has just been found useless; a server that was never called is not contacted for that."""
        state = self._states.get(endpoint.server_name)
        return state is not None and state.model(endpoint.model).out_of_service_until > self._clock.monotonic()

    async def learn_again(self, endpoint: Endpoint) -> None:
        """Ask a server for its size once more: it did not answer while it was away, or has come back as another one."""
        state = self._states[endpoint.server_name]
        state.was_away = False
        facts = await learn_facts(self._pool, endpoint)
        if facts.tokenizer is None:
            return
        state.facts = facts
        if state.facts.slots and not self._settings.llm.max_concurrency and not endpoint.slots:
            state.gate.fix(min(state.facts.slots, self._pool.max_connections))

    def all(self) -> tuple[ServerState, ...]:
        return tuple(self._states.values())

    def _gate(self, endpoint: Endpoint, facts: ServerFacts) -> Gate:
        """Return as many slots as the user or the server names; where neither does, the number follows its answers."""
        wanted = self._settings.llm.max_concurrency or endpoint.slots or facts.slots
        if wanted:
            return Gate(min(wanted, self._pool.max_connections))
        return Gate(DEFAULT_SLOTS, ceiling=DEFAULT_SLOTS if endpoint.is_local else REMOTE_CEILING)

    def _limiter(self) -> RateLimiter | None:
        llm = self._settings.llm
        if not llm.requests_per_minute and not llm.tokens_per_minute:
            return None
        return RateLimiter(
            requests_per_minute=llm.requests_per_minute, tokens_per_minute=llm.tokens_per_minute, clock=self._clock
        )
