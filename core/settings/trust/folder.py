"""Remembers which servers the user trusts a folder's files to name; kept outside of every project.

Not the folder as such is trusted: a later change of its files to another server has to be trusted again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from core.atomic_file import write_atomically
from core.settings.sources.text_file import UnreadableFileError, read_text_file


def trust_file() -> Path:
    """Return the path of the record, whether it exists or not."""
    from platformdirs import user_state_path

    return user_state_path("quintet", appauthor=False) / "trusted.json"


def trusted_servers(folder: Path, file: Path) -> frozenset[str]:
    """Return the servers that the user trusts the files of this folder to name; none if the record is not readable."""
    try:
        return frozenset(_read(file).get(_name(folder), ()))
    except UnreadableFileError:
        return frozenset()


def trust(folder: Path, servers: Iterable[str], file: Path) -> None:
    """Record these servers in place of those that were trusted before; nobody but the user can read the record.

    Raises:
        UnreadableFileError: there is something else in place of the record; it is left alone.
        OSError: the record cannot be written.
    """
    record = {**_read(file), _name(folder): sorted(servers)}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(file, json.dumps(record, indent=2).encode())


def _name(folder: Path) -> str:
    return str(folder.resolve())


def _read(file: Path) -> dict[str, list[str]]:
    text = read_text_file(file)
    try:
        record = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        record = None
    if not isinstance(record, dict):
        raise UnreadableFileError("is damaged - remove it, and trust your folders again")
    return {
        folder: [server for server in servers if isinstance(server, str)]
        for folder, servers in record.items()
        if isinstance(servers, list)
    }
