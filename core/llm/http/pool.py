"""The SDK's clients, kept open and shared: one for each address and key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from core.clock import Clock, SystemClock
from core.errors import UsageError
from core.llm.endpoint import Endpoint, configured_endpoint
from core.llm.http.client import load_sdk, make_client
from core.telemetry import metrics
from core.telemetry.metrics.registry import MetricsRecorder

if TYPE_CHECKING:
    from ssl import SSLContext

    from openai import AsyncOpenAI

    from core.llm.http.counting_client import RequestEnd

MAX_CONNECTIONS = 100
UNHEALTHY_AFTER_FAILURES = 3  # in a row; what a client holds may be at fault: a dead connection, an old address


@dataclass(slots=True)
class _Counts:
    requests: int = 0
    successes: int = 0
    failures: int = 0

    def add(self, other: _Counts) -> None:
        self.requests += other.requests
        self.successes += other.successes
        self.failures += other.failures


@dataclass(slots=True)
class _PooledClient:
    """One client; `is_doubted`: it took the place of an unhealthy one and has not succeeded yet."""

    client: AsyncOpenAI
    name: str
    created_at: float
    is_doubted: bool = False
    in_flight: int = 0
    counts: _Counts = field(default_factory=_Counts)
    failures_in_a_row: int = 0
    busy_seconds: float = 0.0

    @property
    def is_worn_out(self) -> bool:
        return self.failures_in_a_row >= UNHEALTHY_AFTER_FAILURES

    @property
    def is_healthy(self) -> bool:
        return not self.is_worn_out and not self.is_doubted

    def figures(self, now: float) -> dict[str, Any]:  # JSON values
        return {
            "requests": self.counts.requests,
            "successes": self.counts.successes,
            "failures": self.counts.failures,
            "in_flight": self.in_flight,
            "age_seconds": now - self.created_at,
            "latency": self.busy_seconds / self.counts.successes if self.counts.successes else None,
            "healthy": self.is_healthy,
        }

    def settle(self, *, succeeded: bool, seconds: float) -> None:
        if succeeded:
            self.counts.successes += 1
            self.busy_seconds += seconds
            self.failures_in_a_row = 0
            self.is_doubted = False
        else:
            self.counts.failures += 1
            self.failures_in_a_row += 1


@dataclass(slots=True)
class Lease:
    """A client on loan for one request; set `succeeded` to what came of it, None counts nothing."""

    client: AsyncOpenAI
    succeeded: bool | None = None


@dataclass(slots=True, eq=False)
class ClientPool:
    """Clients by address and key; `async with` closes them all at its end.

    Attributes:
        max_age_seconds: age after which a client takes no new request, as one that keeps failing does; streams that run
            on it are not cut.
        resolve: gives the endpoint that get_llm_client() returns a client for; None without an engine.
        recorder: the engine's metrics; None without an engine.
    """

    max_age_seconds: float = 3600.0
    clock: Clock = field(default_factory=SystemClock)
    resolve: Callable[[], Awaitable[Endpoint]] | None = None
    max_connections: int = MAX_CONNECTIONS
    recorder: MetricsRecorder | None = None
    _clients: dict[tuple[str, str], _PooledClient] = field(default_factory=dict, repr=False)
    _retired: list[_PooledClient] = field(default_factory=list, repr=False)
    _closed: _Counts = field(default_factory=_Counts, repr=False)
    _closing: set[asyncio.Task[None]] = field(default_factory=set, repr=False)
    _building: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)

    async def __aenter__(self) -> Self:
        _running.append(self)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self in _running:
            _running.remove(self)
        await self.close()
        _ended.add(self._closed)
        self._closed = _Counts()

    @property
    def in_flight(self) -> int:
        return sum(pooled.in_flight for pooled in self._all())

    @asynccontextmanager
    async def lease(self, endpoint: Endpoint) -> AsyncIterator[Lease]:
        """Lend the client of an endpoint for one request.

        Raises:
            UsageError: the address, or the proxy that the environment names, cannot be used.
        """
        pooled = await self._client_of(endpoint)
        end = self._begin_request(pooled)
        lease = Lease(pooled.client)
        try:
            yield lease
        finally:
            end(lease.succeeded)

    async def client(self, endpoint: Endpoint) -> AsyncOpenAI:
        """Return the client of an endpoint; requests that are made with it are counted, but for questions of our own.

        Raises:
            UsageError: the address, or the proxy that the environment names, cannot be used.
        """
        return (await self._client_of(endpoint)).client

    def stats(self) -> dict[str, Any]:  # JSON values
        """Return the figures of the pool; clients are named by their address, keys appear nowhere."""
        return _stats([self], _Counts())

    async def close(self) -> None:
        """Close all clients; streams that still run on them break."""
        everyone = self._all()
        self._clients.clear()
        self._retired.clear()
        for pooled in everyone:
            self._closed.add(pooled.counts)
            self._close(pooled)
        while self._closing:
            await asyncio.wait(self._closing)

    def _begin_request(self, pooled: _PooledClient) -> RequestEnd:
        """Count a request as under way; what is returned takes whether it succeeded, None counts neither."""
        pooled.in_flight += 1
        pooled.counts.requests += 1
        self._measure()
        started = self.clock.monotonic()

        def end(succeeded: bool | None) -> None:
            pooled.in_flight -= 1
            if succeeded is not None:
                pooled.settle(succeeded=succeeded, seconds=self.clock.monotonic() - started)
            self._close_idle_retired()
            self._measure()

        return end

    def _measure(self) -> None:
        """Record the levels for the engine whose pool this is, whoever makes the request."""
        with metrics.record_for_engine(self.recorder) if self.recorder is not None else nullcontext():
            metrics.gauge("pool.size", len(self._clients))
            metrics.gauge("pool.healthy", sum(pooled.is_healthy for pooled in self._clients.values()))
            metrics.gauge("pool.in_flight", self.in_flight)
            beyond = (pooled.in_flight - self.max_connections for pooled in self._all())
            metrics.gauge("pool.waiting", sum(max(0, surplus) for surplus in beyond))

    def _all(self) -> list[_PooledClient]:
        return [*self._clients.values(), *self._retired]

    async def _client_of(self, endpoint: Endpoint) -> _PooledClient:
        key = (endpoint.base_url, endpoint.api_key or "")
        async with self._building:
            pooled = self._clients.get(key)
            is_doubted = False
            if pooled is not None and self._is_spent(pooled):
                is_doubted = not pooled.is_healthy
                del self._clients[key]
                self._retired.append(pooled)
                self._close_idle_retired()
                pooled = None
            if pooled is None:
                # Importing the SDK takes half a second: a thread keeps the screen alive meanwhile.
                ssl_context = await asyncio.to_thread(load_sdk, endpoint.base_url)
                pooled = self._clients[key] = self._new_client(endpoint, ssl_context, is_doubted=is_doubted)
            return pooled

    def _new_client(self, endpoint: Endpoint, ssl_context: SSLContext, *, is_doubted: bool) -> _PooledClient:
        def begin_request() -> RequestEnd:
            return self._begin_request(pooled)

        client = make_client(endpoint, ssl_context, self.max_connections, begin_request)
        pooled = _PooledClient(client, endpoint.shown_url, self.clock.monotonic(), is_doubted)
        return pooled

    def _is_spent(self, pooled: _PooledClient) -> bool:
        return pooled.is_worn_out or self.clock.monotonic() - pooled.created_at >= self.max_age_seconds

    def _close_idle_retired(self) -> None:
        for pooled in [pooled for pooled in self._retired if pooled.in_flight == 0]:
            self._retired.remove(pooled)
            self._closed.add(pooled.counts)
            self._close(pooled)

    def _close(self, pooled: _PooledClient) -> None:
        """Close a client in a task of its own: a cancel of the task that retires it would leave connections open."""
        closing = asyncio.create_task(pooled.client.close(), name="close a client")
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


_running: list[ClientPool] = []
_ended = _Counts()  # of the pools that were closed


async def get_llm_client() -> AsyncOpenAI:
    """Return the pooled client of the configured endpoint: the running engine's, else the one of load_config().

    It is shared: do not close it. It is closed when its engine, or else the event loop, ends.

    Raises:
        ConfigValidationError: the configuration is not usable.
        UsageError: no server is configured and no engine runs that could start the embedded model.
        ModelUnavailableError: the running engine has no model to talk to.
    """
    if _running:
        pool = _running[-1]
        if pool.resolve is not None:
            return await pool.client(await pool.resolve())
    from core.settings import load_config

    settings = await asyncio.to_thread(load_config)
    endpoint = configured_endpoint(settings)
    if endpoint is None:
        raise UsageError(
            "no server is configured and no engine is running",
            hint="set LLM_BASE_URL or LLM_API_KEY, or start an Engine",
        )
    if not _running:
        pool = ClientPool(max_age_seconds=settings.llm.pool_max_age)
        keeper = _keep_until_loop_ends(pool)
        await anext(keeper)
        _keepers[id(pool)] = keeper
    return await _running[-1].client(endpoint)


def get_pool_stats() -> dict[str, Any]:  # JSON values
    """Return active_clients, total_requests, success_rate and clients{address: requests, successes, failures, ...}.

    They are those of all engines of the process, and of get_llm_client(); the totals keep what closed clients have sent.
    """
    return _stats(_running, _ended)


def _stats(pools: Sequence[ClientPool], ended: _Counts) -> dict[str, Any]:  # JSON values
    total = _Counts()
    total.add(ended)
    clients: dict[str, Any] = {}
    for pool in pools:
        total.add(pool._closed)
        now = pool.clock.monotonic()
        for pooled in pool._all():
            total.add(pooled.counts)
            name = pooled.name
            while name in clients:
                name += "'"  # the same address with another key or in another engine, or its retired predecessor
            clients[name] = pooled.figures(now)
    judged = total.successes + total.failures
    return {
        "active_clients": sum(len(pool._clients) for pool in pools),
        "total_requests": total.requests,
        "success_rate": total.successes / judged if judged else None,
        "clients": clients,
    }


_keepers: dict[int, AsyncGenerator[None, None]] = {}


async def _keep_until_loop_ends(pool: ClientPool) -> AsyncGenerator[None, None]:
    # asyncio.run closes async generators last: the one hook a library has into the end of a loop it does not own.
    async with pool:
        try:
            yield
        finally:
            _keepers.pop(id(pool), None)
