"""What a call needs from outside, and what all calls of an engine share."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

from core.clock import Clock
from core.llm.endpoint import Endpoint
from core.llm.http.pool import ClientPool
from core.llm.servers.state import HealthProbe, ServerState
from core.resilience.retry_budget import RetryBudget

if TYPE_CHECKING:
    from core.resilience.breaker import BreakerFactory
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class CallDeps:
    """What every call needs; `probes` go by the breaker's name."""

    settings: Settings
    pool: ClientPool
    breakers: BreakerFactory
    clock: Clock
    random: Random
    retry_budget: RetryBudget = field(default_factory=RetryBudget)
    probes: dict[str, HealthProbe] = field(default_factory=dict)

    def probe(self, endpoint: Endpoint) -> HealthProbe:
        """Return the health check that all calls to a model on a server share."""
        return self.probes.setdefault(endpoint.breaker_name, HealthProbe())


@dataclass(slots=True)
class RouteEntry:
    """One endpoint of a call.

    Attributes:
        endpoint: where requests go now; it is replaced when the server has come back elsewhere.
        is_fallback: it is not the first choice.
        others: the endpoints that are tried after it.
        refresh: tells before every further attempt where the endpoint is now; for a server that may come back elsewhere.
    """

    endpoint: Endpoint
    state: ServerState
    is_fallback: bool = False
    others: tuple[Endpoint, ...] = ()
    refresh: Callable[[], Awaitable[Endpoint]] | None = None
