"""Chooses the sandbox: the first rung that works here, or the one that is asked for, and why the others do not."""

from __future__ import annotations

import math
import platform
import sys
from dataclasses import dataclass

from core.execution.not_executed import NotExecuted
from core.execution.sandbox.command import MEBIBYTE, Limits
from core.execution.sandbox.container import Container
from core.execution.sandbox.sandbox import ProbeResult, Sandbox
from core.execution.sandbox.seatbelt import Seatbelt
from core.kinds import RungName, SandboxSetting
from core.settings import ExecutionSettings


@dataclass(frozen=True, slots=True)
class Rung:
    """One sandbox that was tried, and what came of it."""

    name: RungName
    probe: ProbeResult


@dataclass(frozen=True, slots=True)
class Ladder:
    """The sandbox that runs model-written code, or why none does, and every rung that was tried on the way."""

    chosen: Sandbox | NotExecuted
    tried: tuple[Rung, ...] = ()


_found: dict[tuple[SandboxSetting, str], Ladder] = {}


def rungs(execution: ExecutionSettings) -> tuple[Sandbox, ...]:
    """Return the sandboxes that the settings allow, best first."""
    setting = execution.sandbox
    if setting == "off" or sys.platform == "win32":
        return ()
    if setting == "container":
        return (Container(execution.container_image),)
    every: tuple[Sandbox, ...] = ()
    if sys.platform == "linux":
        from core.execution.sandbox.bubblewrap import Bubblewrap
        from core.execution.sandbox.landlock.rung import Landlock

        every = (Bubblewrap(), Landlock())
    elif sys.platform == "darwin":
        every = (Seatbelt(),)
    return every if setting == "auto" else tuple(sandbox for sandbox in every if sandbox.name == setting)


async def choose_sandbox(execution: ExecutionSettings) -> Sandbox | NotExecuted:
    """Return the sandbox that the settings ask for, or why nothing can be executed."""
    return (await climb(execution)).chosen


async def climb(execution: ExecutionSettings) -> Ladder:
    """Try the rungs of a setting, once in this process, and return what was found."""
    key = (execution.sandbox, execution.container_image)
    if key not in _found:
        _found[key] = await _climb(execution)
    return _found[key]


def limits_of(execution: ExecutionSettings) -> Limits:
    """Return what one execution of tests may use; CPU time is that of all its processes together."""
    seconds = execution.test_timeout
    return Limits(wall_seconds=seconds, cpu_seconds=math.ceil(seconds), memory_bytes=execution.memory_mb * MEBIBYTE)


async def _climb(execution: ExecutionSettings) -> Ladder:
    setting = execution.sandbox
    if setting == "off":
        return Ladder(
            NotExecuted("QUINTET_SANDBOX is off: nothing is executed", "set execution.sandbox to auto to run tests")
        )
    tried: list[Rung] = []
    for sandbox in rungs(execution):
        probe = await sandbox.probe()
        tried.append(Rung(sandbox.name, probe))
        if probe.works:
            return Ladder(sandbox, tuple(tried))
    if not tried:
        return Ladder(NotExecuted(f"there is no {_words(setting)} on {platform.system()}", _elsewhere()))
    reasons = "; ".join(f"{rung.name}: {rung.probe.detail}" for rung in tried)
    return Ladder(NotExecuted(f"no sandbox works here ({reasons})", tried[0].probe.hint), tuple(tried))


def _elsewhere() -> str:
    return "run Quintet in WSL" if sys.platform == "win32" else "set execution.sandbox to auto"


def _words(setting: SandboxSetting) -> str:
    return "sandbox" if setting == "auto" else f"sandbox of the kind {setting}"
