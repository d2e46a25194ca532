"""Thousands of calls of five agents against a server that fails in every way we know, fifty times as fast as in life.

Run it with `uv run python -m benchmarks.soak [--calls 20000] [--seed N] [--agents 5]`: it prints the seed and one JSON
line with what happened, and ends with status 1 if one promise of the call path was broken. The same seed treats the
same calls alike again.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import psutil

from core.errors import LLMCallError
from core.events import (
    AttemptFailed,
    AttemptStarted,
    BreakerChanged,
    CallCancelled,
    CallEvent,
    CallFailed,
    CallFinished,
    CallQueued,
    Event,
    event_type_name,
)
from core.llm.call.caller import Caller
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.pool import ClientPool
from core.llm.request import CallRequest, ChatMessage
from core.sessions.journal import CallContract
from core.settings import LLMSettings, Settings
from core.telemetry.logs import setup_logging, stop_logging
from core.telemetry.metrics import total, use_registry
from core.telemetry.metrics.registry import Registry
from tests.support.chaos import Chaos, ScaledClock, answer_to
from tests.support.fault_server import FaultServer

CANCEL_SHARE = 0.05
WOKEN_SHARE = 0.1  # of the waits: somebody presses the key that ends them
FALLBACK_EVERY_CALLS = 4  # one that may go to a second model when the first cannot answer
WARM_UP_CALLS = 200  # what is imported, cached and grown once is there before the first measurement
SLOTS = 4  # one less than the agents, so that somebody always waits for a slot
MOST_CONNECTIONS = 3 * SLOTS  # a call has one; idle and dying ones, and a retired client's, come on top
JOURNAL_LIMIT = 1000  # requests that the server remembers
# Time limits of an attempt are real time: short ones, but no busy machine should reach them by itself.
FIRST_TOKEN_SECONDS = 0.5
STALL_SECONDS = 0.4
TOTAL_SECONDS = 5.0
LATENESS_SECONDS = 0.5  # real time by which anything may be late, besides what the loop itself is seen to be
LAG_SAMPLE_SECONDS = 0.02
CLOSE_SECONDS = 5.0
CANCEL_SECONDS = 0.1  # real time, and the loop's lag besides
OUTAGE_EVERY_CALLS = 400
OUTAGE_REQUESTS = 12  # refused one after the other: the breaker opens, and the first probes fail
LONGEST_WAIT_SECONDS = 600.0  # for a slot, or for an open breaker
MEBIBYTE = 1024 * 1024
RSS_TOLERANCE_BYTES = 48 * MEBIBYTE
RSS_TOLERANCE_BYTES_PER_CALL = 256  # samples of the metrics' window, ids of the ended calls
NEVER = frozenset({"breaker_open", "unavailable", "pool_timeout", "queue_full"})  # nothing here gives reason for these
LEGAL_CHANGES = frozenset({("closed", "open"), ("open", "half-open"), ("half-open", "open"), ("half-open", "closed")})


@dataclass(frozen=True, slots=True)
class Level:
    """What the process holds; a leak shows as a difference between two of these."""

    tasks: int
    descriptors: int
    rss_bytes: int


@dataclass(slots=True)
class Soak:
    """One soak: `run` it, then read `violations` and `report`."""

    calls: int
    seed: int
    agents: int = 5
    speed: float = 50.0
    violations: list[str] = field(default_factory=list)
    report: dict[str, Any] = field(default_factory=dict)  # JSON values
    _clock: ScaledClock = field(init=False)
    _contract: CallContract = field(init=False)
    _last: dict[str, CallEvent] = field(default_factory=dict)
    _counts: Counter[str] = field(default_factory=Counter)
    _chaos: Chaos = field(init=False)
    _outcomes: Counter[str] = field(default_factory=Counter)
    _kinds: Counter[str] = field(default_factory=Counter)
    _breaker_states: dict[str, str] = field(default_factory=dict)
    _breaker_changes: Counter[str] = field(default_factory=Counter)
    _cancels: dict[str, tuple[int, asyncio.Task[None], str]] = field(default_factory=dict)
    _cancelled_at: dict[str, float] = field(default_factory=dict)
    _slowest_cancel_seconds: float = 0.0
    _most_connections: int = 0
    _attempts: int = 0
    _woken: int = 0
    _lag_seconds: float = 0.0
    _caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self._clock = ScaledClock(self.speed)

    async def run(self) -> None:
        """Make all calls, after some others that warm up, and check what was promised."""
        started = time.perf_counter()
        await self._round(WARM_UP_CALLS, "warm-up")
        before = _level()
        self._outcomes.clear()
        await self._round(self.calls, "call")
        after = _level()
        self._check_level(before, after)
        self.report = {
            "benchmark": "soak",
            "seed": self.seed,
            "calls": self.calls,
            "agents": self.agents,
            "outcomes": dict(self._outcomes),
            "attempts": self._attempts,
            "woken": self._woken,
            "failed_kinds": dict(self._kinds.most_common()),
            "faults": dict(self._chaos.counts.most_common()),
            "breaker_changes": dict(self._breaker_changes),
            "slowest_cancel_ms": round(self._slowest_cancel_seconds * 1000),
            "most_connections": self._most_connections,
            "rss_growth_mib": round((after.rss_bytes - before.rss_bytes) / MEBIBYTE, 1),
            "slowest_loop_ms": round(self._lag_seconds * 1000),
            "seconds": round(time.perf_counter() - started, 1),
            "violations": len(self.violations),
        }

    async def _round(self, calls: int, name: str) -> None:
        self._chaos = Chaos(self.seed)
        self._contract = CallContract()
        self._breaker_states.clear()
        self._breaker_changes.clear()
        self._kinds.clear()
        self._attempts = self._woken = 0
        with tempfile.TemporaryDirectory() as folder, use_registry(Registry(self._clock)):
            log_file = Path(folder) / "soak.jsonl"
            setup_logging(level="INFO", log_file=log_file, clock=self._clock)
            try:
                await self._against_server(calls, name)
            finally:
                stop_logging()
            self._check_log(log_file, {f"{name} {number}" for number in range(calls)})
            self._check_totals(calls)

    async def _against_server(self, calls: int, name: str) -> None:
        settings = Settings(
            llm=LLMSettings(
                first_token_timeout=FIRST_TOKEN_SECONDS,
                stall_timeout=STALL_SECONDS,
                total_timeout=TOTAL_SECONDS,
                max_concurrency=SLOTS,
            ),
        )
        async with FaultServer() as server:
            server.answer_by(self._chaos)
            # Clients grow old within seconds here, so that some are retired while streams run on them.
            async with ClientPool(max_age_seconds=200, clock=self._clock) as pool:
                self._caller = Caller(
                    settings=settings, pool=pool, emit=self._receive, clock=self._clock, random=Random(self.seed)
                )
                endpoints = tuple(make_endpoint(server.base_url, name) for name in ("test-model", "second-model"))
                numbers = iter(range(calls))
                watch = asyncio.create_task(self._watch_lag())
                async with asyncio.TaskGroup() as team:
                    for agent in range(self.agents):
                        team.create_task(self._work(f"agent-{agent}", numbers, name, endpoints, server))
                watch.cancel()
                await asyncio.wait([watch])
                if self._most_connections > MOST_CONNECTIONS:
                    self._violated(f"{self._most_connections} connections were open at once")
                if pool.in_flight:
                    self._violated(f"{pool.in_flight} requests are still in flight in the pool")
            async with asyncio.timeout(CLOSE_SECONDS):
                await server.all_closed()

    async def _watch_lag(self) -> None:
        while True:
            started = time.monotonic()
            await asyncio.sleep(LAG_SAMPLE_SECONDS)
            self._lag_seconds = max(self._lag_seconds, time.monotonic() - started - LAG_SAMPLE_SECONDS)

    async def _work(
        self, agent: str, numbers: Iterator[int], name: str, endpoints: tuple[Endpoint, ...], server: FaultServer
    ) -> None:
        for number in numbers:
            key = f"{name} {number}"
            if number % OUTAGE_EVERY_CALLS == OUTAGE_EVERY_CALLS - 1:
                self._chaos.outage = OUTAGE_REQUESTS
            choice = endpoints if number % FALLBACK_EVERY_CALLS == 0 else endpoints[:1]
            call = asyncio.create_task(self._call(agent, key, *choice))
            random = Random(f"{self.seed}/{key}/cancel")
            if random.random() < CANCEL_SHARE:
                self._cancels[key] = (random.randint(1, 8), call, random.choice(("task", "id")))
            await asyncio.wait([call])
            if call.cancelled():
                self._note_cancelled(key)
            else:
                call.result()
            self._cancels.pop(key, None)
            self._chaos.forget(key)
            self._most_connections = max(self._most_connections, server.open_connections)
            if len(server.journal) > JOURNAL_LIMIT:
                server.journal.clear()

    async def _call(self, agent: str, key: str, endpoint: Endpoint, *fallbacks: Endpoint) -> None:
        request = CallRequest(
            messages=(ChatMessage.of_text("system", "You are terse."), ChatMessage.of_text("user", key)),
            run_id="soak",
            correlation_id=key,
            agent_id=agent,
            task_id=key,
        )
        streamed: list[str] = []
        try:
            reply = await self._caller.call(request, endpoint, fallbacks=fallbacks, stream_callback=streamed.append)
        except LLMCallError as error:
            if error.kind == "cancelled":
                self._note_cancelled(key)
            elif error.kind.startswith("bug:") or error.kind in NEVER:
                self._violated(f"{key}: {error}")
            if not self._chaos.meant.get(key, "").startswith(error.partial):
                self._violated(f"{key}: the partial text {error.partial!r} is none of the answer's beginnings")
            return
        if reply.text != self._chaos.meant[key]:
            self._violated(f"{key}: got {reply.text!r}, the server meant {self._chaos.meant[key]!r}")
        if not reply.text.startswith(answer_to(key, self.seed)) or not reply.complete:
            self._violated(f"{key}: {reply.text!r} is not the right answer")
        if not "".join(streamed).endswith(reply.text):
            self._violated(f"{key}: the stream callback heard something else than the answer")

    def _note_cancelled(self, key: str) -> None:
        asked_at = self._cancelled_at.pop(key, None)
        if asked_at is None:
            self._violated(f"{key}: was cancelled, and nobody had asked for it")
            return
        took = time.monotonic() - asked_at
        self._slowest_cancel_seconds = max(self._slowest_cancel_seconds, took)
        if took > CANCEL_SECONDS + self._lag_seconds:
            self._violated(f"{key}: the cancel took {took:.1f} s")

    def _receive(self, event: Event) -> None:
        if isinstance(event, BreakerChanged):
            self._breaker_changed(event)
        self._contract.see(event)
        if isinstance(event, CallEvent):
            self._seen(event)
            if isinstance(event, CallFinished | CallFailed | CallCancelled):
                self._ended(event)

    def _breaker_changed(self, event: BreakerChanged) -> None:
        before = self._breaker_states.get(event.name, "closed")
        if event.old != before or (event.old, event.new) not in LEGAL_CHANGES:
            self._violated(f"the breaker went from {event.old} to {event.new} and was {before}")
        self._breaker_states[event.name] = event.new
        self._breaker_changes[f"{event.old} -> {event.new}"] += 1

    def _seen(self, event: CallEvent) -> None:
        last = self._last.get(event.call_id)
        if last is not None:
            self._check_span(last, event)
        self._last[event.call_id] = event
        self._counts[event.call_id] += 1
        self._attempts += isinstance(event, AttemptStarted)
        if (
            isinstance(event, AttemptFailed)
            and Random(f"{self.seed}/{event.task_id}/{event.attempt}/wake").random() < WOKEN_SHARE
        ):
            asyncio.get_running_loop().call_soon(self._wake, event.agent_id)
        after, task, way = self._cancels.get(event.task_id, (0, None, ""))
        if (
            task is not None
            and self._counts[event.call_id] == after
            and not isinstance(event, CallFinished | CallFailed)
        ):
            self._cancelled_at[event.task_id] = time.monotonic()
            if way == "task":
                asyncio.get_running_loop().call_soon(task.cancel)
            else:
                asyncio.get_running_loop().call_soon(self._caller.cancel, event.call_id)

    def _wake(self, agent_id: str) -> None:
        self._woken += self._caller.wake(agent_id)

    def _check_span(self, before: CallEvent, event: CallEvent) -> None:
        """Every pause of a call has a reason that was told, and a length that was told or is limited."""
        match before:
            case AttemptFailed():
                allowed = before.wait_seconds
            case CallQueued():
                allowed = LONGEST_WAIT_SECONDS if before.until is None else max(0.0, before.until - before.at)
            case _:
                allowed = TOTAL_SECONDS * self.speed
        took = event.at - before.at
        if took > allowed + (LATENESS_SECONDS + self._lag_seconds) * self.speed:
            self._violated(
                f"{event.task_id}: {took:.0f} s between {event_type_name(type(before))} and "
                f"{event_type_name(type(event))}, where {allowed:.0f} s were to be expected"
            )

    def _ended(self, event: CallFinished | CallFailed | CallCancelled) -> None:
        del self._last[event.call_id], self._counts[event.call_id]
        self._outcomes[event_type_name(type(event))] += 1
        if isinstance(event, CallFailed):
            self._kinds[event.kind] += 1
        if not isinstance(event, CallCancelled):
            self._cancelled_at.pop(event.task_id, None)  # it was over before the cancel came

    def _check_totals(self, calls: int) -> None:
        self._contract.expect_ends()
        self.violations += self._contract.violations
        if len(self._contract.ended) != calls:
            self._violated(f"{calls} calls were made and {len(self._contract.ended)} ended")
        for outcome, ending in (("ok", CallFinished), ("error", CallFailed), ("cancelled", CallCancelled)):
            counted = round(total("llm.requests", outcome=outcome))
            seen = self._outcomes[event_type_name(ending)]
            if counted != seen:
                self._violated(f"the metrics count {counted} calls as {outcome}, and {seen} ended so")

    def _check_log(self, log_file: Path, keys: set[str]) -> None:
        ends: Counter[str] = Counter()
        for path in log_file.parent.glob(f"{log_file.name}*"):
            with path.open(encoding="utf-8") as lines:
                for line in lines:
                    entry = json.loads(line)
                    if entry["logger"].startswith("core.llm") and entry["correlation_id"] not in keys:
                        self._violated(f"a log line carries no correlation id: {line}")
                    ends[entry["correlation_id"]] += entry["message"] == "call ended"
        if {key for key, count in ends.items() if count == 1} != keys:
            self._violated("not every call has exactly one log line of its end")

    def _check_level(self, before: Level, after: Level) -> None:
        if after.tasks > before.tasks:
            self._violated(f"{after.tasks - before.tasks} tasks are left over")
        if after.descriptors > before.descriptors:
            self._violated(f"{after.descriptors - before.descriptors} file descriptors are left over")
        tolerance = RSS_TOLERANCE_BYTES + self.calls * RSS_TOLERANCE_BYTES_PER_CALL
        if after.rss_bytes - before.rss_bytes > tolerance:
            self._violated(f"the process grew from {before.rss_bytes:,} to {after.rss_bytes:,} bytes")

    def _violated(self, what: str) -> None:
        self.violations.append(what)


def _level() -> Level:
    gc.collect()
    process = psutil.Process()
    descriptors = process.num_fds() if os.name == "posix" else 0  # Windows has none to count
    return Level(len(asyncio.all_tasks()), descriptors, process.memory_info().rss)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=Random().randrange(1_000_000))
    parser.add_argument("--agents", type=int, default=5)
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    soak = Soak(options.calls, options.seed, options.agents)
    asyncio.run(soak.run())
    print(json.dumps(soak.report))
    if soak.violations:
        for violation in soak.violations[:20]:
            print(violation, file=sys.stderr)
        raise SystemExit(1)


if __name__ == "__main__":
    main()
