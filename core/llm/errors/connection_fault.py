"""Names what keeps a connection from being made: a certificate, a port that speaks something else, a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from core.errors import UsageError
from core.kinds import FaultKind
from core.llm.endpoint import Endpoint
from core.llm.faults import Fault, clean_detail
from core.network.certificates import trust_hint
from core.network.proxy import Proxy, proxy_before

if TYPE_CHECKING:
    import ssl

MAX_CAUSES = 10
CLOSED_BY_SERVER = frozenset({"UNEXPECTED_EOF_WHILE_READING"})  # it may have a bad moment
# What OpenSSL makes of bytes that are no TLS.
NO_TLS = frozenset({
    "WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "UNKNOWN_PROTOCOL", "PACKET_LENGTH_TOO_LONG",
    "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE", "BAD_RECORD_TYPE", "INVALID_RECORD_TYPE",
})  # fmt: skip
EXPIRED, NOT_YET_VALID, OTHER_NAME, OTHER_ADDRESS = 10, 9, 62, 64  # X509_V_ERR_*


def connection_fault(kind: FaultKind, error: BaseException, endpoint: Endpoint, *, in_tls: bool = False) -> Fault:
    """Return the fault of a connection that was not made; `in_tls`: it was open, and TLS had begun.

    What the next attempt would meet again is not retried, and no breaker counts it.
    """
    if (tls := _tls_error(error)) is not None and (fault := _tls_fault(tls, endpoint)) is not None:
        return fault
    detail = clean_detail(str(error), endpoint.api_key)
    if in_tls and not detail:
        detail = "the TLS handshake did not end"
    proxy = _proxy_before(endpoint)
    if proxy is None:
        return Fault(kind, endpoint, detail=detail)
    name = urlsplit(endpoint.base_url).hostname
    return Fault(
        kind,
        endpoint,
        detail=f"through the proxy {proxy}{f': {detail}' if detail else ''}",
        action="fail" if detail.startswith(("403", "407")) else None,
        hint=f"check the proxy and {proxy.variable}, or add {name} to NO_PROXY",
    )


def refused_by_proxy(endpoint: Endpoint) -> Fault | None:
    """Return the fault of a proxy that wants a name and a password; None if there is no proxy before an endpoint."""
    proxy = _proxy_before(endpoint)
    if proxy is None:
        return None
    return Fault(
        "connect",
        endpoint,
        detail=f"through the proxy {proxy}: 407 it wants a name and a password",
        action="fail",
        outcome="neutral",
        hint=f"write them into {proxy.variable}, like http://name:password@host:port",
    )


def wrong_scheme(endpoint: Endpoint) -> Fault:
    """Return the fault of an http address whose port speaks https, or the other way round."""
    scheme = urlsplit(endpoint.base_url).scheme
    other = "http" if scheme == "https" else "https"
    address = f"{other}{endpoint.shown_url.removeprefix(scheme)}"
    hint = f"write {address} (LLM_BASE_URL)"
    detail = f"its port speaks {other}, not {scheme}"
    return Fault("connect", endpoint, detail=detail, action="fail", outcome="neutral", hint=hint)


def _tls_fault(error: ssl.SSLError, endpoint: Endpoint) -> Fault | None:
    import ssl

    host = endpoint.host
    if isinstance(error, ssl.SSLCertVerificationError):
        said = clean_detail(error.verify_message or str(error)).rstrip(".")
        hint = {
            EXPIRED: f"{host} needs a new certificate; also check the clock of this machine",
            NOT_YET_VALID: "check the clock of this machine",
            OTHER_NAME: "use the name that its certificate is for (LLM_BASE_URL)",
            OTHER_ADDRESS: "use the name that its certificate is for (LLM_BASE_URL)",
        }.get(error.verify_code, "") or trust_hint(host)
        detail = f"its certificate is not trusted ({said})"
    elif error.reason in NO_TLS:
        return wrong_scheme(endpoint)
    elif not error.reason or error.reason in CLOSED_BY_SERVER:
        return None
    else:
        detail = f"it does not agree on TLS ({clean_detail(error.reason.replace('_', ' ').lower())})"
        hint = "ask who runs it which TLS versions and client certificates it wants"
    return Fault("connect", endpoint, detail=detail, action="fail", outcome="neutral", hint=hint)


def _tls_error(error: BaseException) -> ssl.SSLError | None:
    import ssl

    return next((cause for cause in _causes(error) if isinstance(cause, ssl.SSLError)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(MAX_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _proxy_before(endpoint: Endpoint) -> Proxy | None:
    try:
        return proxy_before(endpoint.base_url)
    except UsageError:  # it was usable when the client was built
        return None
