"""One source of the configuration: what it gave; of a file, its text or one sentence on why it cannot be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.settings.schema.finding import Finding
from core.settings.schema.origin import Origin, OriginKind, SourcedValue

MAX_BYTES = 1_048_576  # a configuration is a few kB; anything larger is another file under our name


@dataclass(slots=True)
class SourceReading:
    """What one source gave: values by dotted name, and what is to be said about it."""

    values: dict[str, SourcedValue] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def add(
        self, name: str, value: object, origin: Origin, lines: Mapping[tuple[str | int, ...], int] | None = None
    ) -> None:
        self.values[name] = SourcedValue(name, value, origin, lines or {})

    def refuse(self, message: str, *, hint: str = "", setting: str = "", source: str = "") -> None:
        """Say what stops the start."""
        self.findings.append(Finding("error", message, hint, setting, None, source))

    def warn(self, message: str, *, hint: str = "", setting: str = "", source: str = "") -> None:
        """Say what looks wrong and does not stop the start."""
        self.findings.append(Finding("warning", message, hint, setting, None, source))


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A configuration file and the short name people know it by."""

    path: Path
    shown: str
    kind: OriginKind

    def origin(self, rest: str, line: int | None = None) -> Origin:
        """Return the origin of what the rest of its label names, as in "config.toml" + " [llm] model"."""
        return Origin(self.kind, f"{self.shown}{rest}", self.path, line, self.shown)


class UnreadableFileError(Exception):
    """The file is there but is no text we can use; the message says why."""


class NotAFileError(UnreadableFileError):
    """Something else has the name of the file; `what` says what."""

    def __init__(self, what: str) -> None:
        super().__init__(f"is {what}, not a file - remove or rename it")
        self.what = what


def read_text_file(path: Path) -> str | None:
    """Return the text of a UTF-8 file, None if there is none; raises UnreadableFileError."""
    try:
        if path.is_dir():
            raise NotAFileError("a folder")
        if path.is_fifo():
            raise NotAFileError("a pipe")  # to open it would wait until somebody writes into it
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return None
    except NotADirectoryError:
        return None
    except PermissionError:
        raise UnreadableFileError("cannot be read: permission denied - make it readable for you") from None
    except OSError as error:
        raise UnreadableFileError(f"cannot be read: {error.strerror or error}") from None
    if len(content) > MAX_BYTES:
        raise UnreadableFileError(f"is larger than {MAX_BYTES} bytes - is it another program's file?")
    try:
        return content.decode("utf-8-sig")  # Windows editors put a byte order mark first
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        byte = content[error.start]
        raise UnreadableFileError(f"is not UTF-8 text (byte 0x{byte:02x} in line {line}) - save it as UTF-8") from None
