"""Settings from a config.toml, each with the table it stood in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.settings.schema.catalogue import TableSetting, sections, setting_fields, table_settings
from core.settings.schema.origin import SourceReading
from core.settings.sources.text_file import SourceFile, UnreadableFileError, read_text_file
from core.settings.sources.toml_text import NotTomlError, TomlPath, lines_below, lines_of, parse_toml
from core.text.suggest import did_you_mean, suggest

KEYS_TABLE = "keys"
TABLE_CUTOFF = 0.75  # names of tables are short: `theme` must not pass for [team]


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
