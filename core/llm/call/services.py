"""What all calls of an engine share, and one endpoint of a call's route: plain data that the parts of a call hand on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

from core.clock import Clock
from core.events import EventSink
from core.llm.call.accounting import CallAccounting
from core.llm.call.cache import ResponseCache
from core.llm.endpoint import Endpoint
from core.llm.http.pool import ClientPool
from core.llm.servers.state import ServerState, ServerStates
from core.resilience.retry import RetryBudget

if TYPE_CHECKING:
    from core.resilience.breaker import BreakerFactory
    from core.settings import Settings


@dataclass(frozen=True, slots=True)
class CallServices:
    """What every call of an engine uses.

    Attributes:
        cache: answers given before; None asks the model every time.
    """

    settings: Settings
    pool: ClientPool
    servers: ServerStates
    breakers: BreakerFactory
    retry_budget: RetryBudget
    accounting: CallAccounting
    cache: ResponseCache | None
    emit: EventSink
    clock: Clock
    random: Random


@dataclass(slots=True)
class RouteEndpoint:
    """One endpoint of a call's route.

    Attributes:
        endpoint: where requests go now; it is replaced when the server has come back elsewhere.
        is_fallback: it is not the first choice.
        others: the endpoints that are tried after it.
        refresh: gives the endpoint anew before every further attempt; for a server that may come back elsewhere.
    """

    endpoint: Endpoint
    state: ServerState
    is_fallback: bool = False
    others: tuple[Endpoint, ...] = ()
    refresh: Callable[[], Awaitable[Endpoint]] | None = None
