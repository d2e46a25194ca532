"""CPU of a streamed answer on our whole path, events included, next to the SDK's own `async for chunk in stream`.

    python -m benchmarks.stream_cpu [--rounds 5] [--chunks 10000] [--paced-seconds 5]

Prints one JSON line: user and system time of this process in microseconds a chunk, and the ratio of the medians. The
server runs in another process. A paced run streams to five readers at 200 chunks a second each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import statistics
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from benchmarks.loopback import prompt, serving
from core.clock import SystemClock
from core.events import Event
from core.llm.call.attempt import LOCAL, run_attempt
from core.llm.call.call_events import CallEvents
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.http.pool import ClientPool
from core.llm.request import CallRequest, ChatMessage, RequestShape, request_body

if TYPE_CHECKING:
    from openai import AsyncOpenAI

PACED_STREAMS = 5
PACED_PER_SECOND = 200
MODEL = "test-model"

Stream = Callable[["AsyncOpenAI", Endpoint, str], Awaitable[int]]
"""Streams one answer and returns the number of its characters."""


def ignore(_event: Event) -> None:
    """Take an event and do nothing."""


def request(text: str) -> CallRequest:
    """Return a request with this prompt."""
    messages = (ChatMessage.of_text("user", text),)
    return CallRequest(messages=messages, run_id="r", correlation_id="c", agent_id="a", task_id="t")


async def ours(client: AsyncOpenAI, endpoint: Endpoint, text: str) -> int:
    """Stream through one attempt of ours."""
    asked = request(text)
    clock = SystemClock()
    events = CallEvents(asked, "call", emit=ignore, clock=clock)
    events.start_attempt(endpoint)
    body = request_body(asked, MODEL, RequestShape())
    await run_attempt(client, endpoint, body, correlation_id="c", limits=LOCAL, events=events, clock=clock)
    return len(events.text)


async def sdk(client: AsyncOpenAI, _endpoint: Endpoint, words: str) -> int:
    """Stream as the SDK's documentation shows it."""
    stream = await client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": words}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text = ""
    async for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
    return len(text)


async def cpu_us_a_chunk(
    stream: Stream, client: AsyncOpenAI, endpoint: Endpoint, *, streams: int, chunks: int, per_second: float = 0
) -> tuple[float, int]:
    """Run the streams at once; return the CPU in microseconds a chunk, and the number of characters."""
    began = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        running = [
            tasks.create_task(_run(stream, client, endpoint, prompt(chunks, per_second))) for _ in range(streams)
        ]
    spent = time.process_time() - began
    return spent * 1e6 / (streams * chunks), sum(task.result() for task in running)


async def _run(stream: Stream, client: AsyncOpenAI, endpoint: Endpoint, text: str) -> int:
    return await stream(client, endpoint, text)


async def compare(base_url: str, *, rounds: int, streams: int, chunks: int, per_second: float = 0) -> dict[str, object]:
    """Measure both sides in turn and return their medians and the ratio.

    Raises:
        RuntimeError: the two sides did not get the same text.
    """
    endpoint = make_endpoint(base_url=base_url, model=MODEL)
    spent: dict[str, list[float]] = {"ours": [], "sdk": []}
    async with ClientPool() as pool:
        client = await pool.client(endpoint)
        for side in (ours, sdk):
            await side(client, endpoint, prompt(100))
        for _ in range(rounds):
            lengths = []
            for name, side in (("ours", ours), ("sdk", sdk)):
                cost, length = await cpu_us_a_chunk(
                    side, client, endpoint, streams=streams, chunks=chunks, per_second=per_second
                )
                spent[name].append(cost)
                lengths.append(length)
            if len(set(lengths)) != 1:
                raise RuntimeError(f"the two sides got different texts: {lengths} characters")
    our_us, sdk_us = statistics.median(spent["ours"]), statistics.median(spent["sdk"])
    return {
        "streams": streams,
        "chunks": chunks,
        "per_second": per_second or None,
        "ours_us_a_chunk": round(our_us, 1),
        "sdk_us_a_chunk": round(sdk_us, 1),
        "sdk_over_ours": round(sdk_us / our_us, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chunks", type=int, default=10_000)
    parser.add_argument("--paced-seconds", type=float, default=5.0)
    given = parser.parse_args()
    with serving() as base_url:
        fast = asyncio.run(compare(base_url, rounds=given.rounds, streams=1, chunks=given.chunks))
        paced = asyncio.run(
            compare(
                base_url,
                rounds=given.rounds,
                streams=PACED_STREAMS,
                chunks=int(given.paced_seconds * PACED_PER_SECOND),
                per_second=PACED_PER_SECOND,
            )
        )
    print(
        json.dumps(
            {
                "benchmark": "stream_cpu",
                "rounds": given.rounds,
                "as_fast_as_possible": fast,
                "paced": paced,
                "versions": {
                    "python": platform.python_version(),
                    **{name: version(name) for name in ("openai", "httpx2", "httpcore2", "h11", "msgspec")},
                },
            }
        )
    )


if __name__ == "__main__":
    main()
