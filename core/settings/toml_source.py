"""Settings from a config.toml, each with the table it stood in."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping

from core.settings.leaves import all_leaves, sections
from core.settings.reading import Reading, SourceFile
from core.settings.suggestion import did_you_mean, suggest
from core.settings.text_file import UnreadableFileError, read_text_file

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
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        reading.problems.append(f"{file.shown}: not valid TOML: {error}")
        return reading
    except RecursionError:
        reading.problems.append(f"{file.shown}: not valid TOML: nested too deeply")
        return reading
    if tables and file.kind == "project" and _is_foreign(tables):
        # Other programs keep a config.toml in a project's folder as well.
        reading.warnings.append(f"{file.shown} has no table of Quintet and was ignored")
        return reading
    for name, table in tables.items():
        _read_table(name, table, file, reading)
    return reading


def _is_foreign(tables: Mapping[str, object]) -> bool:
    ours = [*sections(), KEYS_TABLE]
    fields = {leaf.field for leaf in all_leaves().values()}
    return not any(suggest(name, ours, cutoff=TABLE_CUTOFF) for name in tables) and not fields.issuperset(tables)


def _read_table(name: str, table: object, file: SourceFile, reading: Reading) -> None:
    known = [*sections(), KEYS_TABLE]
    if name not in known:
        leaf = next((leaf for leaf in all_leaves().values() if leaf.field == name), None)
        where = f" ({name} belongs under [{leaf.section}])" if leaf else did_you_mean(name, known)
        reading.problems.append(f"{file.shown}: unknown setting {name}{where}")
    elif not isinstance(table, Mapping):
        reading.problems.append(f"{file.shown}: {name} is a table - write [{name}] and its settings below")
    elif name == KEYS_TABLE:
        for action, key in _flatten(table):
            reading.add(f"{KEYS_TABLE}.{action}", key, file.origin(f"{file.shown} [{KEYS_TABLE}] {action}"))
    else:
        for field, value in table.items():
            _read_leaf(name, field, value, file, reading)


def _read_leaf(section: str, field: str, value: object, file: SourceFile, reading: Reading) -> None:
    dotted = f"{section}.{field}"
    source = f"{file.shown} [{section}] {field}"
    if dotted in all_leaves():
        reading.add(dotted, value, file.origin(source))
    else:
        reading.problems.append(f"{source}: unknown setting {dotted}{did_you_mean(dotted, all_leaves())}")


def _flatten(table: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Return `pane.next = "f6"` as one name; TOML itself takes the dot for a table."""
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
