"""The command line for macOS's sandbox; what it holds is not tried, as nothing here runs on macOS."""

from __future__ import annotations

from pathlib import Path

from core.execution.sandbox.command import SandboxedCommand
from core.execution.sandbox.seatbelt import Seatbelt, seatbelt_arguments


def test_paths_are_parameters_and_never_rules() -> None:
    folder = Path('/made/up/a") (allow network*) ("')
    command = SandboxedCommand(("pytest", "-q"), folder, (Path("/opt/python"),))
    arguments = seatbelt_arguments(command, Path("/private/tmp/own"))
    profile = arguments[2]
    assert "(deny default)" in profile
    assert "network" not in profile
    assert f"WRITE0={folder}" in arguments
    assert '(allow file-write* (subpath (param "WRITE0")) (subpath (param "WRITE1")) (literal "/dev/null"))' in profile
    assert arguments[-3:] == ["sh", "pytest", "-q"]


def test_it_says_that_nobody_tried_it() -> None:
    assert any("do not run on macOS" in lack for lack in Seatbelt().not_covered)
