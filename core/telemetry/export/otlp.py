"""Where OTLP goes, and how: addresses, headers and time limits of every destination."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import requests
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.resources import OTELResourceDetector, Resource

from core.addresses import needs_no_proxy
from core.network.certificates import bundle_of_requests
from core.network.proxy import SOCKS_OF_REQUESTS, proxy_before

TIMEOUT_SECONDS = 2.0
INTERVAL_SECONDS = 60.0
MAX_LENGTH_DIGITS = 4  # answers below 10 kB are read; only the status is used
_CREDENTIAL_PROVIDERS = tuple(
    f"OTEL_PYTHON_EXPORTER_OTLP_HTTP_{signal}CREDENTIAL_PROVIDER" for signal in ("", "METRICS_", "TRACES_")
)
_WIRE_HEADERS = frozenset({"user-agent", "content-type", "content-encoding"})

# Where no handler is found, the standard library prints on the terminal; our log gets these lines nevertheless.
logging.getLogger("opentelemetry").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Destination:
    """A server that takes OTLP over HTTP.

    `own_headers` None: the user's own server, so the standard OTEL_* variables count. Otherwise nothing but these
    headers is sent: a key for one server must not travel to another.
    """

    metrics_url: str
    traces_url: str
    is_delta: bool = False
    own_headers: Mapping[str, str] | None = field(default=None, repr=False)
    trace_headers: Mapping[str, str] = field(default_factory=dict)

    def check_route(self) -> None:
        """Raise UsageError if a variable of the environment, such as a proxy, stands in the way of this server."""
        for url in (self.metrics_url, self.traces_url):
            _Route.to(url)

    def metric_exporter(self) -> OTLPMetricExporter:
        """Return an exporter of metrics to this server; the caller shuts it down."""
        return OTLPMetricExporter(
            endpoint=self.metrics_url,
            headers=self.own_headers,
            timeout=self._timeout("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT"),
            compression=self._compression("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION"),
            session=self._session(self.metrics_url),
            meter_provider=NoOpMeterProvider(),
        )

    def span_exporter(self) -> OTLPSpanExporter:
        """Return an exporter of spans to this server; the caller shuts it down."""
        headers = None if self.own_headers is None else {**self.own_headers, **self.trace_headers}
        return OTLPSpanExporter(
            endpoint=self.traces_url,
            headers=headers,
            timeout=self._timeout("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT"),
            compression=self._compression("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"),
            session=self._session(self.traces_url),
            meter_provider=NoOpMeterProvider(),
        )

    def _timeout(self, variable: str) -> float | None:
        """Return our time limit; None where a variable of the user sets it."""
        return None if self._is_set(variable, "OTEL_EXPORTER_OTLP_TIMEOUT") else TIMEOUT_SECONDS

    def _compression(self, variable: str) -> Compression | None:
        return None if self._is_set(variable, "OTEL_EXPORTER_OTLP_COMPRESSION") else Compression.Gzip

    def _is_set(self, *variables: str) -> bool:
        return self.own_headers is None and any(os.environ.get(variable) for variable in variables)

    def _session(self, url: str) -> requests.Session | None:
        if self.own_headers is None and any(os.environ.get(name) for name in _CREDENTIAL_PROVIDERS):
            return None  # the exporter takes its session from the credential provider
        allowed = _WIRE_HEADERS | {name.lower() for name in [*(self.own_headers or ()), *self.trace_headers]}
        route = _Route.to(url)
        session = _ShortAnswerSession(route) if self.own_headers is None else _OwnHeadersSession(route, allowed)
        # No proxy and no .netrc for a server on this machine.
        session.trust_env = not needs_no_proxy(url)
        return session


@dataclass(frozen=True, slots=True)
class _Route:
    """How a server is reached, in the words of requests: as that of the language model is, by the same variables."""

    proxies: Mapping[str, str] = field(repr=False)
    bundle: str | None

    @classmethod
    def to(cls, url: str) -> Self:
        """Return the route to an address; raises UsageError if a variable of the environment stands in the way."""
        proxy = proxy_before(url, socks=SOCKS_OF_REQUESTS)
        proxies = {"no_proxy": "*"} if proxy is None else {"http": proxy.url, "https": proxy.url}
        return cls(proxies, bundle_of_requests() if url.startswith("https:") else None)


class _ShortAnswerSession(requests.Session):
    """Reads the head of an answer, and its body only when it is short.

    The time limits hold for one read each: an endless answer would fill the memory, or block an exporter for ever.
    """

    def __init__(self, route: _Route) -> None:
        super().__init__()
        self._route = route

    def request(self, *args: Any, **options: Any) -> requests.Response:  # as the base class takes them
        options["proxies"] = dict(self._route.proxies)
        if options.get("verify") in (None, True) and self._route.bundle is not None:
            options["verify"] = self._route.bundle
        response = super().request(*args, **{**options, "stream": True})
        length = response.headers.get("Content-Length", "")
        if len(length) <= MAX_LENGTH_DIGITS and length.isdecimal():
            _ = response.content  # the connection can be used again
        else:
            response.close()
        return response


class _OwnHeadersSession(_ShortAnswerSession):
    """Sends no header and no certificate that OTEL_* variables set for another server."""

    def __init__(self, route: _Route, allowed: frozenset[str]) -> None:
        super().__init__(route)
        self._allowed = allowed

    def request(self, *args: Any, **options: Any) -> requests.Response:  # as the base class takes them
        given: Mapping[str, str] = options.pop("headers", None) or {}
        headers = {name: value for name, value in given.items() if name.lower() in self._allowed}
        self.cert = None
        return super().request(*args, **{**options, "headers": headers, "verify": True})


def user_destination(base_url: str) -> Destination:
    """Return the user's own server; OTEL_* variables for one signal win over its address, as the standard says."""
    base = base_url.rstrip("/")
    preference = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "")
    return Destination(
        os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT") or f"{base}/v1/metrics",
        os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or f"{base}/v1/traces",
        is_delta=preference.lower() in ("delta", "lowmemory"),
    )


def datadog_destination(api_key: str, base_url: str) -> Destination:
    """Return Datadog's own intake; it refuses cumulative metrics, and its intake of traces is a preview."""
    base = base_url.rstrip("/")
    return Destination(
        f"{base}/v1/metrics",
        f"{base}/v1/traces",
        is_delta=True,
        own_headers={"dd-api-key": api_key},
        trace_headers={"dd-otlp-source": "llmobs"},
    )


def our_resource(version: str) -> Resource:
    """Return our service's name and version; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES win."""
    return Resource({"service.name": "quintet", "service.version": version}).merge(OTELResourceDetector().detect())


def interval_seconds() -> float:
    """Return how often metrics are sent: every minute, or as OTEL_METRIC_EXPORT_INTERVAL says in milliseconds."""
    try:
        milliseconds = float(os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", ""))
    except ValueError:
        return INTERVAL_SECONDS
    return milliseconds / 1000 if milliseconds >= 1000 else INTERVAL_SECONDS


def is_switched_off() -> bool:
    """Whether OTEL_SDK_DISABLED, the standard's own switch, is set."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
