"""CPU that the engine adds to a call without faults, and to every token, next to the same answer read off the wire.

    python -m benchmarks.call_overhead [--rounds 5] [--calls 200] [--tokens 10000]

Prints one JSON line. A call goes through Caller.call with its gate, breaker, retry, metrics and log line, and asks for
three tokens. `sdk` is the same answer with the SDK's own `async for`; `wire` is its bytes from the SDK's client,
nothing decoded, and is what the overhead is counted against. A token's overhead is counted against `decoded`: the same
bytes through our decoder, without the call, its events and its sink. The server runs in another process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from benchmarks.loopback import prompt, serving
from benchmarks.stream_cpu import MODEL, ignore, request, sdk
from core.clock import SystemClock
from core.llm.call.caller import Caller
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.pool import ClientPool
from core.llm.http.stream_decoder import StreamDecoder
from core.llm.request import CallRequest, RequestShape, request_body
from core.settings import Settings
from core.telemetry.logs import setup_logging, stop_logging

if TYPE_CHECKING:
    from openai import AsyncOpenAI

TOKENS_OF_A_CALL = 3

Side = Callable[[str], Awaitable[object]]


async def read(client: AsyncOpenAI, asked: CallRequest, *, decode: bool) -> None:
    """Read an answer off the wire, and decode it or not."""
    body = request_body(asked, MODEL, RequestShape())
    decoder = StreamDecoder()
    async with client.chat.completions.with_streaming_response.create(**body) as response:
        async for data in response.http_response.aiter_raw():
            if decode:
                decoder.feed(data)


async def cpu_us(side: Side, text: str, calls: int) -> float:
    """Make calls one after the other; return the CPU in microseconds a call."""
    began = time.process_time()
    for _ in range(calls):
        await side(text)
    return (time.process_time() - began) * 1e6 / calls


async def medians(sides: dict[str, Side], text: str, calls: int, rounds: int) -> dict[str, float]:
    """Measure the sides in turn and return the median of each."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        await cpu_us(side, text, max(3, calls // 10))
    for _ in range(rounds):
        for name, side in sides.items():
            spent[name].append(await cpu_us(side, text, calls))
    return {name: statistics.median(costs) for name, costs in spent.items()}


def sides_at(endpoint: Endpoint, client: AsyncOpenAI, caller: Caller) -> dict[str, Side]:
    """Return every way to get the same answer."""
    return {
        "ours": lambda text: caller.call(request(text), endpoint),
        "sdk": lambda text: sdk(client, endpoint, text),
        "wire": lambda text: read(client, request(text), decode=False),
        "decoded": lambda text: read(client, request(text), decode=True),
    }


async def measure(base_url: str, *, rounds: int, calls: int, tokens: int) -> dict[str, object]:
    """Measure the cost of a call and of a token."""
    endpoint = make_endpoint(base_url=base_url, model=MODEL)
    clock = SystemClock()
    async with ClientPool() as pool:
        caller = Caller(settings=Settings(), pool=pool, emit=ignore, clock=clock, random=Random(7))
        sides = sides_at(endpoint, await pool.client(endpoint), caller)
        short = await medians(sides, prompt(TOKENS_OF_A_CALL), calls, rounds)
        del sides["sdk"], sides["wire"]
        long = await medians(sides, prompt(tokens), 1, rounds)
    return {
        "call_ms": {name: round(cost / 1000, 3) for name, cost in short.items()},
        "call_overhead_ms": round((short["ours"] - short["wire"]) / 1000, 3),
        "call_overhead_over_sdk_ms": round((short["ours"] - short["sdk"]) / 1000, 3),
        "token_us": {name: round(cost / tokens, 2) for name, cost in long.items()},
        "token_overhead_us": round((long["ours"] - long["decoded"]) / tokens, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--tokens", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, serving() as base_url:
        setup_logging(log_file=Path(folder) / "log.jsonl")
        figures = asyncio.run(measure(base_url, rounds=given.rounds, calls=given.calls, tokens=given.tokens))
        stop_logging()
    print(
        json.dumps(
            {
                "benchmark": "call_overhead",
                "rounds": given.rounds,
                "calls": given.calls,
                "tokens": given.tokens,
                **figures,
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("openai", "httpx2", "msgspec", "loguru", "tenacity")},
                },
            }
        )
    )


if __name__ == "__main__":
    main()
