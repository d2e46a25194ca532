"""Looking at an existing folder for a review: what is in it, and the sources that may be shown to a model."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.text.sanitize import escape_controls, normalise_newlines, plain_line
from core.workspace.files.manifest import is_ours

MAX_LISTED = 200
MAX_SCANNED = 5000
MAX_DEPTH = 8
MAX_SOURCE_BYTES = 64 * 1024

_SKIPPED_FOLDERS = frozenset(
    [
        ".git",
        ".hg",
        ".svn",
        ".quintet",
        ".venv",
        "venv",
        "env",
        ".env",
        "node_modules",
        "bower_components",
        "__pycache__",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".tox",
        ".nox",
        ".eggs",
        "dist",
        "build",
        "target",
        ".idea",
        ".vscode",
        ".ssh",
        ".aws",
        ".gnupg",
        ".kube",
        ".terraform",
        ".cache",
        "site-packages",
    ]
)
_SECRET_NAMES = re.compile(
    r"\.env(?!\.(?:example|sample|template|dist)$)(?:\..+)?|\.envrc|.*\.(?:pem|key|p12|pfx|jks|keystore|kdbx|ppk|asc|gpg|tfstate)"
    r"|id_(?:rsa|dsa|ecdsa|ed25519)(?:[._-].*)?|credentials?(?:\..*)?|.*[._-]credentials?(?:\..*)?|secrets?(?:\..*)?"
    r"|\.(?:netrc|npmrc|pypirc|htpasswd|pgpass|git-credentials)|service[-_]account.*\.json|.*\.secret",
    re.IGNORECASE,
)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_BINARY_SNIFF_BYTES = 8192
_LIMITS = ("larger than", "no room left", "too deep", "more than")


@dataclass(frozen=True, slots=True)
class SourceFiles:
    """Whole files as (path, text), and one line for each file or folder that was left out, with the reason.

    `cut` are those of the lines that only a limit of size or number left out.
    """

    files: tuple[tuple[str, str], ...]
    left_out: tuple[str, ...]
    cut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FoundPath:
    path: str
    bytes: int
    why_not: str  # empty when the file may be read
    depth: int


def may_hold_secret(name: str) -> bool:
    """Return whether a file of this name, without its folder, is one that may hold a secret."""
    return _SECRET_NAMES.fullmatch(name) is not None


def list_folder(root: Path, *, max_files: int = MAX_LISTED, max_depth: int = MAX_DEPTH) -> str:
    """Return one line a file, "path (bytes)", and at the end what was left out; links are never followed."""
    entries = list(_scan(root, max_depth))
    shown = [f"{entry.path} ({entry.bytes} bytes)" for entry in entries if not entry.why_not]
    lines = shown[:max_files]
    if len(shown) > max_files:
        lines.append(f"... and {len(shown) - max_files} more files")
    skipped = [f"{entry.path} ({entry.why_not})" for entry in entries if entry.why_not]
    if skipped:
        more = f" and {len(skipped) - 20} more" if len(skipped) > 20 else ""
        lines.append(f"left out: {', '.join(skipped[:20])}{more}")
    return "\n".join(lines) if lines else "(empty)"


def files_to_execute(root: Path, *, max_files: int, max_bytes: int) -> tuple[str, ...]:
    """Return the files of a folder that its tests may need, nearest to its root first, within limits.

    Left out are version control, environments, caches, links, and whatever may hold a secret.
    """
    paths: list[str] = []
    used = 0
    for entry in sorted(_scan(root, MAX_DEPTH), key=lambda entry: (entry.depth, entry.path)):
        used += 0 if entry.why_not else entry.bytes
        if used > max_bytes or len(paths) == max_files:
            break
        paths += [] if entry.why_not else [entry.path]
    return tuple(paths)


def read_sources(
    root: Path, budget_bytes: int, *, max_file_bytes: int = MAX_SOURCE_BYTES, max_depth: int = MAX_DEPTH
) -> SourceFiles:
    """Return the text files of a folder, nearest to its root first, whole, until the budget is used up.

    Left out: version control, environments, caches, links, binaries, large files, and whatever may hold a secret.
    """
    files: list[tuple[str, str]] = []
    left_out: list[str] = []
    cut: list[str] = []
    used = 0
    for entry in sorted(_scan(root, max_depth), key=lambda entry: (entry.depth, entry.path)):
        why_not, text = entry.why_not, ""
        if not why_not and entry.bytes > max_file_bytes:
            why_not = f"larger than {max_file_bytes} bytes"
        if not why_not and used + entry.bytes > budget_bytes:
            why_not = "no room left"
        if not why_not:
            text, why_not = _read_text(root / entry.path, max_file_bytes)
        if why_not:
            left_out.append(f"{entry.path}: {why_not}")
            cut += left_out[-1:] if why_not.startswith(_LIMITS) else []
            continue
        used += entry.bytes
        files.append((entry.path, text))
    return SourceFiles(tuple(files), tuple(left_out), tuple(cut))


def _scan(root: Path, max_depth: int) -> Iterator[_FoundPath]:
    waiting = [("", 0)]
    scanned = 0
    while waiting:
        folder, depth = waiting.pop(0)
        try:
            with os.scandir(root / folder) as found:
                children = sorted(found, key=lambda child: child.name)
        except OSError as error:
            yield _FoundPath(plain_line(folder, limit=200) or ".", 0, f"cannot be read: {error.strerror}", depth)
            continue
        for child in children:
            scanned += 1
            path = f"{folder}/{child.name}" if folder else child.name
            if scanned > MAX_SCANNED:
                yield _FoundPath("the rest", 0, f"more than {MAX_SCANNED} entries", depth)
                return
            entry = _look_at(child, path, depth)
            if entry is not None:
                yield entry
            elif is_ours(root / path):
                yield _FoundPath(path, 0, "delivered by Quintet", depth)
            elif depth + 1 >= max_depth:
                yield _FoundPath(path, 0, "too deep", depth)
            else:
                waiting.append((path, depth + 1))


def _look_at(child: os.DirEntry[str], path: str, depth: int) -> _FoundPath | None:
    """Return what a child is; None for a folder to look into."""
    if escape_controls(child.name) != child.name:
        return _FoundPath(plain_line(path, limit=200), 0, "unreadable name", depth)
    try:
        status = child.stat(follow_symlinks=False)
    except OSError as error:
        return _FoundPath(path, 0, f"cannot be read: {error.strerror}", depth)
    if child.is_symlink():
        return _FoundPath(path, 0, "a link", depth)
    if stat.S_ISDIR(status.st_mode):
        is_environment = Path(child.path, "pyvenv.cfg").exists()
        return (
            _FoundPath(path, 0, "skipped folder", depth) if child.name in _SKIPPED_FOLDERS or is_environment else None
        )
    if not stat.S_ISREG(status.st_mode):
        return _FoundPath(path, 0, "not a regular file", depth)
    if may_hold_secret(child.name):
        return _FoundPath(path, 0, "may hold a secret", depth)
    return _FoundPath(path, status.st_size, "", depth)


def _read_text(path: Path, limit_bytes: int) -> tuple[str, str]:
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            content = file.read(limit_bytes + 1)
    except OSError as error:
        return "", f"cannot be read: {error.strerror}"
    if len(content) > limit_bytes:
        return "", f"larger than {limit_bytes} bytes"
    if b"\0" in content[:_BINARY_SNIFF_BYTES]:
        return "", "binary"
    try:
        text = normalise_newlines(content.decode())
    except UnicodeDecodeError:
        return "", "binary"
    return ("", "may hold a secret") if _PRIVATE_KEY.search(text) else (text, "")
