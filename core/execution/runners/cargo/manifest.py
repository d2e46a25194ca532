"""The Cargo.toml of a tree: what it needs from elsewhere, and one for a tree that has none."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

MANIFEST = "Cargo.toml"
DEFAULT_NAME = "delivered"
_USED = re.compile(r"^\s*(?:pub\s+)?(?:use|extern\s+crate)\s+(\w+)", re.MULTILINE)
_NOT_OURS = frozenset({"std", "core", "alloc", "crate", "super", "self", "test", "proc_macro"})
_TABLES = ("dependencies", "dev-dependencies", "build-dependencies")


def needed_crates(tree: Path) -> tuple[str, ...]:
    """Return the crates that a manifest takes from a registry or a repository: nothing is fetched here."""
    try:
        manifest = tomllib.loads((tree / MANIFEST).read_text(encoding="utf-8", errors="replace"))
    except (OSError, tomllib.TOMLDecodeError):
        return ()
    return tuple(sorted(set(_fetched(manifest))))


def write_manifest(tree: Path, test_paths: Sequence[str], code_paths: Sequence[str]) -> None:
    """Give a tree without a manifest one that names its library, its program and its tests."""
    if (tree / MANIFEST).exists():
        return
    code = [path for path in code_paths if path.endswith(".rs")]
    used = [name for path in test_paths for name in _USED.findall(_text(tree / path)) if name not in _NOT_OURS]
    libraries = [path for path in code if PurePosixPath(path).stem != "main"]
    library = next((path for path in libraries if PurePosixPath(path).stem in {"lib", *used}), None)
    library = library or next(iter(libraries), None)
    name = used[0] if used else PurePosixPath(library).stem if library else DEFAULT_NAME
    name = DEFAULT_NAME if name in {"lib", "main"} else name
    lines = ["[package]", f"name = {_quoted(name)}", 'version = "0.1.0"', 'edition = "2021"', "autobins = false"]
    if library is not None:
        lines += ["[lib]", f"name = {_quoted(name)}", f"path = {_quoted(library)}"]
    for path in (path for path in code if PurePosixPath(path).stem == "main"):
        lines += ["[[bin]]", f"name = {_quoted(name)}", f"path = {_quoted(path)}"]
    for path in (path for path in test_paths if path not in code and not path.startswith("tests/")):
        lines += ["[[test]]", f"name = {_quoted(PurePosixPath(path).stem)}", f"path = {_quoted(path)}"]
    (tree / MANIFEST).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _fetched(manifest: dict[str, Any]) -> Iterator[str]:
    for key in _TABLES:
        table = manifest.get(key)
        for name, value in table.items() if isinstance(table, dict) else ():
            if not (isinstance(value, dict) and "path" in value):
                yield name


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
