"""OpenTelemetry: traces of the events and reports of the metrics, to every destination that is configured."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opentelemetry.metrics import NoOpMeterProvider
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from core.clock import Clock
from core.events import Event
from core.telemetry.export.metric_push import MetricPush
from core.telemetry.export.otlp import Destination, interval_seconds, is_switched_off, our_resource
from core.telemetry.export.spans import SpanSink
from core.telemetry.metrics.registry import MetricsRecorder


class OtelExport:
    """Sends from its construction on; has providers of its own, never the global ones.

    Attributes:
        closers: functions that end it, each blocking while its server is slow: to be called in parallel.
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        *,
        recorder: Callable[[], MetricsRecorder],
        clock: Clock,
        capture_content: bool,
        version: str,
    ) -> None:
        resource = our_resource(version)
        meters = NoOpMeterProvider()  # with the global one the SDK would record metrics of its own
        provider = TracerProvider(resource=resource, shutdown_on_exit=False, meter_provider=meters)
        self._sink = SpanSink(provider.get_tracer("quintet", version), capture_content=capture_content)
        self.closers: list[Callable[[], None]] = []
        if is_switched_off():
            return
        for destination in destinations:
            processor = BatchSpanProcessor(destination.span_exporter(), meter_provider=meters)
            provider.add_span_processor(processor)
            push = MetricPush(
                destination.metric_exporter(),
                recorder,
                resource,
                is_delta=destination.is_delta,
                interval_seconds=interval_seconds(),
                clock=clock,
            )
            self.closers += [processor.shutdown, push.close]

    def receive(self, event: Event) -> None:
        """Take an event of a run; returns at once, whatever the servers do."""
        self._sink.receive(event)

    def end_spans(self) -> None:
        """End the open spans; to be called before the closers."""
        self._sink.close()
