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
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Self
from urllib.parse import urlsplit

from tests.support.fault_server import DONE, Step, error, event, http_chunk, status

BROKEN_SHARE = 0.3
MOST_IN_A_ROW = 2  # of one request: with three retries, and two restarts of a stream, a run must get through
MOST_EVENTS = 4  # that are let through before an answer breaks
BUFFER_BYTES = 1 << 24

REFUSALS: dict[str, Step] = {
    "503": error(503, "the proxy is busy"),
    "502 html": status(502, "<html>Bad Gateway</html>"),
    "429": error(429, "slow down", {"Retry-After-Ms": "50"}, type="rate_limit_error"),
}
BEFORE_HEADERS = ("closed", "reset")
MID_STREAM = ("cut", "stall", "error event", "no end mark")
RESETTING = frozenset({"reset", "cut"})
ALL_MISCHIEF = (*BEFORE_HEADERS, *REFUSALS, *MID_STREAM)
PASSED = "passed"
ENDED = "ended before it could break"


END_OF_ANSWER = re.compile(rb'"finish_reason":\s*"|\[DONE\]')


@dataclass(frozen=True, slots=True)
class Passage:
    """What became of one completion: PASSED, ENDED, or what broke it after how many events."""

    what: str
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
class ChaosProxy:
    """The proxy; every connection serves one request.

    Attributes:
        upstream: the address of the server behind it.
        mischief: what may happen to a completion that is broken.
        passages: every completion in the order in which the proxy was done with it; abandoned ones are not there.
    """

    upstream: str
    seed: int
    broken_share: float = BROKEN_SHARE
    mischief: Sequence[str] = ALL_MISCHIEF
    passages: list[Passage] = field(default_factory=list)
    port: int = 0
    _asked: Counter[bytes] = field(default_factory=Counter)
    _in_a_row: Counter[bytes] = field(default_factory=Counter)
    _server: asyncio.Server | None = None
    _handlers: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}{urlsplit(self.upstream).path}"

    @property
    def broken(self) -> list[str]:
        """What was done to the completions that did not get through."""
        return [passage.what for passage in self.passages if passage.what not in (PASSED, ENDED)]

    @property
    def open_connections(self) -> int:
        return len(self._handlers)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=BUFFER_BYTES)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        handlers = list(self._handlers)
        for handler in handlers:
            handler.cancel()
        if handlers:
            await asyncio.wait(handlers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._handlers.add(task)
            task.add_done_callback(self._handlers.discard)
        try:
            head = await _Head.read(reader)
            body = await reader.readexactly(head.length)
            what, events = self._decide(body) if head.raw.startswith(b"POST ") else ("", 0)
            if what in BEFORE_HEADERS:
                self.passages.append(Passage(what))
            elif what in REFUSALS:
                self.passages.append(Passage(what))
                writer.write(b"".join(piece for piece in REFUSALS[what].pieces if isinstance(piece, bytes)))
            else:
                await self._go_between(head.raw + body, reader, writer, what, events)
            await writer.drain()
            if what in RESETTING:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                writer.write_eof()
                await reader.read()  # until the client has gone: it must see all that was sent
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # one of the two sides has gone
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            writer.transport.abort()

    def _decide(self, body: bytes) -> tuple[str, int]:
        self._asked[body] += 1
        random = Random(b"%d/%d/" % (self.seed, self._asked[body]) + body)  # noqa: S311 - reproducible, not secret
        if self._in_a_row[body] >= MOST_IN_A_ROW or random.random() >= self.broken_share:
            self._in_a_row[body] = 0
            return PASSED, 0
        self._in_a_row[body] += 1
        return random.choice(self.mischief), random.randint(1, MOST_EVENTS)

    async def _go_between(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, events: int
    ) -> None:
        address = urlsplit(self.upstream)
        above, below = await asyncio.open_connection(address.hostname, address.port, limit=BUFFER_BYTES)
        below.write(request)
        # A client that hangs up must be noticed by the server behind us, too.
        gone = asyncio.create_task(reader.read())
        answer = asyncio.create_task(self._answer(above, writer, what, events))
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
        self, above: asyncio.StreamReader, writer: asyncio.StreamWriter, what: str, at_most_events: int
    ) -> None:
        head = await _Head.read(above)
        writer.write(head.closing)
        if "chunked" not in head.fields.get("transfer-encoding", ""):
            writer.write(await above.readexactly(head.length))
            self._done(Passage(ENDED if what in MID_STREAM else what))
            return
        passed = 0
        async for one in _events(above):
            if what in MID_STREAM and (passed == at_most_events or END_OF_ANSWER.search(one)):
                self._done(Passage(what, passed))
                await self._break_off(what, writer)
                return
            writer.write(http_chunk(one))
            await writer.drain()
            passed += 1
        writer.write(b"0\r\n\r\n")
        self._done(Passage(ENDED if what in MID_STREAM else what, passed))

    def _done(self, passage: Passage) -> None:
        if passage.what:  # else it was no completion
            self.passages.append(passage)

    async def _break_off(self, what: str, writer: asyncio.StreamWriter) -> None:
        match what:
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
