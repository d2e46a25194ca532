"""A proxy on loopback between the team and a server that works: a share of the requests breaks on its way.

    async with ChaosProxy(server.base_url, seed=7) as proxy:
        ...                                  # LLM_BASE_URL = proxy.base_url
    assert proxy.broken

Only completions are broken. What happens to one hangs on the seed, its body and how often it has come before, so that
a run whose prompts are the same is treated the same way, however its calls interleave.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urlsplit

from tests.support.fault_server import DONE, Step, error, event, http_chunk, status
from tests.support.loopback_server import BUFFER_BYTES, LoopbackServer, reset_on_close

BROKEN_SHARE = 0.3
MOST_IN_A_ROW = 2  # of one request: with three retries a run must get through
MOST_EVENTS = 4  # that are let through before an answer breaks

REFUSALS: dict[str, Step] = {
    "503": error(503, "the proxy is busy"),
    "502 html": status(502, "<html>Bad Gateway</html>"),
    "429": error(429, "slow down", {"Retry-After-Ms": "50"}, type="rate_limit_error"),
}
BEFORE_HEADERS = ("closed", "reset")
MID_STREAM = ("cut", "stall", "error event", "no end mark")
RESETTING = frozenset({"reset", "cut"})
ALL_FAULTS = (*BEFORE_HEADERS, *REFUSALS, *MID_STREAM)
PASSED = "passed"
ENDED = "ended before it could break"


END_OF_ANSWER = re.compile(rb'"finish_reason":\s*"|\[DONE\]')


@dataclass(frozen=True, slots=True)
class ProxiedCompletion:
    """What became of one completion: PASSED, ENDED, or the fault that broke it, after how many events."""

    outcome: str
    events: int = 0


@dataclass(frozen=True, slots=True)
class _Head:
    """The first line and the headers of a request or an answer."""

    raw: bytes
    fields: dict[str, str]

    @classmethod
    async def read(cls, reader: asyncio.StreamReader) -> _Head:
        raw = await reader.readuntil(b"\r\n\r\n")
        pairs = (line.partition(":") for line in raw.decode("latin-1").split("\r\n")[1:-2])
        return cls(raw, {name.strip().lower(): value.strip() for name, _, value in pairs})

    @property
    def length(self) -> int:
        return int(self.fields.get("content-length", "0"))

    @property
    def closing(self) -> bytes:
        """The head, and the word that its connection serves nobody after this."""
        return self.raw[:-2] + b"Connection: close\r\n\r\n"


@dataclass(slots=True)
class ChaosProxy(LoopbackServer):
    """The proxy; every connection serves one request.

    Attributes:
        upstream: the address of the server behind it.
        faults: what may happen to a completion that is broken.
        completions: every completion in the order in which the proxy was done with it; abandoned ones are not there.
    """

    upstream: str
    seed: int
    broken_share: float = BROKEN_SHARE
    faults: Sequence[str] = ALL_FAULTS
    completions: list[ProxiedCompletion] = field(default_factory=list)
    _asked: Counter[bytes] = field(default_factory=Counter)
    _in_a_row: Counter[bytes] = field(default_factory=Counter)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{urlsplit(self.upstream).path}"

    @property
    def broken(self) -> list[str]:
        """What was done to the completions that did not get through."""
        return [completion.outcome for completion in self.completions if completion.outcome not in (PASSED, ENDED)]

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        head = await _Head.read(reader)
        body = await reader.readexactly(head.length)
        outcome, events = self._decide(body) if head.raw.startswith(b"POST ") else ("", 0)
        if outcome in BEFORE_HEADERS:
            self.completions.append(ProxiedCompletion(outcome))
        elif outcome in REFUSALS:
            self.completions.append(ProxiedCompletion(outcome))
            writer.write(b"".join(piece for piece in REFUSALS[outcome].pieces if isinstance(piece, bytes)))
        else:
            await self._go_between(head.raw + body, reader, writer, outcome, events)
        await writer.drain()
        if outcome in RESETTING:
            reset_on_close(writer)
        else:
            writer.write_eof()
            await reader.read()  # until the client has gone: it must see all that was sent

    def _decide(self, body: bytes) -> tuple[str, int]:
        self._asked[body] += 1
        random = Random(b"%d/%d/" % (self.seed, self._asked[body]) + body)  # noqa: S311 - reproducible, not secret
        if self._in_a_row[body] >= MOST_IN_A_ROW or random.random() >= self.broken_share:
            self._in_a_row[body] = 0
            return PASSED, 0
        self._in_a_row[body] += 1
        return random.choice(self.faults), random.randint(1, MOST_EVENTS)

    async def _go_between(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, outcome: str, events: int
    ) -> None:
        address = urlsplit(self.upstream)
        above, below = await asyncio.open_connection(address.hostname, address.port, limit=BUFFER_BYTES)
        below.write(request)
        # A client that hangs up must be noticed by the server behind us, too.
        gone = asyncio.create_task(reader.read())
        answer = asyncio.create_task(self._answer(above, writer, outcome, events))
        try:
            await asyncio.wait([gone, answer], return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                answer.result()
        finally:
            for task in (gone, answer):
                task.cancel()
            await asyncio.wait([gone, answer])
            for task in (gone, answer):
                if not task.cancelled():
                    task.exception()  # looked at, so that asyncio does not complain of it
            below.transport.abort()

    async def _answer(
        self, above: asyncio.StreamReader, writer: asyncio.StreamWriter, outcome: str, at_most_events: int
    ) -> None:
        head = await _Head.read(above)
        writer.write(head.closing)
        if "chunked" not in head.fields.get("transfer-encoding", ""):
            writer.write(await above.readexactly(head.length))
            self._done(ProxiedCompletion(ENDED if outcome in MID_STREAM else outcome))
            return
        passed = 0
        async for one in _events(above):
            if outcome in MID_STREAM and (passed == at_most_events or END_OF_ANSWER.search(one)):
                self._done(ProxiedCompletion(outcome, passed))
                await self._break_off(outcome, writer)
                return
            writer.write(http_chunk(one))
            await writer.drain()
            passed += 1
        writer.write(b"0\r\n\r\n")
        self._done(ProxiedCompletion(ENDED if outcome in MID_STREAM else outcome, passed))

    def _done(self, completion: ProxiedCompletion) -> None:
        if completion.outcome:  # else it was no completion
            self.completions.append(completion)

    async def _break_off(self, outcome: str, writer: asyncio.StreamWriter) -> None:
        match outcome:
            case "stall":
                await asyncio.get_running_loop().create_future()  # until the client has had enough
            case "error event":
                said = event({"error": {"message": "the proxy gave up", "code": 503}})
                writer.write(http_chunk(said) + http_chunk(DONE) + b"0\r\n\r\n")
            case "no end mark":
                writer.write(b"0\r\n\r\n")
            case _:
                pass  # the connection ends here


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Yield the events of a chunked body one by one, however the server has packed them."""
    rest = b""
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        rest += (await reader.readexactly(size + 2))[:-2]
        *whole, rest = rest.split(b"\n\n")
        for one in whole:
            yield one + b"\n\n"
    if rest:
        yield rest
