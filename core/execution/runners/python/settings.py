"""The settings of pytest in a delivered tree, and what is wrong when pytest refuses to start with them."""

from __future__ import annotations

import configparser
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

from core.execution.results import BrokenFile, CodePlace

# The order in which pytest looks, each with the part of it that makes it pytest's.
SETTINGS_FILES = ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
_CONFTEST = re.compile(r"while loading conftest '([^']+)'")
_TRACED = re.compile(r"^(\S+\.py):(\d+): in ", re.MULTILINE)


def refusal(tree: Path, test_paths: Sequence[str], output: str) -> BrokenFile:
    """Return which file keeps pytest from starting: a conftest.py that raises, or settings that it does not know."""
    lines = output.strip().splitlines()
    if conftest := _CONFTEST.search(output):
        said = [line[1:].strip() for line in lines if line.startswith("E ")]
        traced = [(path, int(line)) for path, line in _TRACED.findall(output) if not path.endswith("conftest.py")]
        place = next((CodePlace(*each) for each in reversed(traced) if (tree / each[0]).is_file()), None)
        message = said[-1] if said else f"{conftest[1]} cannot be imported"
        return BrokenFile(conftest[1], message, "\n".join(lines[-20:]), place)
    configuration = find_settings(tree)
    path = configuration.name if configuration is not None else next(iter(test_paths), "")
    errors = [line.removeprefix("ERROR: ") for line in lines if "error:" in line.lower()]
    return BrokenFile(path, errors[-1] if errors else "pytest refuses its settings", "\n".join(lines[-20:]))


def find_settings(tree: Path) -> Path | None:
    """Return the file with pytest's settings, found in the tree alone: what lies above it is none of its business."""
    return next((tree / name for name in SETTINGS_FILES if _is_settings(tree / name)), None)


def _is_settings(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix == ".toml":
        try:
            tool = tomllib.loads(path.read_text(encoding="utf-8", errors="replace")).get("tool", {})
        except tomllib.TOMLDecodeError:
            return True  # pytest says what is wrong with it
        return "ini_options" in tool.get("pytest", {})
    if path.name.endswith("pytest.ini"):
        return True
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except configparser.Error:
        return True
    return parser.has_section("tool:pytest" if path.name == "setup.cfg" else "pytest")
