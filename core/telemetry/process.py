"""Memory and processor time of this process."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil


def process_gauges() -> dict[str, float]:
    """Return process.memory in bytes and process.cpu in percent since the last call; empty if the system refuses."""
    import psutil

    try:
        process = _this_process()
        # interval=None returns at once: it compares with the last call. The first one is 0.
        return {"process.memory": process.memory_info().rss, "process.cpu": process.cpu_percent(interval=None)}
    except psutil.Error:
        return {}


@cache
def _this_process() -> psutil.Process:
    import psutil

    return psutil.Process()
