"""CPU that logs and metrics cost a call: the same calls with both on, and with both off.

    python -m benchmarks.telemetry_overhead [--rounds 7] [--calls 200]

Prints one JSON line. A call asks for three tokens through Caller.call, with pool, gate, breaker and events; the server
runs in another process. `scrape_ms` is one look at all metrics (get_metrics), as the dashboard does twice a second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from random import Random

from benchmarks.loopback import prompt, serving
from benchmarks.stream_cpu import MODEL, ignore, request
from core.clock import SystemClock
from core.llm.call.caller import Caller
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.pool import ClientPool
from core.settings import Settings
from core.telemetry.logs import setup_logging, stop_logging
from core.telemetry.metrics import get_metrics, set_metrics_enabled

TOKENS_OF_A_CALL = 3
GOAL_MS = 1.0


async def cpu_ms(caller: Caller, endpoint: Endpoint, calls: int) -> float:
    """Make calls one after the other; return the CPU in milliseconds a call."""
    text = prompt(TOKENS_OF_A_CALL)
    began = time.process_time()
    for _ in range(calls):
        await caller.call(request(text), endpoint)
    return (time.process_time() - began) * 1000 / calls


async def measure(base_url: str, log_file: Path, *, rounds: int, calls: int) -> dict[str, float]:
    """Measure with telemetry and without, in turn, and return the medians."""
    endpoint = make_endpoint(base_url=base_url, model=MODEL)
    spent: dict[bool, list[float]] = {True: [], False: []}
    async with ClientPool() as pool:
        caller = Caller(settings=Settings(), pool=pool, emit=ignore, clock=SystemClock(), random=Random(7))
        await cpu_ms(caller, endpoint, calls)
        for _ in range(rounds):
            for is_on in (True, False):
                set_metrics_enabled(is_on)
                if is_on:
                    setup_logging(log_file=log_file)
                spent[is_on].append(await cpu_ms(caller, endpoint, calls))
                stop_logging()
        set_metrics_enabled(True)
        get_metrics()  # the first look of a process imports psutil
        await cpu_ms(caller, endpoint, calls)
        began = time.process_time()
        get_metrics()
        scrape_ms = (time.process_time() - began) * 1000
    with_telemetry, without = statistics.median(spent[True]), statistics.median(spent[False])
    return {
        "with_ms": round(with_telemetry, 3),
        "without_ms": round(without, 3),
        "overhead_ms": round(with_telemetry - without, 3),
        "goal_ms": GOAL_MS,
        "scrape_ms": round(scrape_ms, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=200)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as base_url:
        figures = asyncio.run(measure(base_url, Path(folder) / "log.jsonl", rounds=given.rounds, calls=given.calls))
    versions = {name: version(name) for name in ("openai", "loguru")}
    print(
        json.dumps(
            {
                "benchmark": "telemetry_overhead",
                "rounds": given.rounds,
                "calls": given.calls,
                **figures,
                "versions": {"python": platform.python_version(), **versions},
            }
        )
    )


if __name__ == "__main__":
    main()
