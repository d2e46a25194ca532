"""A whole delivery run on the embedded model, headless: seconds, and the peak memory of our process and of the model's.

Run it with `uv run python -m benchmarks.whole_run`; on Linux, `taskset -c 0,1` in front limits it to two cores.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from tui.words.sample import SAMPLE_TASK

SAMPLE_EVERY_SECONDS = 0.1
MEBIBYTE = 1024 * 1024


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "HOME": folder, "PYTHONPATH": str(Path.cwd())}
        started = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "tui.commands.cli", "run", SAMPLE_TASK],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        ours = psutil.Process(process.pid)
        peak_ours = peak_model = 0
        while process.poll() is None:
            try:
                peak_ours = max(peak_ours, ours.memory_info().rss)
                children = [child.memory_info().rss for child in ours.children()]
                peak_model = max([peak_model, *children])
            except psutil.NoSuchProcess:
                break
            time.sleep(SAMPLE_EVERY_SECONDS)
        output, _ = process.communicate()
        print(
            json.dumps(
                {
                    "benchmark": "whole_run",
                    "seconds": round(time.perf_counter() - started, 1),
                    "exit_code": process.returncode,
                    "files": len(output.splitlines()),
                    "our_peak_mib": peak_ours // MEBIBYTE,
                    "model_peak_mib": peak_model // MEBIBYTE,
                    "cores": len(ours_affinity()),
                    "python": platform.python_version(),
                }
            )
        )


def ours_affinity() -> list[int]:
    """Return the cores this benchmark, and so the run, may use."""
    return list(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


if __name__ == "__main__":
    main()
