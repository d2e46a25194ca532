"""What the files of a folder may not decide alone, for they may be a stranger's: who is told, and what is written where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from core.addresses import is_loopback, server_of
from core.settings.schema.leaves import all_leaves
from core.settings.schema.origin import Given
from core.settings.sources.reading import Reading

DATADOG = "datadog"  # its key says who gets the data, whatever the site

PATHS = {
    "logging.file": "have the log written elsewhere",  # lines are appended to whatever is there
    "workspace.dir": "have other folders read",  # what is read goes to the model, at an address the same file may name
}
"""Paths that a project's file may only set inside its folder, and what it cannot do with them."""

EXPORTERS = ("telemetry.otel_endpoint", "telemetry.sentry_dsn", "telemetry.datadog_api_key")


def hold_back(reading: Reading, folder: Path, trusted: frozenset[str]) -> None:
    """Take out what a project's file says about exporters, unless it names this machine or the user trusts it.

    And paths that lead out of the folder.
    """
    for name, deed in PATHS.items():
        given = reading.values.get(name)
        if given is not None and given.origin.in_project and not _is_inside(str(given.value), folder):
            del reading.values[name]
            reading.warnings.append(
                f"{given.origin.place} was ignored: a file of this folder cannot {deed} - "
                f"set {all_leaves()[name].env[0]} in your environment if you want that"
            )
    for given, server in list(_named(reading.values, EXPORTERS)):
        if server not in trusted:
            del reading.values[given.name]
            reading.warnings.append(
                f"{given.origin.place} was ignored: nothing is reported to {server} because of a file of this folder - "
                "if you trust it, run `quintet config trust` here"
            )


def servers_elsewhere(values: Mapping[str, Given]) -> Iterator[tuple[str, str]]:
    """Return the servers, except on this machine, that a project's file names for keys and reports, with their places."""
    for given, server in _named(values, ("llm.base_url", *EXPORTERS)):
        yield server, given.origin.place


def _is_inside(path: str, folder: Path) -> bool:
    try:
        return (folder / Path(path).expanduser()).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # no home, a loop of links, a NUL: the check reports what it is
        return True


def _named(values: Mapping[str, Given], names: tuple[str, ...]) -> Iterator[tuple[Given, str]]:
    """Return what can be understood; the rest is left to the check, which reports it."""
    for name in names:
        given = values.get(name)
        if given is None or not given.origin.in_project:
            continue
        text = given.value.get_secret_value() if isinstance(given.value, SecretStr) else str(given.value)
        server = DATADOG if name.endswith("datadog_api_key") else server_of(text)
        if server and not is_loopback(server):
            yield given, server
