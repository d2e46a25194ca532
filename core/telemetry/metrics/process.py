"""Memory, processor time and age of this process."""

from __future__ import annotations

import time
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


_IMPORTED_AT = time.monotonic()


def process_gauges() -> dict[str, float]:
    """Return process.uptime in seconds, process.memory in bytes and process.cpu in percent since the last call.

    Without the last two if the system refuses.
    """
    import psutil

    uptime = {"process.uptime": time.monotonic() - _IMPORTED_AT}
    try:
        process = _this_process()
        # interval=None returns at once: it compares with the last call. The first one is 0.
        memory, cpu = process.memory_info().rss, process.cpu_percent(interval=None)
    except psutil.Error:
        return uptime
    return {**uptime, "process.memory": memory, "process.cpu": cpu}


@cache
def _this_process() -> psutil.Process:
    import psutil

    return psutil.Process()
