"""Settings from single names: the variables of the environment and of a .env file, and the command line."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping

from core.settings.schema.catalogue import field_by_variable, setting_fields, table_settings
from core.settings.schema.origin import Origin
from core.settings.sources.reading import NotAFileError, SourceFile, SourceReading, UnreadableFileError, read_text_file
from core.text.suggest import FOREIGN_CUTOFF, did_you_mean, suggest

OUR_PREFIX = "QUINTET_"
OUR_PREFIXES = ("LLM_", OUR_PREFIX)


def read_environment(environment: Mapping[str, str]) -> SourceReading:
    """Return our variables; a near miss of one of our names is a warning, for other programs own LLM_ names too."""
    reading = SourceReading()
    _take(environment, reading, lambda name: Origin("environment", f"environment variable {name}"))
    for name in _unknown_of_ours(environment):
        guess = suggest(name, field_by_variable(), cutoff=FOREIGN_CUTOFF)
        if guess:
            place = f"environment variable {name}"
            reading.warn(f"{place} is no setting (did you mean {guess}?)", source=place)
    return reading


def read_dotenv(file: SourceFile) -> SourceReading:
    """Return our variables of a .env file; names without our prefixes belong to the user's own program."""
    reading = SourceReading()
    try:
        text = read_text_file(file.path)
    except NotAFileError as error:
        # An old habit is to call a virtual environment's folder .env; and password programs offer it as a pipe.
        reading.warn(f"{file.shown} is {error.what} and was ignored", source=file.shown)
        return reading
    except UnreadableFileError as error:
        reading.refuse(f"{file.shown}: {error}", source=file.shown)
        return reading
    if text is None:
        return reading
    variables, lines = _parse_dotenv(text, file, reading)
    _take(variables, reading, lambda name: file.origin(f": {name}", lines[name]))
    for name in _unknown_of_ours(variables):
        if name.startswith(OUR_PREFIX) or suggest(name, field_by_variable(), cutoff=FOREIGN_CUTOFF):
            problem = f": unknown setting {name}{did_you_mean(name, field_by_variable())}"
            reading.refuse(file.origin(problem, lines[name]).place, source=file.origin("", lines[name]).place)
        else:  # the user's own program may have LLM_ names, too
            doubt = f": {name} is no setting and was ignored"
            reading.warn(file.origin(doubt, lines[name]).place, source=file.origin("", lines[name]).place)
    return reading


def read_overrides(overrides: Mapping[str, object]) -> SourceReading:
    """Return the settings of the command line, by dotted names; None means that the option was not given."""
    reading = SourceReading()
    for name, value in overrides.items():
        if value is None:
            continue
        if name in setting_fields() or name in table_settings() or name.startswith("keys."):
            reading.add(name, value, Origin("command line", f"command line {name}"))
        else:
            problem = f"command line: unknown setting {name}{did_you_mean(name, setting_fields())}"
            reading.refuse(problem, source="command line")
    return reading


def _take(variables: Mapping[str, str], reading: SourceReading, origin_of: Callable[[str], Origin]) -> None:
    for setting in setting_fields().values():
        # An empty variable is the shell's way to unset one for a single command.
        name = next((name for name in setting.env if variables.get(name, "").strip()), None)
        if name is not None:
            reading.add(setting.name, variables[name], origin_of(name))


def _unknown_of_ours(variables: Mapping[str, str]) -> list[str]:
    return [name for name in variables if name.startswith(OUR_PREFIXES) and name not in field_by_variable()]


def _parse_dotenv(text: str, file: SourceFile, reading: SourceReading) -> tuple[dict[str, str], dict[str, int]]:
    """Return the variables, and the line of each."""
    # The parser itself, because dotenv_values() reports a bad line on the terminal, through logging.
    from dotenv.parser import parse_stream

    variables: dict[str, str] = {}
    lines: dict[str, int] = {}
    for binding in parse_stream(io.StringIO(text)):
        line = binding.original.line
        if binding.error:
            _report_bad_line(binding.original.string, line, file, reading)
        elif binding.key is not None and binding.value is not None:
            variables[binding.key] = binding.value
            lines[binding.key] = line
        elif binding.key in field_by_variable():
            doubt = f": {binding.key} has no = and was ignored"
            reading.warn(file.origin(doubt, line).place, source=file.origin("", line).place)
    return variables, lines


def _report_bad_line(line: str, number: int, file: SourceFile, reading: SourceReading) -> None:
    """Report where, never what: the line may hold a key."""
    about_us = any(name in line for name in field_by_variable()) or any(prefix in line for prefix in OUR_PREFIXES)
    problem = file.origin(": is not NAME=value", number).place
    (reading.refuse if about_us else reading.warn)(problem, source=file.origin("", number).place)
