"""First byte of a call on the pool's client, next to a client of the SDK that is made for the call.

    python -m benchmarks.connections [--calls 30]

Prints one JSON line: milliseconds from asking for the client to the first byte of the answer, on loopback. `cold` is
the first call of a pool, which makes its client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.loopback import prompt, serving
from benchmarks.stream_cpu import MODEL, request
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.client import NO_KEY
from core.llm.http.pool import ClientPool
from core.llm.request import RequestShape, request_body

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TOKENS = 3


async def first_byte(client: AsyncOpenAI) -> float:
    """Make one call, read its answer to the end, and return the time of its first byte."""
    body = request_body(request(prompt(TOKENS)), MODEL, RequestShape())
    at: float | None = None
    async with client.chat.completions.with_streaming_response.create(**body) as response:
        async for _ in response.iter_bytes():
            at = at or time.perf_counter()
    if at is None:
        raise RuntimeError("the answer was empty")
    return at


async def pooled_ms(pool: ClientPool, endpoint: Endpoint) -> float:
    """Return the time to the first byte on the pool's client."""
    began = time.perf_counter()
    async with pool.lease(endpoint) as lease:
        return (await first_byte(lease.client) - began) * 1000


async def new_ms(endpoint: Endpoint) -> float:
    """Return the time to the first byte on a client of its own."""
    from openai import AsyncOpenAI

    began = time.perf_counter()
    async with AsyncOpenAI(base_url=endpoint.base_url, api_key=NO_KEY, max_retries=0) as client:
        return (await first_byte(client) - began) * 1000


async def measure(base_url: str, calls: int) -> dict[str, object]:
    """Measure both ways in turn."""
    endpoint = make_endpoint(base_url=base_url, model=MODEL)
    await new_ms(endpoint)  # imports the SDK, which nobody shall pay for below
    pooled: list[float] = []
    new: list[float] = []
    async with ClientPool() as pool:
        cold = await pooled_ms(pool, endpoint)
        for _ in range(calls):
            pooled.append(await pooled_ms(pool, endpoint))
            new.append(await new_ms(endpoint))
    return {
        "pooled_ms": round(statistics.median(pooled), 2),
        "new_ms": round(statistics.median(new), 2),
        "cold_ms": round(cold, 2),
        "new_over_pooled": round(statistics.median(new) / statistics.median(pooled), 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=30)
    given = parser.parse_args()
    with serving() as base_url:
        figures = asyncio.run(measure(base_url, given.calls))
    print(
        json.dumps(
            {
                "benchmark": "connections",
                "calls": given.calls,
                **figures,
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("openai", "httpx2", "httpcore2")},
                },
            }
        )
    )


if __name__ == "__main__":
    main()
