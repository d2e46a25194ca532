"""Changes single lines of the user's config.toml and writes it whole or not at all; comments and order stay."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from core.errors import WorkspaceError
from core.settings.sources.reading import UnreadableFileError, read_text_file
from core.settings.sources.toml import NotTomlError, lines_of, parse_toml
from core.system.atomic_file import write_atomically
from core.text.redaction import redact

HEADING = """\
# Your settings of Quintet, in whatever folder you start it. They win over the config.toml of a project.
# `quintet config show` lists every setting with its value and its source; docs/CONFIGURATION.md explains them.
"""
PRIVATE = 0o600  # nobody but its owner reads a file that holds a key


DiffSign = Literal["-", "+", " ", "@"]
"""Taken away, added, what stands around it; "@" names the table it is in."""


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a difference."""

    sign: DiffSign
    text: str


def with_values(text: str, changes: Mapping[str, object]) -> str:
    """Return a config.toml with these settings set, by dotted name; None takes a line away, all other lines stay.

    Raises:
        WorkspaceError: the text is no TOML, or is written in a way in which a line cannot be changed alone.
    """
    changed = text or (HEADING if changes else "")
    for name, value in changes.items():
        section, _, field = name.rpartition(".")
        before = _parsed(changed)
        changed = _without(changed, section, field) if value is None else _with(changed, section, field, value)
        if _without_empty_tables(_parsed(changed)) != _without_empty_tables(_expected(before, section, field, value)):
            raise _unchangeable(name)
    return changed


def difference(old: str, new: str) -> Iterator[DiffLine]:
    """Return what differs between two texts, each place with one line around it; keys are masked."""
    before, after = old.splitlines(), new.splitlines()
    for group in difflib.SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(1):
        yield DiffLine("@", _place(after, group[0][3]))
        for kind, old_start, old_end, new_start, new_end in group:
            if kind == "equal":
                yield from (DiffLine(" ", redact(line)) for line in before[old_start:old_end])
                continue
            yield from (DiffLine("-", redact(line)) for line in before[old_start:old_end])
            yield from (DiffLine("+", redact(line)) for line in after[new_start:new_end])


def write_user_file(path: Path, text: str, *, read: str, holds_key: bool) -> None:
    """Replace a file in one step; nobody but the user reads a new one, or one that holds a key.

    `read` is the text that the change was made from.

    Raises:
        WorkspaceError: the file says something else by now, is write-protected, or cannot be written.
    """
    target = path.resolve()  # of a link the file it leads to, as people keep their settings elsewhere
    try:
        if (read_text_file(target) or "") != read:
            raise WorkspaceError(f"{path} was changed by another program", hint="nothing was saved; look at it again")
        mode = PRIVATE
        if target.exists():
            if not os.access(target, os.W_OK):
                raise WorkspaceError(f"{path} is write-protected", hint="nothing was saved; change its rights")
            mode = PRIVATE if holds_key else target.stat().st_mode & 0o777
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_atomically(target, text.encode(), mode=mode, exact_mode=True)
    except UnreadableFileError as error:
        raise WorkspaceError(f"{path} {error}", hint="nothing was saved") from None
    except OSError as error:
        reason = error.strerror or str(error)
        raise WorkspaceError(f"{path} cannot be written: {reason}", hint="nothing was saved") from None


def _with(text: str, section: str, field: str, value: object) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    table = _parsed(text).get(section) if section else _parsed(text)
    headers = _headers(text)
    if isinstance(table, Mapping) and (field in table or (section and section not in headers and _is_inline(table))):
        try:
            document = tomlkit.parse(text)
            place: Any = document[section] if section else document  # Any: tomlkit's items have no common type
            place[field] = value
            return tomlkit.dumps(document)
        except TOMLKitError:
            raise _unchangeable(f"{section}.{field}") from None
    # Not by tomlkit: it takes the comment above the next table for a part of this one, and would put the line below it.
    line = f"{field} = {tomlkit.item(value).as_string()}"
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.split(newline)
    if section and section not in headers:
        return newline.join([text.rstrip("\r\n"), "", f"[{section}]", line, ""]).lstrip("\r\n")
    start = headers[section] if section else 0  # the index of the first line below the header
    end = min((number - 1 for number in headers.values() if number > start), default=len(lines))
    at, around = _insertion(lines, text, start, end, section, field)
    return newline.join([*lines[:at], line, *around, *lines[at:]])


def _insertion(
    lines: list[str], text: str, start: int, end: int, section: str, field: str
) -> tuple[int, tuple[str, ...]]:
    """Return the index that a new line gets between two others, and what comes between it and the next one."""
    sample = re.compile(rf"\s*#+\s*{re.escape(field)}\s*=")
    found = next((index for index in range(start, end) if sample.match(lines[index])), None)
    if found is not None:
        return found + 1, ()
    settings = [number for path, number in lines_of(text).items() if len(path) > 1 or not section]
    last = max((number - 1 for number in settings if start < number <= end), default=None)
    if last is not None:
        return _end_of_statement(lines, last), ()
    if section:
        return start, ()
    # At the top of a file without such a line: above the comment of the first table.
    while end > 0 and lines[end - 1].lstrip().startswith("#"):
        end -= 1
    return end, ("",)


def _end_of_statement(lines: list[str], start: int) -> int:
    for end in range(start + 1, len(lines)):
        try:
            tomllib.loads("\n".join(line.rstrip("\r") for line in lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
        return end
    return len(lines)


def _without(text: str, section: str, field: str) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document = tomlkit.parse(text)
        place: Any = document[section] if section else document  # Any: tomlkit's items have no common type
        del place[field]
        return tomlkit.dumps(document)
    except TOMLKitError:
        raise _unchangeable(f"{section}.{field}") from None


def _headers(text: str) -> dict[str, int]:
    """Return the line number of every header; of a table inside a table by its dotted name."""
    lines = text.split("\n")
    found: dict[str, int] = {}
    for path, number in lines_of(text).items():
        if lines[number - 1].lstrip().startswith("["):
            found.setdefault(".".join(map(str, path)), number)
    return found


def _place(lines: list[str], index: int) -> str:
    """Return the header that a line stands under."""
    headers = [number for number in _headers("\n".join(lines)).values() if number - 1 <= index]
    return redact(lines[max(headers) - 1].strip()) if headers else "the top of the file"


def _is_inline(table: Mapping[str, object]) -> bool:
    """Tell whether a table without a header is written as `llm = {...}` or `llm.model = ...`, and has a line to join."""
    return any(not (isinstance(value, dict) or _is_list_of_tables(value)) for value in table.values())


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value)


def _expected(tables: dict[str, Any], section: str, field: str, value: object) -> dict[str, Any]:  # as tomllib has it
    inside = dict(tables.get(section, {})) if section else dict(tables)
    if value is None:
        inside.pop(field, None)
    else:
        inside[field] = value
    return {**tables, section: inside} if section else inside


def _without_empty_tables(tables: dict[str, Any]) -> dict[str, Any]:  # as tomllib has it
    return {name: value for name, value in tables.items() if value != {}}


def _parsed(text: str) -> dict[str, Any]:  # as tomllib has it
    try:
        return parse_toml(text)
    except NotTomlError as error:
        raise WorkspaceError(f"your config.toml would not be valid TOML: {error}", hint="edit it by hand") from None


def _unchangeable(name: str) -> WorkspaceError:
    return WorkspaceError(
        f"{name.lstrip('.')} cannot be changed in your config.toml without changing other lines", hint="edit it by hand"
    )
