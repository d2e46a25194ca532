"""Memory, processor time and age of this process."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

from core.telemetry.metrics.registry import MetricsRecorder

if TYPE_CHECKING:
    import psutil


_IMPORTED_AT = time.monotonic()


def record_process_gauges(recorder: MetricsRecorder) -> None:
    """Measure process.uptime, process.memory and process.cpu; without the last two if the system refuses."""
    import psutil

    recorder.record("process.uptime", "gauge", time.monotonic() - _IMPORTED_AT, None)
    try:
        process = _this_process()
        # interval=None returns at once: it compares with the last call. The first one is 0.
        memory, cpu = process.memory_info().rss, process.cpu_percent(interval=None)
    except psutil.Error:
        return
    recorder.record("process.memory", "gauge", memory, None)
    recorder.record("process.cpu", "gauge", cpu, None)


@cache
def _this_process() -> psutil.Process:
    import psutil

    return psutil.Process()
