"""A server on loopback that keeps every request of an exporter, and answers it or never answers."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request; the body is unpacked."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class OtlpReceiver:
    """Use it as a context manager; `status` is the answer to every request, None means that none is answered."""

    status: int | None = 200
    posted: list[ReceivedRequest] = field(default_factory=list)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closing: threading.Event = field(default_factory=threading.Event)
    _server: ThreadingTCPServer = field(init=False)

    def __enter__(self) -> Self:
        self._server = _ReceiverServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *unused: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def until(self, condition: Callable[[], bool]) -> None:
        """Return when the condition holds; it is asked after every request."""
        with self._changed:
            assert self._changed.wait_for(condition, timeout=30), "nothing came"

    def take(self, posted: ReceivedRequest) -> int | None:
        """Keep a request and return the status to answer with; None once the test is over."""
        with self._changed:
            self.posted.append(posted)
            self._changed.notify_all()
        if self.status is None:
            self._closing.wait()
        return self.status

    def at(self, path: str) -> list[ReceivedRequest]:
        """Return the requests to a path."""
        return [posted for posted in self.posted if posted.path == path]

    def all_bytes(self) -> bytes:
        """Return everything that came, headers included."""
        return b"\n".join(
            repr((posted.path, sorted(posted.headers.items()))).encode() + b"\n" + posted.body for posted in self.posted
        )

    def spans(self) -> list[Span]:
        """Return the spans of all requests in the order of their ends."""
        requests = [ExportTraceServiceRequest.FromString(posted.body) for posted in self.at("/v1/traces")]
        return [
            span
            for request in requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def metrics(self, path: str = "/v1/metrics") -> list[Metric]:
        """Return the metrics of all requests to a path."""
        requests = [ExportMetricsServiceRequest.FromString(posted.body) for posted in self.at(path)]
        return [
            metric
            for request in requests
            for resource in request.resource_metrics
            for scope in resource.scope_metrics
            for metric in scope.metrics
        ]


def attributes_of(thing: Any) -> dict[str, Any]:  # a span or a data point of OTLP
    """Return OTLP's attributes as a plain dict."""
    pairs: list[KeyValue] = list(thing.attributes)
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:  # what OTLP allows
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None


class _ReceiverServer(ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # an exporter that hangs up is what we test
        del request, client_address


def _handler(receiver: OtlpReceiver) -> type[BaseHTTPRequestHandler]:
    class ReceiverHandler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = receiver.take(ReceivedRequest(self.path, headers, body))
            if status is not None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

        def log_message(self, *args: object) -> None:
            """Print nothing."""

    return ReceiverHandler
