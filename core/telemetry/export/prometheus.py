"""The metrics as a page for Prometheus, on this machine only; it is built when it is read."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, groupby
from socketserver import ThreadingTCPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import MetricsHandler
from prometheus_client.registry import Collector

from core.metrics_catalogue import METRICS
from core.system.local_port import HOST, hold, release
from core.telemetry.export.totals import read_totals
from core.telemetry.logs import log
from core.telemetry.metrics.registry import MetricsRecorder
from core.telemetry.metrics.series import SeriesTotals

CLIENT_SECONDS = 10.0  # a client that sends nothing for so long is disconnected
POLL_SECONDS = 0.05


class TotalsCollector(Collector):
    """Yields the totals as they are at the time of a scrape."""

    def __init__(self, recorder: Callable[[], MetricsRecorder]) -> None:
        self._recorder = recorder

    def collect(self) -> Iterable[Metric]:
        """Yield one family for each metric that holds a value: llm.request becomes llm_request_seconds."""
        totals = sorted(read_totals(self._recorder()), key=lambda series: series.name)
        for name, series in groupby(totals, key=lambda series: series.name):
            yield _family(name, series)


class MetricsPage:
    """Serves the metrics at http://127.0.0.1:PORT/metrics from its construction to `close`.

    Raises:
        OSError: the port is taken.
    """

    def __init__(self, port: int, recorder: Callable[[], MetricsRecorder]) -> None:
        registry = CollectorRegistry()
        registry.register(TotalsCollector(recorder))
        self._server = _PageServer((HOST, port), _handler(registry))
        self._port = self._server.server_address[1]
        hold(self._port)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(POLL_SECONDS,), name="metrics page", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Free the port; a page that is being sent is cut off."""
        self._server.shutdown()
        self._server.server_close()
        release(self._port)
        self._thread.join()


class _PageServer(ThreadingTCPServer):  # the library's HTTP server would look this machine's name up in the DNS
    daemon_threads = True
    allow_reuse_address = sys.platform != "win32"  # there it would let two processes share the port
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # as the base class has them
        """Log what the base class would print on the terminal, mostly clients that disconnect."""
        del request, client_address
        log("WARNING", "the metrics page could not be served", exception=sys.exc_info()[1])


def _handler(registry: CollectorRegistry) -> type[MetricsHandler]:
    class PageHandler(MetricsHandler):
        timeout = CLIENT_SECONDS

    PageHandler.registry = registry
    return PageHandler


def _family(name: str, series: Iterator[SeriesTotals]) -> Metric:
    metric = METRICS[name]
    labels = sorted(metric.tags)
    flat = name.replace(".", "_")
    text = f"{metric.description} ({'seconds' if metric.kind == 'timing' else metric.unit})"
    match metric.kind:
        case "counter":
            counter = CounterMetricFamily(flat, text, labels=labels)
            for one in series:
                counter.add_metric(_values(one, labels), one.total)
            return counter
        case "gauge":
            gauge = GaugeMetricFamily(flat, text, labels=labels)
            for one in series:
                gauge.add_metric(_values(one, labels), one.last)
            return gauge
        case "timing":
            histogram = HistogramMetricFamily(f"{flat}_seconds", text, labels=labels)
            bounds = [*map(str, metric.bucket_bounds_seconds), "+Inf"]
            for one in series:
                buckets = list(zip(bounds, accumulate(one.buckets), strict=True))
                histogram.add_metric(_values(one, labels), buckets, one.total / 1000)
            return histogram


def _values(series: SeriesTotals, labels: list[str]) -> list[str]:
    tags = dict(series.tags)
    return [tags.get(label, "") for label in labels]
