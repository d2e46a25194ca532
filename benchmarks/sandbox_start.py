"""Time that a sandbox adds to a command: `true` in each one that works here, against `true` started bare.

The sides alternate, the figure is the median. Run it with `uv run python -m benchmarks.sandbox_start`. The goal is a start
below 100 ms.
"""

from __future__ import annotations

import asyncio
import json
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from core.execution.sandbox.command import SandboxedCommand
from core.execution.sandbox.ladder import rungs
from core.settings import ExecutionSettings

ROUNDS = 30
GOAL_MILLISECONDS = 100.0


async def bare(folder: Path) -> float:
    """Return the milliseconds that a command takes without any sandbox."""
    started = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        "true", cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()
    return (time.perf_counter() - started) * 1000


async def main() -> None:
    """Print the figures as JSON."""
    sandboxes = [sandbox for sandbox in rungs(ExecutionSettings()) if (await sandbox.probe()).works]
    taken: dict[str, list[float]] = {"bare": []} | {sandbox.name: [] for sandbox in sandboxes}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for _ in range(ROUNDS):
            taken["bare"].append(await bare(folder))
            for sandbox in sandboxes:
                result = await sandbox.run(SandboxedCommand(("true",), folder))
                taken[sandbox.name].append(result.seconds * 1000)
    medians = {side: round(statistics.median(values), 1) for side, values in taken.items()}
    report = {
        "goal_ms": GOAL_MILLISECONDS,
        "median_ms": medians,
        "largest_ms": {side: round(max(values), 1) for side, values in taken.items()},
        "rounds": ROUNDS,
        "quintet": version("quintet"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    asyncio.run(main())
