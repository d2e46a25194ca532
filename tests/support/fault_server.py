"""A language model's server on loopback that follows a script: answers, stalls, cuts, resets and lies as told.

async with FaultServer() as server:
    server.script([status(503, "busy"), ok("Hello")])   # one step for each request; then the default answer
    server.answer_by(lambda body: "text for " + body["model"])   # the default answer, streamed in pieces
    server.routes["/props"] = status(200, {"total_slots": 2})    # what a page besides completions answers
    ...
    assert len(server.journal) == 2 and await server.all_closed()
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.support.loopback_server import LoopbackServer, reset_on_close

Then = Literal["keep", "close", "reset", "hold", "repeat", "flood"]
"""After the pieces: keep the connection, close it, reset it, stay silent, or repeat the last piece for ever.

`repeat` takes its time, `flood` does not.
"""

REPEAT_EVERY_SECONDS = 0.01
LOOKUP_PATHS = frozenset({"/tokenize", "/apply-template"})  # POSTs that ask for no completion
TLS_HANDSHAKE = 0x16  # the first byte of a client that wants TLS
DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True, slots=True)
class Step:
    """What the server does with one request; an Event among the pieces holds it up until the event is set."""

    pieces: tuple[bytes | asyncio.Event, ...] = ()
    then: Then = "keep"


@dataclass(slots=True)
class RecordedRequest:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    connection: int
    on_reused_connection: bool
    disconnected: bool = False  # the client went away before the answer was over


def event(payload: object) -> bytes:
    """Return one server-sent event."""
    return f"data: {json.dumps(payload)}\n\n".encode()


def chunk(delta: object, finish_reason: str | None = None, **extra: object) -> bytes:
    """Return one chunk of a streamed completion."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": [choice], **extra})


def token(text: str) -> bytes:
    return chunk({"content": text})


def thought(text: str) -> bytes:
    return chunk({"reasoning_content": text})


def finish(reason: str = "stop") -> bytes:
    return chunk({}, reason)


def usage(prompt: int = 11, completion: int = 7) -> bytes:
    return event({"id": "c", "choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}})


def pieces_of(text: str, size: int = 12) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def stream(
    *events: bytes | asyncio.Event,
    then: Then = "keep",
    framing: Literal["chunked", "close"] = "chunked",
    content_type: str = "text/event-stream",
) -> Step:
    """Answer 200 with a body of these pieces; a chunked body is only ended properly if the connection is kept."""
    if framing == "close":
        head = response_head(200, {"Content-Type": content_type, "Connection": "close"})
        return Step((head, *events), "close" if then == "keep" else then)
    head = response_head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"})
    framed = [piece if isinstance(piece, asyncio.Event) else http_chunk(piece) for piece in events]
    return Step((head, *framed, *([b"0\r\n\r\n"] if then == "keep" else [])), then)


def ok(text: str = "Hello there", *, reason: str = "stop", with_usage: bool = True) -> Step:
    """Stream a whole answer."""
    tokens = [token(piece) for piece in pieces_of(text)]
    return stream(chunk({"role": "assistant", "content": None}), *tokens, finish(reason), *_tail(with_usage))


def whole(text: str = "Hello there", *, reason: str = "stop") -> Step:
    """Answer with one JSON completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": reason}
    counts = {"prompt_tokens": 11, "completion_tokens": 7}
    return status(200, {"object": "chat.completion", "choices": [choice], "usage": counts})


def status(code: int, body: object = "", headers: dict[str, str] | None = None) -> Step:
    """Answer with a status and a body: text, bytes, or a value that becomes JSON."""
    raw = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    kind = "text/html" if raw.lstrip()[:1] == b"<" else "application/json"
    head = response_head(code, {"Content-Type": kind, "Content-Length": str(len(raw)), **(headers or {})})
    return Step((head + raw,))


def error(status_code: int, message: str, headers: dict[str, str] | None = None, /, **fields: object) -> Step:
    """Answer with a status and the usual error object."""
    return status(status_code, {"error": {"message": message, **fields}}, headers)


def zipped(*events: bytes) -> Step:
    """Answer 200 with a gzip body."""
    raw = gzip.compress(b"".join(events))
    headers = {"Content-Type": "text/event-stream", "Content-Encoding": "gzip", "Content-Length": str(len(raw))}
    return Step((response_head(200, headers) + raw,))


def silence() -> Step:
    """Take the request and never say a word."""
    return Step((), "hold")


def hang_up(*, reset: bool = False) -> Step:
    """Take the request and go away."""
    return Step((), "reset" if reset else "close")


def response_head(code: int, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {code} Status", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def _tail(with_usage: bool) -> list[bytes]:
    return [usage(), DONE] if with_usage else [DONE]


@dataclass(slots=True)
class FaultServer(LoopbackServer):
    """The server; `journal` holds every completion request in order of arrival.

    Attributes:
        models: what GET /models names.
        models_answer: what GET /models answers instead.
        routes: what other requests are answered, by their path; /health is fine and the rest is missing by default.
        lookups: the requests that were no completions, in order of arrival.
    """

    models: Sequence[str] = ("test-model",)
    models_answer: Step | None = None
    routes: dict[str, Step] = field(default_factory=dict)
    journal: list[RecordedRequest] = field(default_factory=list)
    lookups: list[RecordedRequest] = field(default_factory=list)
    _steps: deque[Step] = field(default_factory=deque)
    _steps_by_model: dict[str, deque[Step]] = field(default_factory=dict)
    _answer: Callable[[dict[str, Any]], str | Step] = field(default=lambda _body: "Hello there")
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def base_url(self) -> str:
        return f"{'http' if self.tls is None else 'https'}://127.0.0.1:{self.port}/v1"

    def script(self, steps: Iterable[Step], *, model: str | None = None) -> None:
        """Set what happens to the next requests, or to those for one model."""
        if model is None:
            self._steps = deque(steps)
        else:
            self._steps_by_model[model] = deque(steps)

    def answer_by(self, answer: Callable[[dict[str, Any]], str | Step]) -> None:
        """Answer all requests without a step with the text, or the step, that `answer` makes of their JSON body."""
        self._answer = answer

    async def requests(self, count: int) -> None:
        """Return when this many requests have arrived."""
        await self._when(lambda: len(self.journal) >= count)

    async def asked(self, count: int) -> None:
        """Return when this many requests that are no completions have arrived."""
        await self._when(lambda: len(self.lookups) >= count)

    async def all_closed(self) -> bool:
        """Return True when no client is connected any more."""
        await self._when(lambda: self.open_connections == 0)
        return True

    async def at_most(self, connections: int) -> None:
        """Return when no more clients than this are connected."""
        await self._when(lambda: self.open_connections <= connections)

    async def disconnects(self, count: int) -> None:
        """Return when this many requests were abandoned by their clients."""
        await self._when(lambda: sum(request.disconnected for request in self.journal) >= count)

    async def _when(self, condition: Callable[[], bool]) -> None:
        async with self._changed:
            await self._changed.wait_for(condition)

    async def _connection_ended(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        answered = 0
        early = bytearray()  # of the next request, read while we looked whether the client is still there
        while True:
            request = await _read_request(reader, early, number, answered > 0)
            is_lookup = request.method == "GET" or request.path in LOOKUP_PATHS
            (self.lookups if is_lookup else self.journal).append(request)
            await self._connection_ended()
            step = self._look_up(request) if is_lookup else self._next_step(request)
            async with _watch(reader, request, early) as gone:
                alive = await _play(step, writer, gone)
            await self._connection_ended()
            if not alive:
                return
            answered += 1

    def _look_up(self, request: RecordedRequest) -> Step:
        if request.path in self.routes:
            return self.routes[request.path]
        if request.path.endswith("/models"):
            if self.models_answer is not None:
                return self.models_answer
            return status(200, {"object": "list", "data": [{"id": name} for name in self.models]})
        return status(200, {"status": "ok"}) if request.path.endswith("/health") else status(404, "")

    def _next_step(self, request: RecordedRequest) -> Step:
        steps = self._steps_by_model.get(str(request.body.get("model"))) or self._steps
        if steps:
            return steps.popleft()
        answer = self._answer(request.body)
        if isinstance(answer, Step):
            return answer
        return ok(answer) if request.body.get("stream") else whole(answer)


async def _read_request(
    reader: asyncio.StreamReader, early: bytearray, connection: int, reused: bool
) -> RecordedRequest:
    if not early:
        early += await reader.readexactly(1)
    if early[0] == TLS_HANDSHAKE:
        raise ConnectionError("servers that do not speak TLS hang up on it")
    head = (bytes(early) + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    early.clear()
    method, path, _ = head[0].split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    raw = await reader.readexactly(int(headers.get("content-length", "0")))
    return RecordedRequest(method, path, headers, json.loads(raw) if raw else {}, connection, reused)


@contextlib.asynccontextmanager
async def _watch(
    reader: asyncio.StreamReader, request: RecordedRequest, early: bytearray
) -> AsyncIterator[asyncio.Event]:
    gone = asyncio.Event()

    async def look() -> None:
        with contextlib.suppress(ConnectionError):
            early.extend(await reader.read(1))
        if early:
            return
        request.disconnected = True
        gone.set()

    watcher = asyncio.create_task(look())
    try:
        yield gone
    finally:
        watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watcher


async def _play(step: Step, writer: asyncio.StreamWriter, gone: asyncio.Event) -> bool:
    for piece in step.pieces:
        if isinstance(piece, asyncio.Event):
            await _first_of(piece, gone)
        elif not gone.is_set():
            writer.write(piece)
            await writer.drain()
    match step.then:
        case "keep":
            return not gone.is_set()
        case "close":
            writer.write_eof()
            await gone.wait()
        case "reset":
            reset_on_close(writer)
            writer.transport.abort()
        case "hold":
            await gone.wait()
        case "repeat" | "flood":
            last = step.pieces[-1]
            while not gone.is_set() and isinstance(last, bytes):
                writer.write(last)
                await writer.drain()
                await asyncio.sleep(REPEAT_EVERY_SECONDS if step.then == "repeat" else 0)
    return False


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(one.wait()) for one in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
