"""What the files of a folder may decide, for they may be a stranger's: which servers they may name, and which paths.

A user who trusts them has the servers that they name recorded, outside of every project. Not the folder as such is trusted:
a later change of its files to another server has to be trusted again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from core.addresses import is_loopback, server_of
from core.settings.schema.catalogue import setting_fields
from core.settings.schema.origin import SourcedValue
from core.settings.sources.reading import SourceReading, UnreadableFileError, read_text_file
from core.system.atomic_file import write_atomically

DATADOG = "datadog"  # its key says who gets the data, whatever the site

PATHS = {
    "logging.file": "have the log written elsewhere",  # lines are appended to whatever is there
    "workspace.dir": "have other folders read",  # what is read goes to the model, at an address the same file may name
}
"""Paths that a project's file may only set inside its folder, and what it cannot do with them."""

PROJECT_FILES = ("config.toml", ".env")

EXPORTERS = ("telemetry.otel_endpoint", "telemetry.sentry_dsn", "telemetry.datadog_api_key")


def drop_untrusted(reading: SourceReading, folder: Path, trusted: frozenset[str]) -> None:
    """Take out what a project's file says about exporters, unless it names this machine or the user trusts it.

    And paths that lead out of the folder.
    """
    for name, deed in PATHS.items():
        found = reading.values.get(name)
        if found is not None and found.origin.in_project and not _is_inside(str(found.value), folder):
            del reading.values[name]
            reading.warn(
                f"{found.origin.place} was ignored: a file of this folder cannot {deed}",
                hint=f"set {setting_fields()[name].env[0]} in your environment if you want that",
                setting=name,
                source=found.origin.place,
            )
    for found, server in list(_servers_named(reading.values, EXPORTERS)):
        if server not in trusted:
            del reading.values[found.name]
            reading.warn(
                f"{found.origin.place} was ignored: nothing is reported to {server} because of a file of this folder",
                hint="if you trust it, run `quintet config trust` here",
                setting=found.name,
                source=found.origin.place,
            )


def fingerprint(folder: Path) -> str:
    """Return what tells this content of the folder's files from any other; it stands among the servers that are trusted."""
    digest = hashlib.sha256()
    for name in PROJECT_FILES:
        try:
            text = read_text_file(folder / name)
        except UnreadableFileError as error:
            text = str(error)
        digest.update(f"{name}:{'' if text is None else len(text)}:{text}".encode())
    return f"files {digest.hexdigest()}"


def unread(folder: Path, maker: Path) -> SourceReading:
    """Return what is said of the files of a folder that Quintet made, which are not read."""
    reading = SourceReading()
    for name in PROJECT_FILES:
        if os.path.lexists(folder / name):
            reading.warn(
                f"{name} was not read: {maker} was made by Quintet, and a file that a model wrote decides nothing here",
                hint="look at it, and run `quintet config trust` if it is to count",
                source=name,
            )
    return reading


def servers_elsewhere(values: Mapping[str, SourcedValue]) -> Iterator[tuple[str, str]]:
    """Return the servers, except on this machine, that a project's file names for keys and reports, with their places."""
    for found, server in _servers_named(values, ("llm.base_url", *EXPORTERS)):
        yield server, found.origin.place


def trust_file() -> Path:
    """Return the path of the record, whether it exists or not."""
    from platformdirs import user_state_path

    return user_state_path("quintet", appauthor=False) / "trusted.json"


def trusted_servers(folder: Path, file: Path) -> frozenset[str]:
    """Return the servers that the user trusts the files of this folder to name; none if the record is not readable."""
    try:
        return frozenset(_read(file).get(_key(folder), ()))
    except UnreadableFileError:
        return frozenset()


def trust(folder: Path, servers: Iterable[str], file: Path) -> None:
    """Record these servers in place of those that were trusted before; nobody but the user can read the record.

    Raises:
        UnreadableFileError: there is something else in place of the record; it is left alone.
        OSError: the record cannot be written.
    """
    record = {**_read(file), _key(folder): sorted(servers)}
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_atomically(file, json.dumps(record, indent=2).encode())


def _is_inside(path: str, folder: Path) -> bool:
    try:
        return (folder / Path(path).expanduser()).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # no home, a loop of links, a NUL: the check reports what it is
        return True


def _servers_named(values: Mapping[str, SourcedValue], names: tuple[str, ...]) -> Iterator[tuple[SourcedValue, str]]:
    """Return what can be understood; the rest is left to the check, which reports it."""
    for name in names:
        found = values.get(name)
        if found is None or not found.origin.in_project:
            continue
        text = found.value.get_secret_value() if isinstance(found.value, SecretStr) else str(found.value)
        server = DATADOG if name.endswith("datadog_api_key") else server_of(text)
        if server and not is_loopback(server):
            yield found, server


def _key(folder: Path) -> str:
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
