"""Modules that would be imported in the place of one of the standard library or of the test runner."""

from __future__ import annotations

import sys
from pathlib import PurePosixPath

TEST_RUNNER_MODULES = frozenset(
    {"pytest", "_pytest", "py", "pluggy", "iniconfig", "packaging", "pygments", "coverage", "hypothesis"}
)
"""What a test run imports besides the standard library: with one of these in its folder, no test proves anything."""

_HARMLESS = frozenset({"test", "tests"})  # a folder of tests is called so everywhere, and nothing imports Python's own
_SOURCE_ROOTS = frozenset({"src", "scripts", "bin", "tests", "test"})
_MODULE_SUFFIXES = frozenset({".py", ".pyi", ".pyc", ".pyw", ".so", ".pyd"})


def is_taken_name(module: str) -> bool:
    """Tell whether a module of that name, found first, would replace one that other code relies on."""
    name = module.casefold()
    if name in _HARMLESS:
        return False
    return name in sys.stdlib_module_names or module in sys.stdlib_module_names or name in TEST_RUNNER_MODULES


def hidden_by(path: str, module: str) -> str:
    """Return in words what a file of that path would do."""
    return f"{path} would be imported in the place of {module}, on which Python or the tests rely"


def shadowed_module(path: str) -> str | None:
    """Return the module that a file at `path` would hide, or None.

    A file hides a module if it is found from a folder that Python searches: the output folder itself, and those from
    which programs and tests are started. Inside a package a name such as types.py hides nothing.
    """
    name = PurePosixPath(path)
    if name.suffix.casefold() not in _MODULE_SUFFIXES:
        return None
    parts = [*name.parts[:-1], name.name.split(".", 1)[0]]
    while len(parts) > 1 and parts[0].casefold() in _SOURCE_ROOTS:
        parts = parts[1:]
    return parts[0] if is_taken_name(parts[0]) else None
