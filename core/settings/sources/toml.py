"""Settings from a config.toml, each with the table and the line it stood in; the standard library tells no lines.

It is parsed within limits that no configuration reaches: a strange file must not stop or hang us.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from core.settings.schema.catalogue import TableSetting, sections, setting_fields, table_settings
from core.settings.sources.reading import SourceFile, SourceReading, UnreadableFileError, read_text_file
from core.text.suggest import did_you_mean, suggest

TomlPath = tuple[str | int, ...]
"""Leads to a table or a setting: ("llm", "fallbacks", 0, "model")."""

KEYS_TABLE = "keys"
TABLE_CUTOFF = 0.75  # names of tables are short: `theme` must not pass for [team]

MAX_DEPTH = 50  # of tables and lists in each other
MAX_INTEGER_BITS = 64  # as TOML has it

TOO_DEEP = "nested too deeply"
TOO_LONG = "holds a number that is too long"

_LONG_NAME = re.compile(rf"(?<![\w\"'-])(?:[\w\"'-]+[ \t]*\.[ \t]*){{{MAX_DEPTH}}}")

_TOKEN = re.compile(
    r"""(?P<string>\"{3}(?:\\.|[^\\])*?\"{3,5}(?!\")|'{3}.*?'{3,5}(?!')|"(?:\\.|[^"\\\n])*"|'[^'\n]*')"""
    r"""|(?P<skip>\#[^\n]*|[ \t\r]+)|(?P<mark>[][{}=.,\n])|(?P<bare>[^][{}=.,\n\s"'\#]+)""",
    re.DOTALL,
)


class NotTomlError(Exception):
    """The text cannot be used; `line` and `column` are None where the parser does not tell."""

    def __init__(self, reason: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(reason)
        self.line = line
        self.column = column


def read_toml(file: SourceFile) -> SourceReading:
    """Return what a config.toml says; nothing if there is none."""
    reading = SourceReading()
    try:
        text = read_text_file(file.path)
    except UnreadableFileError as error:
        reading.refuse(f"{file.shown}: {error}", source=file.shown)
        return reading
    if text is None:
        return reading
    try:
        tables = parse_toml(text)
    except NotTomlError as error:
        place = file.shown if error.line is None else f"{file.shown}:{error.line}:{error.column}"
        reading.refuse(f"{place}: not valid TOML: {error}", source=place)
        return reading
    if tables and file.kind == "project" and _is_foreign(tables):
        # Other programs keep a config.toml in a project's folder as well.
        reading.warn(f"{file.shown} has no table of Quintet and was ignored", source=file.shown)
        return reading
    reader = _TableReader(file, lines_below(lines_of(text)), reading)
    for name, table in tables.items():
        reader.take(name, table)
    return reading


def _is_foreign(tables: Mapping[str, object]) -> bool:
    fields = {setting.field for setting in setting_fields().values()}
    if not tables.keys().isdisjoint(_known()) or fields.issuperset(tables):
        return False
    return not any(suggest(name, _known(), cutoff=TABLE_CUTOFF) for name in tables)


def _known() -> list[str]:
    return [*sections(), *(name for name in (*setting_fields(), *table_settings()) if "." not in name), KEYS_TABLE]


@dataclass(frozen=True, slots=True)
class _TableReader:
    """Takes the tables of one file into a reading: each setting with its line, each unknown name with a suggestion."""

    file: SourceFile
    lines: Mapping[TomlPath, Mapping[TomlPath, int]]
    reading: SourceReading

    def take(self, name: str, table: object) -> None:
        if name in setting_fields():
            self._add(name, table, (name,), f" {name}")
        elif name in table_settings():
            self._take_tables(table_settings()[name], table, (name,))
        elif name not in _known():
            setting = next((setting for setting in setting_fields().values() if setting.field == name), None)
            where = f" ({name} belongs under [{setting.section}])" if setting else did_you_mean(name, _known())
            self._complain((name,), f": unknown setting {name}{where}")
        elif not isinstance(table, Mapping):
            self._complain((name,), f": {name} is a table - write [{name}] and its settings below")
        elif name == KEYS_TABLE:
            for path, key in _flatten(table):
                action = ".".join(path)
                self._add(f"{KEYS_TABLE}.{action}", key, (KEYS_TABLE, *path), f" [{KEYS_TABLE}] {action}")
        else:
            for field, value in table.items():
                self._take_field(name, field, value)

    def _take_field(self, section: str, field: str, value: object) -> None:
        dotted = f"{section}.{field}"
        if dotted in table_settings():
            self._take_tables(table_settings()[dotted], value, (section, field))
        elif dotted in setting_fields():
            self._add(dotted, value, (section, field), f" [{section}] {field}")
        else:
            known = [*setting_fields(), *table_settings()]
            problem = f" [{section}] {field}: unknown setting {dotted}{did_you_mean(dotted, known)}"
            self._complain((section, field), problem)

    def _take_tables(self, tables: TableSetting, value: object, path: TomlPath) -> None:
        if tables.is_list and isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            self._add(tables.name, value, path, f" {tables.header()}")
        elif not tables.is_list and isinstance(value, Mapping):
            for key, item in value.items():
                self._take_named(tables, key, item, (*path, key))
        else:
            header = tables.header("" if tables.is_list else "name")
            self._complain(path, f": {tables.name} is made of tables - write {header} and its settings below")

    def _take_named(self, tables: TableSetting, key: str, item: object, path: TomlPath) -> None:
        if not isinstance(item, Mapping):
            self._complain(path, f" [{tables.name}] {key}: write {tables.header('name')} and its settings below")
        elif any(isinstance(inner, Mapping) for inner in item.values()):
            problem = f" [{tables.name}.{key}]: a name with dots stands in quotes, as in {tables.header('name.1')}"
            self._complain(path, problem)
        else:
            self._add(f"{tables.name}.{key}", item, path, f" {tables.header(key)}")

    def _add(self, name: str, value: object, path: TomlPath, rest: str) -> None:
        self.reading.add(name, value, self.file.origin(rest, self._line(path)), self.lines.get(path))

    def _complain(self, path: TomlPath, rest: str) -> None:
        line = self._line(path)
        name = ".".join(part for part in path if isinstance(part, str))
        self.reading.refuse(self.file.origin(rest, line).place, setting=name, source=self.file.origin("", line).place)

    def _line(self, path: TomlPath) -> int | None:
        """Return the line of a path, or of the first thing inside it, else that of what it stands in."""
        inner = self.lines.get(path)
        if inner:
            return next(iter(inner.values()))
        outer = (self.lines[path[:length]] for length in range(len(path) - 1, 0, -1) if path[:length] in self.lines)
        return next((found[()] for found in outer if () in found), None)


def _flatten(table: Mapping[str, object], prefix: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Return `pane.next = "f6"` as one name; TOML itself takes the dot for a table."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, (*prefix, name))
        else:
            yield (*prefix, name), value


def parse_toml(text: str) -> dict[str, Any]:  # as tomllib has it
    """Return the tables of a config.toml; raises NotTomlError."""
    # Before the parser sees it: for a name of many parts it needs quadratic time.
    if _LONG_NAME.search(text):
        raise NotTomlError(TOO_DEEP)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _with_place(str(error), text) from None
    except RecursionError:
        raise NotTomlError(TOO_DEEP) from None
    except ValueError:  # of int(), for thousands of digits
        raise NotTomlError(TOO_LONG) from None
    _check_limits(tables, 0)
    return tables


def lines_of(text: str) -> Mapping[TomlPath, int]:
    """Return the line of every table and setting of a valid TOML text by its path: ("llm", "fallbacks", 0, "model").

    What stands inside an inline table or an array has the line of the setting, and no entry of its own.
    """
    scan = _LineScan()
    line = 1
    for token in _TOKEN.finditer(text):
        if token.lastgroup != "skip":
            scan.take(token.group(), token.lastgroup == "mark", line)
        line += token.group().count("\n")
    return scan.lines


def lines_below(lines: Mapping[TomlPath, int]) -> Mapping[TomlPath, Mapping[TomlPath, int]]:
    """Return by each path the lines of what stands there and inside it, by the rest of their paths, the first one first."""
    below: dict[TomlPath, dict[TomlPath, int]] = {}
    for path, line in lines.items():
        for length in range(1, len(path) + 1):
            below.setdefault(path[:length], {})[path[length:]] = line
    return below


def _with_place(message: str, text: str) -> NotTomlError:
    reason, _, place = message.rpartition(" (at ")
    found = re.fullmatch(r"line (\d+), column (\d+)\)", place)
    if found:
        return NotTomlError(reason, int(found[1]), int(found[2]))
    lines = text.split("\n")
    return NotTomlError(reason or message, len(lines), len(lines[-1]) + 1)


def _check_limits(value: object, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotTomlError(TOO_DEEP)
    if isinstance(value, Mapping):
        for item in value.values():
            _check_limits(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_limits(item, depth + 1)
    elif isinstance(value, int) and value.bit_length() > MAX_INTEGER_BITS:
        raise NotTomlError(TOO_LONG)


class _LineScan:
    """Follows the statements: a header in brackets, or names up to the first equals sign and then a value."""

    def __init__(self) -> None:
        self.lines: dict[TomlPath, int] = {}
        self._table: TomlPath = ()
        self._lists: dict[TomlPath, int] = {}
        self._names: list[str] = []
        self._open = 0
        self._in_value = False

    def take(self, text: str, is_mark: bool, line: int) -> None:
        if is_mark:
            self._take_mark(text, line)
        elif not self._in_value:
            self._names.append(text)

    def _take_mark(self, mark: str, line: int) -> None:
        if mark == "\n" and not self._open:
            self._names = []
            self._in_value = False
        elif mark in "[{":
            self._open += 1
        elif mark in "]}":
            self._open -= 1
            if not self._in_value and self._names:
                self._enter(is_list=self._open > 0)
                self.lines.setdefault(self._table, line)
        elif mark == "=" and not self._in_value:
            self.lines[(*self._table, *map(_unquoted, self._names))] = line
            self._in_value = True

    def _enter(self, *, is_list: bool) -> None:
        path: TomlPath = ()
        for name in map(_unquoted, self._names):
            if path in self._lists:
                path = (*path, self._lists[path])
            path = (*path, name)
        if is_list:
            self._lists[path] = self._lists.get(path, -1) + 1
            path = (*path, self._lists[path])
        elif path in self._lists:
            path = (*path, self._lists[path])
        self._table = path
        self._names = []  # the second bracket of [[ ]] closes nothing more


def _unquoted(name: str) -> str:
    """Return a name without its quotes."""
    if name[0] not in "\"'":
        return name
    return str(tomllib.loads(f"name = {name}")["name"])
