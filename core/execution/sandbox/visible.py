"""What every sandboxed command sees of the machine: system folders, an interpreter, a handful of variables."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from core.execution.sandbox.command import SandboxedCommand

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store")
SYSTEM_FILES = (
    *("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/etc/mime.types"),
    # Without its configuration OpenSSL ends the program that it is part of, where it is denied and not missing.
    *("/etc/ssl/openssl.cnf", "/etc/pki/tls/openssl.cnf", "/etc/crypto-policies"),
)
SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"
MOST_LINKS = 16


def system_paths() -> tuple[Path, ...]:
    """Return what of the system is there and may be read: programs and libraries, nothing about users and hosts."""
    return tuple(path for name in SYSTEM_FOLDERS + SYSTEM_FILES if (path := Path(name)).exists())


def interpreter_paths(python: Path | None = None) -> tuple[Path, ...]:
    """Return the folders that a Python needs, its virtual environment and each installation that its links lead through.

    Without a name it is the Python that runs Quintet.
    """
    folders = {Path(sys.prefix), Path(sys.base_prefix)} if python is None else set[Path]()
    for link in _links(python or Path(sys.executable)):
        folders.add(link.parent.parent if link.parent.name == "bin" else link.parent)
    return tuple(sorted(folder for folder in folders if not _is_system(folder) and folder.exists()))


def environment_of(command: SandboxedCommand, temporary: str) -> dict[str, str]:
    """Return all variables that the command sees."""
    own = {"PATH": SYSTEM_PATH, "HOME": str(command.folder), "LANG": "C.UTF-8", "TMPDIR": temporary}
    return own | dict(command.environment)


def _links(path: Path) -> Iterator[Path]:
    """Yield a path and where each link on the way to its end leads, with folders that are links followed as well."""
    for _ in range(MOST_LINKS):
        yield path
        yield path.parent.resolve() / path.name
        if not path.is_symlink():
            return
        path = Path(os.path.normpath(path.parent / path.readlink()))


def _is_system(folder: Path) -> bool:
    return any(folder.is_relative_to(name) for name in SYSTEM_FOLDERS) or folder == Path("/")
