"""What delivered JavaScript needs beside Node.js: packages, and a Node.js that can run TypeScript."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

TYPESCRIPT_SUFFIXES = (".ts", ".mts", ".cts")
# The first versions that run TypeScript without an option.
TYPESCRIPT_SINCE = ((22, 18), (23, 6))
TESTS_SINCE = (20, 6)  # the first version whose loading of modules our list of tests can take part in
_IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['"]([^'"./][^'"]*)['"]""")
_VERSION = re.compile(r"v?(\d+)\.(\d+)")


def missing_packages(tree: Path, paths: Iterable[str]) -> tuple[str, ...]:
    """Return the packages that package.json declares and that files import: none can be installed here."""
    try:
        package = json.loads((tree / "package.json").read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return ()
    if not isinstance(package, dict):
        return ()
    tables = (package.get(key) for key in ("dependencies", "devDependencies", "peerDependencies"))
    declared = {name for table in tables if isinstance(table, dict) for name in table}
    imported = {_package(name) for path in paths for name in _imports(tree / path)}
    return tuple(sorted(declared & imported))


def runs_tests(version: str) -> bool:
    """Return whether tests can be listed and run with the Node.js of this version."""
    return _numbers(version) >= TESTS_SINCE


def runs_typescript(version: str) -> bool:
    """Return whether the Node.js of this version runs TypeScript as it is."""
    major, minor = _numbers(version)
    return (
        any(major == known and minor >= least for known, least in TYPESCRIPT_SINCE) or major > TYPESCRIPT_SINCE[-1][0]
    )


def _numbers(version: str) -> tuple[int, int]:
    found = _VERSION.match(version.strip())
    return (int(found[1]), int(found[2])) if found is not None else (0, 0)


def _imports(path: Path) -> list[str]:
    try:
        return _IMPORT.findall(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return []


def _package(name: str) -> str:
    parts = name.split("/")
    return "/".join(parts[:2]) if name.startswith("@") else parts[0]
