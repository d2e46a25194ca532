"""A model's server in a process of its own, so that its CPU is not ours; the prompt says what it streams."""

from __future__ import annotations

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
_WRITE_CHUNKS = 500  # of a stream as fast as possible in one write: reads are full, as behind a busy proxy


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """Start the server and give its base URL."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.loopback"], stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout is None:
            raise RuntimeError("no pipe to the server")
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
    finally:
        process.terminate()
        process.communicate()


def prompt(chunks: int, per_second: float = 0) -> str:
    """Return the words that ask for so many chunks; 0 a second is as fast as possible."""
    return f"{chunks} {per_second}"


def token(number: int) -> str:
    """Return the text of one chunk."""
    return f" tok{number % 1000}"


def _event(number: int) -> bytes:
    return _framed(json.dumps(_payload({"content": token(number)})))


def _framed(payload: str) -> bytes:
    data = f"data: {payload}\n\n".encode()
    return b"%x\r\n%s\r\n" % (len(data), data)


def _payload(delta: dict[str, str], finish_reason: str | None = None) -> dict[str, object]:
    return {
        "id": "chatcmpl-BqT1xN0cJb5R8h9mWv2sKd4e",
        "object": "chat.completion.chunk",
        "created": 1780000000,
        "model": "test-model-2026-01-01",
        "system_fingerprint": "fp_44709d6fcb",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "usage": None,
    }


def _tail(chunks: int) -> bytes:
    usage = {"prompt_tokens": 11, "completion_tokens": chunks, "total_tokens": chunks + 11}
    return (
        _framed(json.dumps(_payload({}, "stop")))
        + _framed(json.dumps({**_payload({}), "choices": [], "usage": usage}))
        + _framed("[DONE]")
        + b"0\r\n\r\n"
    )


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            if head.startswith(b"get "):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                continue
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
            asked = json.loads(await reader.readexactly(length))["messages"][-1]["content"].split()
            await _answer(writer, int(asked[0]), float(asked[1]))
    writer.close()


async def _answer(writer: asyncio.StreamWriter, chunks: int, per_second: float) -> None:
    events = [_event(number) for number in range(chunks)]
    if per_second == 0:
        pieces = [_HEAD, *events, _tail(chunks)]
        for start in range(0, len(pieces), _WRITE_CHUNKS):
            writer.write(b"".join(pieces[start : start + _WRITE_CHUNKS]))
            await writer.drain()
        return
    writer.write(_HEAD)
    loop = asyncio.get_running_loop()
    due = loop.time()
    for piece in events:
        due += 1 / per_second
        await asyncio.sleep(due - loop.time())
        writer.write(piece)
    writer.write(_tail(chunks))


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main())
