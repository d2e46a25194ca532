"""Starts the exporters that the settings name, passes events on to them, and ends them within a time limit."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import TYPE_CHECKING, Self

from core.clock import Clock, SystemClock
from core.errors import UsageError
from core.system.local_port import METRICS_HINT, no_metrics_message
from core.telemetry.logs import log
from core.telemetry.metrics import process_registry
from core.text.install_hints import install_extra
from core.text.redaction import redact

if TYPE_CHECKING:
    from core.events import Event
    from core.settings import Settings
    from core.telemetry.export.otel import OtelExport
    from core.telemetry.export.sentry import SentryReports
    from core.telemetry.metrics.registry import MetricsRecorder

STOP_SECONDS = 1.4  # the app may be held up for 2 s; the rest is for its own end, on a busy machine too


class Exporters:
    """All exporters of an engine; use it as an async context manager.

    Nothing of any exporter is imported before `start`, and then only what is configured. Everything is sent by threads
    of their own, so that a server that is away or silent does not delay the app.

    Args:
        settings: the checked configuration.
        recorder: returns the current metrics; called each time, because they can be switched off and on.
        clock: the time of the reports.
        datadog_url: Datadog's intake; None means that of the site in the settings.

    Attributes:
        warnings: what is configured and cannot work, one sentence each; known once `start` has returned.
        takes_events: whether `receive` does anything with an event.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        recorder: Callable[[], MetricsRecorder] = process_registry,
        clock: Clock | None = None,
        datadog_url: str | None = None,
    ) -> None:
        self.warnings: tuple[str, ...] = ()
        self.takes_events = False
        self._telemetry = settings.telemetry
        self._environment = settings.profile or "default"
        self._recorder = recorder
        self._clock = clock or SystemClock()
        self._datadog_url = datadog_url or _datadog_intake(settings)
        self._otel: OtelExport | None = None
        self._sentry: SentryReports | None = None
        self._closers: list[Callable[[], None]] = []
        self._refusals: dict[str, tuple[UsageError, list[str]]] = {}  # by what is wrong with the environment

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start what is configured; add a warning for what cannot be started."""
        telemetry = self._telemetry
        if telemetry.metrics_port is not None:
            await self._start(["METRICS_PORT"], _import_prometheus, self._serve_metrics, "prometheus-client is missing")
        wants_otel = [
            name
            for name, value in (
                ("OTEL_EXPORTER_OTLP_ENDPOINT", telemetry.otel_endpoint),
                ("DATADOG_API_KEY", telemetry.datadog_api_key),
            )
            if value is not None
        ]
        if wants_otel:
            await self._start(wants_otel, _import_otel, self._send_otlp, "otel")
        if telemetry.sentry_dsn is not None:
            await self._start(["SENTRY_DSN"], _import_sentry, self._report_to_sentry, "sentry")
        for error, names in self._refusals.values():
            self._warn(f"nothing is exported for {' and '.join(names)}: {redact(str(error))}")

    def receive(self, event: Event) -> None:
        """Take an event of a run, on the event loop's thread; returns at once and never raises."""
        if self._otel is None:
            return
        try:
            self._otel.receive(event)
        except Exception as error:  # noqa: BLE001 - a fault of an exporter must not reach the run
            self._otel, self.takes_events = None, False
            log("WARNING", "traces end here: an exporter failed on an event", exception=error)

    def report(self, error: BaseException) -> None:
        """Take a fault of our own; returns at once and never raises."""
        if self._sentry is None:
            return
        try:
            self._sentry.report(error)
        except Exception as failure:  # noqa: BLE001 - as in `receive`
            log("WARNING", "a fault could not be reported", exception=failure)

    async def stop(self, limit_seconds: float = STOP_SECONDS) -> None:
        """Send what is waiting and end; what is not sent within the limit is dropped."""
        otel, self._otel, self._sentry = self._otel, None, None
        self.takes_events = False
        if otel is not None:
            otel.end_spans()
        closers, self._closers = self._closers, []
        await _run_aside(closers, limit_seconds)

    async def _start(
        self, names: Sequence[str], load: Callable[[], object], begin: Callable[[], None], extra: str
    ) -> None:
        try:
            await asyncio.to_thread(load)  # some of the libraries read their variables already now
            begin()
        except ImportError:
            for name in names:
                self._warn(f"{name} is set but quintet[{extra}] is not installed - {install_extra(extra)}")
        except UsageError as error:
            self._refuse(names, error)
        except Exception as error:  # noqa: BLE001 - a library may refuse its variables with any error, and the app works without it
            log("WARNING", "an exporter could not be started", exception=error)
            self._warn(f"nothing is exported for {' and '.join(names)}: {redact(str(error))} - correct it or unset it")

    def _serve_metrics(self) -> None:
        from core.telemetry.export.prometheus import MetricsPage

        port = self._telemetry.metrics_port or 0
        try:
            page = MetricsPage(port, self._recorder)
        except OSError as error:
            self._warn(f"{no_metrics_message(port, error.strerror or str(error))} - {METRICS_HINT}")
            return
        self._closers.append(page.close)

    def _send_otlp(self) -> None:
        from core.telemetry.export.otel import OtelExport
        from core.telemetry.export.otlp import datadog_destination, user_destination

        telemetry = self._telemetry
        wanted = {}
        if telemetry.otel_endpoint is not None:
            wanted["OTEL_EXPORTER_OTLP_ENDPOINT"] = user_destination(telemetry.otel_endpoint)
        if telemetry.datadog_api_key is not None:
            key = telemetry.datadog_api_key.get_secret_value()
            wanted["DATADOG_API_KEY"] = datadog_destination(key, self._datadog_url)
        destinations = []
        for name, destination in wanted.items():
            try:
                destination.check_route()
                destinations.append(destination)
            except UsageError as error:
                self._refuse([name], error)
        if not destinations:
            return
        self._otel = OtelExport(
            destinations,
            recorder=self._recorder,
            clock=self._clock,
            capture_content=telemetry.capture_content,
            version=_our_version(),
        )
        self.takes_events = True
        self._closers += self._otel.closers

    def _report_to_sentry(self) -> None:
        from core.telemetry.export.sentry import SentryReports

        dsn = self._telemetry.sentry_dsn
        if dsn is not None:
            self._sentry = SentryReports(
                dsn.get_secret_value(),
                environment=self._environment,
                version=_our_version(),
                with_texts=self._telemetry.capture_content,
            )
            self._closers.append(self._sentry.close)

    def _refuse(self, names: Sequence[str], error: UsageError) -> None:
        _, refused = self._refusals.setdefault(error.message, (error, []))
        refused.extend(names)

    def _warn(self, warning: str) -> None:
        self.warnings = (*self.warnings, warning)


def export_addresses(settings: Settings) -> tuple[str, ...]:
    """Return where the exporters that the settings name send to."""
    telemetry = settings.telemetry
    datadog = _datadog_intake(settings) if telemetry.datadog_api_key is not None else None
    dsn = telemetry.sentry_dsn.get_secret_value() if telemetry.sentry_dsn is not None else None
    return tuple(filter(None, (telemetry.otel_endpoint, datadog, dsn)))


def _datadog_intake(settings: Settings) -> str:
    return f"https://otlp.{settings.telemetry.datadog_site}"


def _import_prometheus() -> None:
    import core.telemetry.export.prometheus  # noqa: F401 - in a thread: it takes longer than a frame


def _import_otel() -> None:
    import core.telemetry.export.otel  # noqa: F401 - as above


def _import_sentry() -> None:
    import core.telemetry.export.sentry  # noqa: F401 - as above


def _our_version() -> str:
    try:
        return version("quintet")
    except PackageNotFoundError:  # run from a checkout
        return "0"


async def _run_aside(calls: Sequence[Callable[[], None]], limit_seconds: float) -> None:
    """Run blocking calls side by side and wait for them at most so long.

    In threads of their own, because the event loop waits for its own threads when it closes.
    """
    loop = asyncio.get_running_loop()
    all_done = asyncio.Event()
    left = len(calls)

    def one_done() -> None:
        nonlocal left
        left -= 1
        if not left:
            all_done.set()

    def run(call: Callable[[], None]) -> None:
        try:
            call()
        except Exception as error:  # noqa: BLE001 - a fault of an exporter must not break the end of the app
            log("WARNING", "an exporter could not be ended", exception=error)
        with suppress(RuntimeError):  # the loop is closed, the limit is over
            loop.call_soon_threadsafe(one_done)

    for call in calls:
        threading.Thread(target=run, args=(call,), name="exporter's end", daemon=True).start()
    if calls:
        try:
            async with asyncio.timeout(limit_seconds):
                await all_done.wait()
        except TimeoutError:
            log("WARNING", "exporters were left before they had sent everything", limit_seconds=limit_seconds)
