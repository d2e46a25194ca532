"""What the files of a folder may not decide alone, for they may be a stranger's: who is told, and what is written where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr

from core.settings.addresses import is_loopback, server_of
from core.settings.origin import Given
from core.settings.reading import Reading

DATADOG = "datadog"  # its key says who gets the data, whatever the site

LOG_FILE = "logging.file"
EXPORTERS = ("telemetry.otel_endpoint", "telemetry.sentry_dsn", "telemetry.datadog_api_key")


def hold_back(reading: Reading, folder: Path, trusted: frozenset[str]) -> None:
    """Take out what a project's file says about exporters, unless it names this machine or the user trusts it.

    And its log file, unless that is inside the folder: lines are appended to whatever is there.
    """
    log_file = reading.values.get(LOG_FILE)
    if log_file is not None and log_file.origin.in_project and not _is_inside(str(log_file.value), folder):
        del reading.values[LOG_FILE]
        reading.warnings.append(
            f"{log_file.origin.place} was ignored: a file of this folder cannot have the log written elsewhere - "
            "set LOG_FILE in your environment if you want that"
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
