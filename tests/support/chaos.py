"""Seeded misbehaviour for the fault server: most requests are answered well, the others fail in every way we know.

What happens to a request hangs only on the seed, its prompt and how often it has come before, outages apart: however
the calls interleave, the same seed tells the same story.

    chaos = Chaos(seed=7)
    server.answer_by(chaos)
    ...
    assert reply.text == chaos.meant[prompt] and chaos.counts["stall"] > 0
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

from tests.support.fault_server import (
    DONE,
    Step,
    error,
    event,
    finish,
    hang_up,
    http_chunk,
    ok,
    pieces_of,
    response_head,
    silence,
    status,
    stream,
    thought,
    token,
    usage,
    whole,
    zipped,
)

Harm = Literal["none", "attempt", "call"]
"""What is lost: nothing, one attempt, or by design the whole call."""

OK = "ok"
OUTAGE = "outage"
WORDS = (
    "river",
    "Straße",
    "naïve",
    "漢字",
    "😀",
    "def f(x):",
    "stone",
    "{",
    "}",
    '"quoted"',
    "\\n",
    "\n",
    "wind",
    "end.",
)
STREAM_HEAD = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}
BAD_UTF8 = b'data: {"choices":[{"index":0,"delta":{"content":"\xff"}}]}\n\n'


@dataclass(frozen=True, slots=True)
class InjectedFault:
    """One way to treat a request; `weight` is its share among the others."""

    label: str
    harm: Harm
    make: Callable[[str, Random], Step]
    weight: float = 1.0


def _some(text: str, random: Random) -> list[bytes]:
    """Return the chunks of a proper beginning of an answer, never the whole of it."""
    tokens = [token(piece) for piece in pieces_of(text)]
    return tokens[: random.randint(1, max(1, len(tokens) - 1))]


def _closed_inside_a_chunk(text: str, random: Random) -> Step:
    *before, last = _some(text, random)
    framed = [http_chunk(piece) for piece in before]
    half = http_chunk(last)
    return Step((response_head(200, STREAM_HEAD), *framed, half[: len(half) // 2]), "close")


def _error_event(text: str, random: Random) -> Step:
    said = event({"error": {"message": "the engine died", "type": "server_error", "code": 503}})
    return stream(*_some(text, random), said, DONE)


def _odd_chunks(text: str, random: Random) -> Step:
    odd = [event(None), event([1, 2]), event({"choices": None}), b": comment\n\n", b"data:\n\n", b"id: 3\n\n"]
    events = [piece for one in pieces_of(text) for piece in (random.choice(odd), token(one))]
    return stream(*events, finish(), usage(), DONE)


def _bad_utf8(text: str, _random: Random) -> Step:
    return stream(*(token(piece) for piece in pieces_of(text)), BAD_UTF8, finish(), DONE)


def _tiny_segments(text: str, random: Random) -> Step:
    raw = b"".join(piece for piece in ok(text).pieces if isinstance(piece, bytes))
    segments: list[bytes] = []
    while raw:
        size = random.randint(1, 64)
        segments.append(raw[:size])
        raw = raw[size:]
    return Step(tuple(segments))


def _limited(headers: dict[str, str]) -> Callable[[str, Random], Step]:
    return lambda _text, _random: error(429, "slow down", headers, type="rate_limit_error")


INJECTED_FAULTS: Sequence[InjectedFault] = (
    InjectedFault("closed before headers", "attempt", lambda _text, _random: hang_up()),
    InjectedFault("reset before headers", "attempt", lambda _text, _random: hang_up(reset=True)),
    InjectedFault("reset mid-stream", "attempt", lambda text, random: stream(*_some(text, random), then="reset")),
    InjectedFault("closed inside a chunk", "attempt", _closed_inside_a_chunk),
    InjectedFault("no end mark", "attempt", lambda text, random: stream(*_some(text, random), framing="close")),
    # Not the same words twice: a 500 that repeats itself is taken for an answer.
    InjectedFault("500", "attempt", lambda _text, random: error(500, f"fault {random.getrandbits(32):x}")),
    InjectedFault("502 html", "attempt", lambda _text, _random: status(502, "<html>Bad Gateway</html>")),
    InjectedFault("503", "attempt", lambda _text, _random: error(503, "busy")),
    InjectedFault("529", "attempt", lambda _text, _random: error(529, "Overloaded", type="overloaded_error")),
    InjectedFault("429", "attempt", _limited({})),
    InjectedFault("429 retry-after", "attempt", _limited({"Retry-After": "2"})),
    InjectedFault("429 retry-after-ms", "attempt", _limited({"Retry-After-Ms": "700"})),
    InjectedFault("loading", "attempt", lambda _text, _random: error(503, "Loading model", type="unavailable_error")),
    InjectedFault("stall", "attempt", lambda text, random: stream(*_some(text, random), then="hold"), 0.5),
    InjectedFault("silence", "attempt", lambda _text, _random: silence(), 0.5),
    InjectedFault("headers, then silence", "attempt", lambda _text, _random: stream(then="hold"), 0.5),
    InjectedFault("comments for ever", "attempt", lambda text, _random: stream(token(text[:1]), b": ping\n\n", then="repeat"), 0.5),
    InjectedFault("error event", "attempt", _error_event),
    InjectedFault("bad JSON", "attempt", lambda text, random: stream(*_some(text, random), b'data: {"choices":[\n\n')),
    InjectedFault("empty answer", "attempt", lambda _text, _random: ok(""), 0.5),
    InjectedFault("odd chunks", "none", _odd_chunks),
    InjectedFault("bad UTF-8", "none", _bad_utf8),
    InjectedFault("whole JSON", "none", lambda text, _random: whole(text)),
    InjectedFault("tiny segments", "none", _tiny_segments),
    InjectedFault("gzip", "none", lambda text, _random: zipped(*(token(piece) for piece in pieces_of(text)), finish(), DONE)),
    InjectedFault("reasoning first", "none", lambda text, _random: stream(thought("hm"), thought("so"), token(text), finish(), DONE)),
    InjectedFault("reset while idle", "none", lambda text, _random: Step(ok(text).pieces, "reset")),
    InjectedFault("200 html", "call", lambda _text, _random: status(200, "<html>log in</html>"), 0.1),
    InjectedFault("401", "call", lambda _text, _random: error(401, "who are you"), 0.1),
)  # fmt: skip


@dataclass(slots=True)
class Chaos:
    """Give it to `FaultServer.answer_by`.

    Attributes:
        ok_share: share of the requests that are answered without any oddity.
        counts: how often each label happened.
        meant: the answer that the last request with this prompt wants to give, whole.
        outage: so many of the next requests are hung up on, whoever sends them.
    """

    seed: int
    ok_share: float = 0.7
    faults: Sequence[InjectedFault] = INJECTED_FAULTS
    outage: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    meant: dict[str, str] = field(default_factory=dict)
    _asked: Counter[str] = field(default_factory=Counter)

    def __call__(self, body: dict[str, Any]) -> Step:  # JSON values
        prompt = str(body["messages"][-1]["content"])
        self._asked[prompt] += 1
        random = Random(f"{self.seed}/{prompt}/{self._asked[prompt]}")  # noqa: S311 - reproducible, not secret
        text = answer_to(prompt, self.seed)
        label, step = OK, ok(text)
        if self.outage:
            self.outage -= 1
            label, step = OUTAGE, hang_up(reset=True)
        elif random.random() >= self.ok_share:
            (chosen,) = random.choices(self.faults, [one.weight for one in self.faults])
            label, step = chosen.label, chosen.make(text, random)
        self.counts[label] += 1
        self.meant[prompt] = text + "\ufffd" if label == "bad UTF-8" else text
        return step

    def forget(self, prompt: str) -> str:
        """Drop what is kept of a prompt, and return the answer that was meant last; "" if it never came."""
        self._asked.pop(prompt, None)
        return self.meant.pop(prompt, "")


def answer_to(prompt: str, seed: int) -> str:
    """Return the one right answer to a prompt: some words of several scripts, and the prompt at their end."""
    random = Random(f"{seed}/{prompt}")  # noqa: S311 - reproducible, not secret
    words = random.choices(WORDS, k=random.randint(3, 40))
    return " ".join(words) + f" [{prompt}]"


class ScaledClock:
    """Time that runs `factor` times as fast as the machine's, for waits of minutes in seconds."""

    def __init__(self, factor: float = 50.0) -> None:
        self.factor = factor
        self._started = time.monotonic()
        self._wall = datetime.now(tz=UTC)

    def monotonic(self) -> float:
        return (time.monotonic() - self._started) * self.factor

    def now(self) -> datetime:
        return self._wall + timedelta(seconds=self.monotonic())

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / self.factor)
