"""One client of the SDK: how it is built, and what its requests meet on the wire."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.addresses import server_of
from core.errors import UsageError
from core.llm.endpoint import Endpoint
from core.llm.faults import clean_detail
from core.network.certificates import trusting_context
from core.network.proxy import Proxy, proxy_before
from core.text.redaction import MASK
from core.text.sanitize import printable_line

if TYPE_CHECKING:
    from ssl import SSLContext

    import httpx2
    from openai import AsyncOpenAI

    from core.llm.http.counting_client import RequestEnd

LOCAL_KEEPALIVE_SECONDS = 2.5  # llama.cpp closes idle connections after 5 s; we must be the first
REMOTE_KEEPALIVE_SECONDS = 15.0
MAX_WHOLE_BODY_BYTES = 8 * 1024 * 1024  # the tokens of a long prompt, as a server lists them, take some megabytes
MAX_SHOWN_CHARS = 120
NO_KEY = "none"  # servers without a key ignore it; without it the SDK would take one from the environment


class ConnectionTrace:
    """What happened on the wire to one request."""

    __slots__ = ("answered", "connected", "has_begun_tls", "sent")

    def __init__(self) -> None:
        self.connected = False
        self.has_begun_tls = False
        self.sent = False
        self.answered = False

    @property
    def reused(self) -> bool:
        """Whether the request went out on a connection that had served another one."""
        return self.sent and not self.connected

    @property
    def in_tls(self) -> bool:
        """Whether the connection was open, and its TLS had begun, when no request had been sent yet."""
        return self.has_begun_tls and not self.sent

    async def __call__(self, name: str, _info: object) -> None:
        if name.endswith(".connect_tcp.started"):
            self.connected = True
        elif name.endswith(".start_tls.started"):
            self.has_begun_tls = True
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
    """Import the SDK and return what a client of that address needs; takes half a second the first time.

    Raises:
        UsageError: the certificates that the environment names cannot be used.
    """
    import ssl

    import openai

    _ = openai.AsyncOpenAI.chat  # loads the resource module, which is lazy
    proxy = proxy_before(base_url)
    if urlsplit(base_url).scheme == "https" or (proxy is not None and proxy.url.startswith("https:")):
        return trusting_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # holds no certificates, and is never used


def make_client(
    endpoint: Endpoint, ssl_context: SSLContext, max_connections: int, begin_request: Callable[[], RequestEnd]
) -> AsyncOpenAI:
    """Return a new client, which calls `begin_request` when somebody who holds it makes a request of his own.

    Raises:
        UsageError: the address, or what the environment says about the way to it, cannot be used.
    """
    import httpx2
    import openai

    proxy = proxy_before(endpoint.base_url)
    try:
        return _build_client(endpoint, ssl_context, proxy, max_connections, begin_request)
    except (httpx2.InvalidURL, ValueError, ImportError, OSError, openai.OpenAIError) as wrong:
        subject = f"{proxy}, or the address {endpoint.host}," if proxy is not None else f"the address {endpoint.host}"
        raise UsageError(
            f"{subject} cannot be used ({clean_detail(str(wrong), endpoint.api_key)})",
            hint=f"check LLM_BASE_URL{f' and {proxy.variable}' if proxy is not None else ''}",
        ) from None


def _build_client(
    endpoint: Endpoint,
    ssl_context: SSLContext,
    proxy: Proxy | None,
    max_connections: int,
    begin_request: Callable[[], RequestEnd],
) -> AsyncOpenAI:
    import httpx2
    import openai

    from core.llm.http.counting_client import CountingClient

    own_headers = _is_meant_for_variables_of_sdk(endpoint.base_url)
    if own_headers:
        _check_variables_of_sdk()
    keepalive = LOCAL_KEEPALIVE_SECONDS if endpoint.is_local else REMOTE_KEEPALIVE_SECONDS
    http_client = CountingClient(
        begin_request=begin_request,
        is_counted=_is_callers_own,
        verify=ssl_context,
        follow_redirects=False,  # a redirected POST would become a GET without its body
        trust_env=False,  # the environment was read before: a variable for other servers must not break this client
        proxy=None if proxy is None else httpx2.Proxy(proxy.url, ssl_context=_context_of(proxy, ssl_context)),
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
    if not own_headers:
        # The SDK reads them from the environment; they must not reach other servers.
        client.organization = None
        client.project = None
        client._custom_headers = {}
    return client


def _context_of(proxy: Proxy, ssl_context: SSLContext) -> SSLContext | None:
    return ssl_context if proxy.url.startswith("https:") else None


def _is_meant_for_variables_of_sdk(base_url: str) -> bool:
    """Return whether OPENAI_ORG_ID, OPENAI_PROJECT_ID and OPENAI_CUSTOM_HEADERS are about this server."""
    theirs = os.environ.get("OPENAI_BASE_URL", "")
    return urlsplit(base_url).hostname == "api.openai.com" or (
        bool(theirs) and server_of(theirs) == server_of(base_url) != ""
    )


def _check_variables_of_sdk() -> None:
    for name in ("OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_CUSTOM_HEADERS"):
        value = os.environ.get(name, "")
        lines = value.split("\n") if name == "OPENAI_CUSTOM_HEADERS" else [value]
        if all(line.strip("\r").isascii() and line.strip("\r").isprintable() for line in lines):
            continue
        shown = MASK if name == "OPENAI_CUSTOM_HEADERS" else printable_line(value, MAX_SHOWN_CHARS)
        raise UsageError(f"{name}={shown} holds characters that no header can carry", hint="correct it, or unset it")
