"""One client of the SDK: how it is built, and what its requests meet on the wire."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.addresses import needs_no_proxy
from core.errors import UsageError
from core.llm.endpoint import Endpoint
from core.llm.faults import clean_detail

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2
    from openai import AsyncOpenAI

    from core.llm.http.counting_client import RequestEnd

LOCAL_KEEPALIVE_SECONDS = 2.5  # llama.cpp closes idle connections after 5 s; we must be the first
REMOTE_KEEPALIVE_SECONDS = 15.0
MAX_WHOLE_BODY_BYTES = 8 * 1024 * 1024  # the tokens of a long prompt, as a server lists them, take some megabytes
NO_KEY = "none"  # servers without a key ignore it; without it the SDK would take one from the environment


class ConnectionTrace:
    """What happened on the wire to one request."""

    __slots__ = ("answered", "connected", "sent")

    def __init__(self) -> None:
        self.connected = False
        self.sent = False
        self.answered = False

    @property
    def reused(self) -> bool:
        """Whether the request went out on a connection that had served another one."""
        return self.sent and not self.connected

    async def __call__(self, name: str, _info: object) -> None:
        if name.endswith(".connect_tcp.started"):
            self.connected = True
        elif name.endswith(".send_request_headers.started"):
            self.sent = True
        elif name.endswith(".receive_response_headers.complete"):
            self.answered = True


_watching: ContextVar[ConnectionTrace | None] = ContextVar("watching", default=None)


@contextmanager
def watch_connection(trace: ConnectionTrace) -> Iterator[None]:
    """Let `trace` see the request that is made inside the block."""
    token = _watching.set(trace)
    try:
        yield
    finally:
        _watching.reset(token)


_is_our_question: ContextVar[bool] = ContextVar("is_our_question", default=False)


@contextmanager
def uncounted_question() -> Iterator[None]:
    """Let no statistics count what is asked inside the block: health, sizes, models, a count of tokens."""
    token = _is_our_question.set(True)
    try:
        yield
    finally:
        _is_our_question.reset(token)


def _is_callers_own() -> bool:
    """Whether a request is made by somebody who holds the client, and not by a call or a question of ours."""
    return _watching.get() is None and not _is_our_question.get()


async def _attach_trace(request: httpx2.Request) -> None:
    trace = _watching.get()
    if trace is not None:
        request.extensions["trace"] = trace


async def bound_body(response: httpx2.Response) -> None:
    """Let the body of a response end with an error when it is longer than anything that is worth reading whole.

    An answer with status 200 to a POST is a stream, whose decoder has limits of its own.
    """
    if response.status_code >= 400 or response.request.method == "GET":
        import httpx2

        class Bounded(httpx2.AsyncByteStream):
            def __init__(self, stream: httpx2.AsyncByteStream) -> None:
                self._stream = stream

            async def __aiter__(self) -> AsyncIterator[bytes]:
                left_bytes = MAX_WHOLE_BODY_BYTES
                async for piece in self._stream:
                    left_bytes -= len(piece)
                    if left_bytes < 0:
                        raise httpx2.RemoteProtocolError(f"the body has more than {MAX_WHOLE_BODY_BYTES} bytes")
                    yield piece

            async def aclose(self) -> None:
                await self._stream.aclose()

        if isinstance(response.stream, httpx2.AsyncByteStream):
            response.stream = Bounded(response.stream)


def load_sdk(base_url: str) -> SSLContext:
    """Import the SDK and return what a client of that address needs; takes half a second the first time."""
    import ssl

    import httpx2
    import openai

    _ = openai.AsyncOpenAI.chat  # loads the resource module, which is lazy
    if urlsplit(base_url).scheme == "https":
        return httpx2.create_ssl_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # holds no certificates, and is never used


def make_client(
    endpoint: Endpoint, ssl_context: SSLContext, max_connections: int, begin_request: Callable[[], RequestEnd]
) -> AsyncOpenAI:
    """Return a new client, which calls `begin_request` when somebody who holds it makes a request of his own.

    Raises:
        UsageError: the address, or the proxy that the environment names, cannot be used.
    """
    import httpx2

    try:
        return _build_client(endpoint, ssl_context, max_connections, begin_request)
    except (httpx2.InvalidURL, ValueError) as wrong:
        raise UsageError(
            f"the address {endpoint.host}, or the proxy for it, cannot be used "
            f"({clean_detail(str(wrong), endpoint.api_key)})",
            hint="check LLM_BASE_URL and the proxy of the environment (HTTP_PROXY, HTTPS_PROXY, ALL_PROXY)",
        ) from None


def _build_client(
    endpoint: Endpoint, ssl_context: SSLContext, max_connections: int, begin_request: Callable[[], RequestEnd]
) -> AsyncOpenAI:
    import httpx2
    import openai

    from core.llm.http.counting_client import CountingClient

    keepalive = LOCAL_KEEPALIVE_SECONDS if endpoint.is_local else REMOTE_KEEPALIVE_SECONDS
    http_client = CountingClient(
        begin_request=begin_request,
        is_counted=_is_callers_own,
        verify=ssl_context,
        follow_redirects=False,  # a redirected POST would become a GET without its body
        trust_env=not needs_no_proxy(endpoint.base_url),  # a proxy must not catch 127.0.0.1
        limits=httpx2.Limits(
            max_connections=max_connections, max_keepalive_connections=max_connections, keepalive_expiry=keepalive
        ),
        event_hooks={"request": [_attach_trace], "response": [bound_body]},
    )
    client = openai.AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.api_key or NO_KEY,
        max_retries=0,  # our own loop is the only one that retries
        http_client=http_client,
    )
    if urlsplit(endpoint.base_url).hostname != "api.openai.com":
        client.organization = None  # the SDK reads it from the environment; it must not reach other servers
        client.project = None
    return client
