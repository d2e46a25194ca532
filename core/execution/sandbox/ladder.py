"""Chooses the sandbox: the first rung that works here, or the one that is asked for, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass

from core.execution.not_executed import NotExecuted
from core.execution.sandbox.bubblewrap import Bubblewrap
from core.execution.sandbox.sandbox import ProbeResult, Sandbox
from core.kinds import RungName, SandboxSetting


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


_found: dict[SandboxSetting, Ladder] = {}


def rungs(setting: SandboxSetting) -> tuple[Sandbox, ...]:
    """Return the sandboxes that a setting allows, best first."""
    every: tuple[Sandbox, ...] = (Bubblewrap(),)
    if setting == "auto":
        return every
    return tuple(sandbox for sandbox in every if sandbox.name == setting)


async def choose_sandbox(setting: SandboxSetting) -> Sandbox | NotExecuted:
    """Return the sandbox for a setting; what is found is kept for the life of this process."""
    return (await climb(setting)).chosen


async def climb(setting: SandboxSetting) -> Ladder:
    """Try the rungs of a setting once in this process, and return what was found."""
    if setting not in _found:
        _found[setting] = await _climb(setting)
    return _found[setting]


async def _climb(setting: SandboxSetting) -> Ladder:
    if setting == "off":
        return Ladder(
            NotExecuted("QUINTET_SANDBOX is off: nothing is executed", "set execution.sandbox to auto to run tests")
        )
    tried: list[Rung] = []
    for sandbox in rungs(setting):
        probe = await sandbox.probe()
        tried.append(Rung(sandbox.name, probe))
        if probe.works:
            return Ladder(sandbox, tuple(tried))
    if not tried:
        return Ladder(NotExecuted(f"the sandbox {setting} is not available here", "set execution.sandbox to auto"))
    reasons = "; ".join(f"{rung.name}: {rung.probe.detail}" for rung in tried)
    return Ladder(NotExecuted(f"no sandbox works here ({reasons})", tried[0].probe.hint), tuple(tried))
