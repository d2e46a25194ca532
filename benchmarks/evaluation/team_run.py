"""One run of Quintet as a user starts it, `quintet run --json`, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.evaluation.model import Model

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class TeamRun:
    """How a run ended; `status` is "error" when it told no end."""

    status: str
    verdict: str
    reason: str
    exit_code: int
    calls: int
    tokens: int
    seconds: float
    folder: Path

    @property
    def files_delivered(self) -> bool:
        """Whether there is a folder at all."""
        return self.folder.is_dir()


async def run_team(
    task: str, folder: Path, model: Model, *, temperature: float | None, seconds: float, agents: str = ""
) -> TeamRun:
    """Run a task to its end, or stop it after `seconds`; its files are in `folder`. `agents` are all when it is empty."""
    started = time.monotonic()
    status, verdict, reason = "error", "none", "no end was told"
    calls = tokens = 0
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, **model.environment, "HOME": home, "PYTHONPATH": str(ROOT)}
        environment |= {
            "XDG_CONFIG_HOME": f"{home}/config",
            "XDG_DATA_HOME": f"{home}/data",
            "XDG_STATE_HOME": f"{home}/state",
        }
        if temperature is not None:
            environment["LLM_TEMPERATURE"] = str(temperature)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tui.commands.cli", "run", task),
            *("--output", str(folder), "--json", "--yes"),
            *(("--agents", agents) if agents else ()),
            cwd=home,
            env=environment,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=1 << 26,
        )
        try:
            async with asyncio.timeout(seconds):
                if process.stdout is None:
                    raise RuntimeError("no pipe to the run")
                async for line in process.stdout:
                    told = _event(line)
                    if told.get("type") == "call_finished" and not told.get("cached"):
                        usage = told.get("usage") or {}
                        calls += 1
                        tokens += int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0))
                    elif told.get("type") == "run_finished":
                        status, verdict, reason = str(told["status"]), str(told["verdict"]), str(told["reason"])
                await process.wait()
        except TimeoutError:
            status, reason = "stopped", f"it took more than {seconds:.0f} s"
        finally:
            if process.returncode is None:
                process.terminate()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(20):
                        await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
    exit_code = process.returncode if process.returncode is not None else -1
    return TeamRun(status, verdict, reason, exit_code, calls, tokens, time.monotonic() - started, folder)


def _event(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
