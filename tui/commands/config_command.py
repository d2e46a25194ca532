"""`quintet config`: what is set and by whom, what is wrong with it, and whom this folder's files may name."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

from core.addresses import OPENAI_BASE_URL
from core.errors import ConfigValidationError, UsageError, WorkspaceError
from core.kinds import FindingSeverity
from core.settings import Settings, examine_config, load_config
from core.settings.load import shorten_home
from core.settings.overview import ShownSetting, overview
from core.settings.schema.finding import Finding
from core.settings.sources.reading import UnreadableFileError
from core.settings.trust.folder import fingerprint, trust, trust_file
from core.system.path_state import output_folder_around
from tui.bindings import key_table
from tui.commands.output import print_text, say
from tui.exit_codes import EXIT_FAILED, EXIT_OK, EXIT_USAGE

MARKS: Mapping[FindingSeverity, str] = {"error": "MISTAKE", "warning": "note   ", "info": "info   "}
VALUE_WIDTH = 32  # longer values push their source to the right


def add_commands(parser: argparse.ArgumentParser, options: argparse.ArgumentParser) -> None:
    """Add show, check and trust, each with the options of a run that change settings, to the parser of `quintet config`."""
    commands = parser.add_subparsers(dest="command", required=True, metavar="show|check|trust")
    show = commands.add_parser(
        "show", parents=[options], help="every setting with its value and its source; keys are masked"
    )
    show.add_argument("--json", action="store_true", help="one JSON object: name to value and source")
    check = commands.add_parser(
        "check", parents=[options], help="every mistake and every doubt; exit code 0, or 2 when there are mistakes"
    )
    check.add_argument(
        "--json", action="store_true", help="a list of objects: severity, setting, value, source, message, hint"
    )
    commands.add_parser(
        "trust", parents=[options], help="send keys and reports to the servers that this folder's files name now"
    )


def run_config(options: argparse.Namespace, overrides: Mapping[str, object]) -> int:
    """Run one of the commands and return its exit code: 0 done, 1 failed, 2 wrong configuration."""
    try:
        if options.command == "show":
            return _show(overrides, as_json=options.json)
        if options.command == "check":
            return _check(overrides, as_json=options.json)
        return _trust(overrides)
    except ConfigValidationError as error:
        say(f"quintet: {error}")
        return EXIT_USAGE
    except WorkspaceError as error:
        say(f"quintet: {error}")
        return EXIT_FAILED


def _show(overrides: Mapping[str, object], *, as_json: bool) -> int:
    rows = list(overview(load_config(overrides=overrides)))
    if as_json:
        found = {row.name: {"value": row.value, "source": row.source} for row in rows}
        return _print([json.dumps(found, indent=2)])
    return _print(_aligned(rows))


def _aligned(rows: list[ShownSetting]) -> Iterator[str]:
    names = max(len(row.name) for row in rows)
    values = min(VALUE_WIDTH, max(len(_cell(row.value)) for row in rows))
    for row in rows:
        yield f"{row.name:{names}}  {_cell(row.value):{values}}  {row.source}"


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _check(overrides: Mapping[str, object], *, as_json: bool) -> int:
    found = examine_config(overrides=overrides)
    findings = [*found.findings, *_about_the_network(found.settings), *_about_the_screen(found.settings)]
    if as_json:
        code = _print([json.dumps([asdict(finding) for finding in findings], indent=2)])
    else:
        counts = Counter(finding.severity for finding in findings)
        lines = [
            f"{MARKS[severity]} {finding}" for severity in MARKS for finding in findings if finding.severity == severity
        ]
        lines.append(f"{_count(counts['error'], 'mistake')}, {_count(counts['warning'], 'note')}")
        code = _print(lines)
    return EXIT_USAGE if any(finding.severity == "error" for finding in findings) else code


def _about_the_network(settings: Settings) -> Iterator[Finding]:
    """Return what of the environment would stop a client for the configured servers, or an exporter; none is asked."""
    from core.network.certificates import bundle_of_requests, trusting_context
    from core.network.proxy import SOCKS_OF_REQUESTS, proxy_before
    from core.telemetry.export.exporters import export_addresses

    main = settings.llm.base_url or (OPENAI_BASE_URL if settings.llm.api_key is not None else None)
    addresses = [main, *(fallback.base_url for fallback in settings.llm.fallbacks)]
    said: set[str] = set()
    for address in dict.fromkeys(filter(None, addresses)):
        try:
            proxy_before(address)
            if address.startswith("https:"):
                trusting_context()
        except UsageError as error:
            if error.message not in said:
                said.add(error.message)
                yield Finding("error", error.message, error.hint, source="environment").printable()
    for address in export_addresses(settings):
        try:
            proxy_before(address, socks=SOCKS_OF_REQUESTS)
            if address.startswith("https:"):
                bundle_of_requests()
        except UsageError as error:
            if error.message not in said:
                said.add(error.message)
                message = f"{error.message}: nothing is exported"
                yield Finding("warning", message, error.hint, source="environment").printable()


def _about_the_screen(settings: Settings) -> Iterator[Finding]:
    """Return the doubts about settings that only the app knows."""
    for problem in key_table(settings.keys).problems:
        yield Finding("warning", problem, setting="keys").printable()
    for warning in _theme_warnings(settings):
        yield Finding("warning", warning, setting="ui.theme", source=settings.origin_of("ui.theme").place).printable()


def _theme_warnings(settings: Settings) -> Iterator[str]:
    from tui.theme import shipped_theme_names

    theme, names = settings.ui.theme, shipped_theme_names()
    if theme not in names:
        yield f"{settings.origin_of('ui.theme').place}: there is no theme {theme!r}; choose one of {', '.join(names)}"


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _trust(overrides: Mapping[str, object]) -> int:
    found = examine_config(overrides=overrides, trust_files=True)
    if found.problems:  # what a broken file names is not known, and the record would lose it
        raise ConfigValidationError(found.problems)
    folder, file = Path.cwd(), trust_file()
    lines = [f"trusted: {server} ({place})" for server, place in found.named_by_folder.items()]
    marks: list[str] = []
    if output_folder_around(folder) is not None:
        marks = [fingerprint(folder)]
        lines.append("trusted: config.toml and .env of this folder, as they are now")
    try:
        trust(folder, [*found.named_by_folder, *marks], file)
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorkspaceError(f"{file} cannot be written: {reason}", hint="mend its rights") from None
    except UnreadableFileError as error:
        raise WorkspaceError(f"{shorten_home(file)} {error}", hint="nothing was recorded") from None
    if not lines:
        return _print(["nothing is trusted here: no file of this folder names a server elsewhere"])
    when = "change" if marks else "name other servers"
    return _print([*lines, f"recorded in {shorten_home(file)}; when the files {when}, run this again"])


def _print(lines: Iterable[str]) -> int:
    return EXIT_OK if print_text(lines) else EXIT_FAILED
