"""Certificates, ports that speak something else, and proxies: what a connection meets before a request is sent."""

from __future__ import annotations

import asyncio
import shutil
from typing import Any

import pytest

from core.errors import LLMCallError
from core.llm.faults import Fault
from core.llm.http.pool import ClientPool
from core.llm.servers.facts import list_models
from tests.support.call_harness import CallHarness
from tests.support.fault_server import FaultServer, Step, hang_up, status
from tests.support.loopback_server import LoopbackServer
from tests.support.tls_server import Authority, new_authority

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="certificates are made with openssl")

OWN_NAME = "IP:127.0.0.1"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return new_authority(tmp_path_factory.mktemp("authority"))


async def _fail(base_url: str, **settings: Any) -> tuple[LLMCallError, CallHarness]:
    """Return how a call to an address fails, and the harness that made it."""
    async with FaultServer() as unused, ClientPool() as pool:
        harness = CallHarness(unused, pool)
        harness.configure(**settings)
        return await harness.fail(endpoint=harness.endpoint(base_url=base_url, kind="remote")), harness


async def test_a_certificate_of_an_authority_that_the_environment_names_is_trusted(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with FaultServer(tls=authority.server_context(OWN_NAME)) as server, ClientPool() as pool:
        harness = CallHarness(server, pool)

        assert (await harness.call()).text == "Hello there"


@pytest.mark.parametrize(
    ("name", "expired", "trusted", "words", "hint"),
    [
        (OWN_NAME, False, False, "unable to get local issuer certificate", "SSL_CERT_FILE"),
        (OWN_NAME, True, True, "certificate has expired", "new certificate"),
        ("DNS:example.org", False, True, "127.0.0.1", "the name that its certificate is for"),
    ],
    ids=["not trusted", "expired", "another name"],
)
async def test_a_certificate_that_cannot_be_trusted_is_asked_for_once_and_named(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    expired: bool,
    trusted: bool,
    words: str,
    hint: str,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    async with FaultServer(tls=authority.server_context(name, expired=expired)) as server:
        failed, harness = await _fail(server.base_url)

    assert (failed.kind, failed.attempts) == ("connect", 1)
    assert "its certificate is not trusted" in failed.message
    assert words in failed.message
    assert hint in failed.hint
    assert harness.counted_failures == 0


async def test_a_variable_of_other_programs_that_names_certificates_is_told_to_be_none_of_ours(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.file))
    async with FaultServer(tls=authority.server_context(OWN_NAME)) as server:
        failed, _ = await _fail(server.base_url)

    assert "REQUESTS_CA_BUNDLE is not read here: set SSL_CERT_FILE" in failed.hint


async def test_an_http_address_whose_port_speaks_https_says_so(authority: Authority) -> None:
    async with FaultServer(tls=authority.server_context(OWN_NAME)) as server:
        failed, harness = await _fail(server.base_url.replace("https:", "http:"))

    assert (failed.kind, failed.attempts, harness.counted_failures) == ("connect", 1, 0)
    assert "its port speaks https, not http" in failed.message
    assert f"write {server.base_url} " in failed.hint


@pytest.mark.parametrize(
    "words",
    [
        "<html><center>The plain HTTP request was sent to HTTPS port</center>nginx</html>",
        "Client sent an HTTP request to an HTTPS server.\n",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
        "Bad Request\nThis combination of host and port requires TLS.",
    ],
    ids=["nginx", "Go", "Apache", "Tomcat"],
)
async def test_a_server_that_says_itself_that_it_wants_https_is_believed(words: str) -> None:
    async with FaultServer() as server:
        server.answer_by(lambda _body: status(400, words))
        failed, _ = await _fail(server.base_url)

    assert (failed.kind, failed.attempts) == ("connect", 1)
    assert "its port speaks https, not http" in failed.message


async def test_a_server_that_only_hangs_up_is_not_taken_for_one_that_wants_https() -> None:
    async with FaultServer() as server:
        server.answer_by(lambda _body: hang_up())
        failed, _ = await _fail(server.base_url)

    assert (failed.kind, failed.attempts) == ("disconnected", 4)


class _PlainServer(LoopbackServer):
    """Answers whatever it gets as a server does that speaks no TLS, or is silent if told so."""

    is_silent = False

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.read(1)
        if self.is_silent:
            await reader.read()
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()


async def test_an_https_address_whose_port_speaks_http_says_so() -> None:
    async with _PlainServer() as server:
        failed, harness = await _fail(f"https://127.0.0.1:{server.port}/v1")

        assert (failed.kind, failed.attempts) == ("connect", 1)
    assert "its port speaks http, not https" in failed.message
    assert f"write http://127.0.0.1:{server.port}/v1 " in failed.hint
    assert harness.counted_failures == 0


async def test_a_tls_handshake_that_does_not_end_is_a_connection_that_is_not_accepted() -> None:
    async with _PlainServer() as server:
        server.is_silent = True
        failed, harness = await _fail(f"https://127.0.0.1:{server.port}/v1", max_retries=1, connect_timeout=0.3)

    assert (failed.kind, failed.attempts, harness.counted_failures) == ("connect_timeout", 2, 2)
    assert "the TLS handshake did not end" in failed.message


async def test_whoever_asks_for_the_models_hears_of_it_too(authority: Authority) -> None:
    async with FaultServer(tls=authority.server_context(OWN_NAME)) as server, ClientPool() as pool:
        harness = CallHarness(server, pool)
        for address, words in (
            (server.base_url, "its certificate is not trusted"),
            (server.base_url.replace("https:", "http:"), "its port speaks https"),
        ):
            with pytest.raises(Fault, match=words):
                await list_models(pool, harness.endpoint(base_url=address), 5.0)


@pytest.mark.parametrize(
    ("answer", "attempts", "words"),
    [
        (status(407, "", {"Proxy-Authenticate": "Basic"}), 1, "407"),
        (status(403, "forbidden"), 1, "403"),
        (status(502, "bad gateway"), 4, "502"),
    ],
    ids=["407", "403", "502"],
)
async def test_a_proxy_that_refuses_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, answer: Step, attempts: int, words: str
) -> None:
    async with _Proxy() as proxy:
        proxy.answer = answer.pieces[0] if isinstance(answer.pieces[0], bytes) else b""
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:swordfish@127.0.0.1:{proxy.port}")
        failed, _ = await _fail("https://llm.example.org/v1")

    assert (failed.kind, failed.attempts) == ("connect", attempts)
    assert f"through the proxy HTTPS_PROXY=http://***@127.0.0.1:{proxy.port}: {words}" in failed.message
    assert "NO_PROXY" in failed.hint
    assert "swordfish" not in f"{failed} {failed.hint}"


async def test_a_proxy_that_wants_a_password_is_named_for_an_http_address_too(monkeypatch: pytest.MonkeyPatch) -> None:
    async with _Proxy() as proxy:
        proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        failed, _ = await _fail("http://llm.example.org/v1")

    assert (failed.kind, failed.attempts) == ("connect", 1)
    assert f"HTTP_PROXY=http://127.0.0.1:{proxy.port}: 407" in failed.message
    assert "HTTP_PROXY" in failed.hint


class _Proxy(LoopbackServer):
    """Answers every request to be connected alike."""

    answer = b""

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(self.answer)
        await writer.drain()


@pytest.mark.parametrize("kind", ["nothing listens", "no such host"])
async def test_a_proxy_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    address = "http://127.0.0.1:9" if kind == "nothing listens" else "http://proxy.invalid:3128"
    monkeypatch.setenv("ALL_PROXY", address)
    failed, _ = await _fail("http://llm.example.org/v1", max_retries=0)

    assert (failed.kind, failed.attempts) == ("connect", 1)
    assert f"through the proxy ALL_PROXY={address}" in failed.message
    assert "ALL_PROXY" in failed.hint
