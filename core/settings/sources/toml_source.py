"""Settings from a config.toml, each with the table it stood in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from core.settings.schema.leaves import Tables, all_leaves, all_tables, sections
from core.settings.sources.reading import Reading, SourceFile
from core.settings.sources.text_file import UnreadableFileError, read_text_file
from core.settings.sources.toml_lines import Path, lines_below, lines_of
from core.settings.sources.toml_text import NotTomlError, parse_toml
from core.text.suggest import did_you_mean, suggest

KEYS_TABLE = "keys"
TABLE_CUTOFF = 0.75  # names of tables are short: `theme` must not pass for [team]


def read_toml(file: SourceFile) -> Reading:
    """Return what a config.toml says; nothing if there is none."""
    reading = Reading()
    try:
        text = read_text_file(file.path)
    except UnreadableFileError as error:
        reading.problems.append(f"{file.shown}: {error}")
        return reading
    if text is None:
        return reading
    try:
        tables = parse_toml(text)
    except NotTomlError as error:
        place = file.shown if error.line is None else f"{file.shown}:{error.line}:{error.column}"
        reading.problems.append(f"{place}: not valid TOML: {error}")
        return reading
    if tables and file.kind == "project" and _is_foreign(tables):
        # Other programs keep a config.toml in a project's folder as well.
        reading.warnings.append(f"{file.shown} has no table of Quintet and was ignored")
        return reading
    walk = _Walk(file, lines_below(lines_of(text)), reading)
    for name, table in tables.items():
        walk.take(name, table)
    return reading


def _is_foreign(tables: Mapping[str, object]) -> bool:
    fields = {leaf.field for leaf in all_leaves().values()}
    return not any(suggest(name, _known(), cutoff=TABLE_CUTOFF) for name in tables) and not fields.issuperset(tables)


def _known() -> list[str]:
    return [*sections(), *(name for name in (*all_leaves(), *all_tables()) if "." not in name), KEYS_TABLE]


@dataclass(frozen=True, slots=True)
class _Walk:
    """One file on its way into a reading: each setting with its line, each name that is none with a suggestion."""

    file: SourceFile
    lines: Mapping[Path, Mapping[Path, int]]
    reading: Reading

    def take(self, name: str, table: object) -> None:
        if name in all_leaves():
            self._add(name, table, (name,), f" {name}")
        elif name in all_tables():
            self._take_tables(all_tables()[name], table, (name,))
        elif name not in _known():
            leaf = next((leaf for leaf in all_leaves().values() if leaf.field == name), None)
            where = f" ({name} belongs under [{leaf.section}])" if leaf else did_you_mean(name, _known())
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
        if dotted in all_tables():
            self._take_tables(all_tables()[dotted], value, (section, field))
        elif dotted in all_leaves():
            self._add(dotted, value, (section, field), f" [{section}] {field}")
        else:
            known = [*all_leaves(), *all_tables()]
            problem = f" [{section}] {field}: unknown setting {dotted}{did_you_mean(dotted, known)}"
            self._complain((section, field), problem)

    def _take_tables(self, tables: Tables, value: object, path: Path) -> None:
        if tables.is_list and isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
            self._add(tables.name, value, path, f" {tables.header()}")
        elif not tables.is_list and isinstance(value, Mapping):
            for key, item in value.items():
                self._take_named(tables, key, item, (*path, key))
        else:
            header = tables.header("" if tables.is_list else "name")
            self._complain(path, f": {tables.name} is made of tables - write {header} and its settings below")

    def _take_named(self, tables: Tables, key: str, item: object, path: Path) -> None:
        if not isinstance(item, Mapping):
            self._complain(path, f" [{tables.name}] {key}: write {tables.header('name')} and its settings below")
        elif any(isinstance(inner, Mapping) for inner in item.values()):
            problem = f" [{tables.name}.{key}]: a name with dots stands in quotes, as in {tables.header('name.1')}"
            self._complain(path, problem)
        else:
            self._add(f"{tables.name}.{key}", item, path, f" {tables.header(key)}")

    def _add(self, name: str, value: object, path: Path, rest: str) -> None:
        self.reading.add(name, value, self.file.origin(rest, self._line(path)), self.lines.get(path))

    def _complain(self, path: Path, rest: str) -> None:
        self.reading.problems.append(self.file.origin(rest, self._line(path)).place)

    def _line(self, path: Path) -> int | None:
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
