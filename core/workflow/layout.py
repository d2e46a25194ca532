"""Where a project's files go and how they run: decided by the engine from the task, so that no model invents paths."""

from __future__ import annotations

import keyword
import re
import shlex
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from string import Template

import yaml
from pydantic import BaseModel, ConfigDict

from core.resources import shipped_folder
from core.workspace.checks.acting_files import acting_name, is_taken_name
from core.workspace.files.listing import read_sources

SLUG_WORDS = 3
SLUG_MAX_CHARACTERS = 40
SLUG_READ_CHARACTERS = 2000
WORD_MAX_CHARACTERS = 16
UNNAMED = "solution"
LISTED_SOURCE_BYTES = 200_000

_LATIN_LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "\u0131": "i",
    "ŋ": "ng",
}
_NAME_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})


class LanguageLayout(BaseModel):
    """How files of one language are laid out, and the words of a task that ask for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    words: tuple[str, ...] = ()
    phrases: tuple[str, ...] = ()
    suffixes: tuple[str, ...]
    source: str
    test: str
    run_command: str
    test_command: str
    ascii_names: bool = False  # whether its tools take no other letters in the name of a module


class Layouts(BaseModel):
    """What prompts/layouts.yaml holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: str
    languages: dict[str, LanguageLayout]
    stop_words: str


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths and commands of one project; all paths are relative to the output folder."""

    language: str
    project: str
    module: str
    source: str
    test: str
    run_command: str
    test_command: str
    suffixes: tuple[str, ...]


@cache
def load_layouts() -> Layouts:
    """Return the layouts that are installed with Quintet, read once."""
    text = (shipped_folder("prompts") / "layouts.yaml").read_text(encoding="utf-8")
    return Layouts.model_validate(yaml.safe_load(text))


def layout_of(task: str, source_folder: Path | None) -> Layout:
    """Return the layout of a run; in an existing folder, the file the task names, or the only one, is the source."""
    plain = layout_for(task)
    if source_folder is None:
        return plain
    paths = [path for path, _ in read_sources(source_folder, LISTED_SOURCE_BYTES).files]
    named = [path for path in paths if _names(task, path) or _names(task, Path(path).name)]
    own = [path for path in paths if path.endswith(plain.suffixes)]
    if named:
        return layout_for(task, source=named[0])
    return layout_for(task, source=own[0]) if len(own) == 1 else plain


def layout_for(task: str, *, source: str | None = None) -> Layout:
    """Return the layout the task asks for; `source` overrides the main file, and its suffix the language."""
    layouts = load_layouts()
    words = _words(task)
    key = layouts.default
    if source is not None:
        suffix = PurePosixPath(source).suffix
        key = next((name for name, entry in layouts.languages.items() if suffix in entry.suffixes), key)
    else:
        running = f" {' '.join(words)} "
        key = next((name for name, entry in layouts.languages.items() if _is_named(entry, words, running)), key)
    language = layouts.languages[key]
    project = slug_of(task)
    module = project.replace("-", "_")
    if language.ascii_names and not module.isascii():
        module = UNNAMED
    if source is not None:
        module = re.sub(r"\W+", "_", PurePosixPath(source).stem) or module
    names = {"module": module}
    main = source or Template(language.source).substitute(names)
    test = Template(language.test).substitute(names)
    commands = {"source": main, "test": test, "module": module}
    return Layout(
        language=language.title,
        project=project,
        module=module,
        source=main,
        test=test,
        run_command=_command(language.run_command, commands),
        test_command=_command(language.test_command, commands),
        suffixes=language.suffixes,
    )


def _names(task: str, path: str) -> bool:
    """Tell whether a task names a file, in a script without spaces too, and not only another whose name ends with it."""
    apart = r"(?<![A-Za-z0-9_-])(?<![A-Za-z0-9_-]\.)" if "/" in path else r"(?<![A-Za-z0-9_/-])(?<![A-Za-z0-9_-]\.)"
    return re.search(rf"(?:{apart}|(?<![\w./])\./){re.escape(path)}(?![A-Za-z0-9_-])", task) is not None


def _command(template: str, names: Mapping[str, str]) -> str:
    """Return a command for a shell, the names in it quoted where they need it."""
    quoted = {name: _quoted(value) for name, value in names.items()}
    before, shell, script = template.partition("bash -c '")
    if not shell:
        return Template(template).substitute(quoted)
    return f"{before}bash -c {shlex.quote(Template(script.removesuffix(chr(39))).substitute(quoted))}"


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[\w@%+=:,./-]+", name) else shlex.quote(name)


def slug_of(task: str) -> str:
    """Return a short name made of the task's first telling words: "reverses-string"; "solution" if none is left.

    Words of Latin scripts are written without accents; those of other scripts stay, as identifiers may have them.
    """
    stop_words = set(load_layouts().stop_words.split())
    words = _name_words(_plain_letters(task[:SLUG_READ_CHARACTERS]), stop_words)
    telling = [word for word in words if word not in stop_words and len(word) > 1]
    slug = unicodedata.normalize("NFKC", "-".join(telling[:SLUG_WORDS])[:SLUG_MAX_CHARACTERS]).strip("-") or UNNAMED
    return f"{slug}-app" if _is_taken(slug.replace("-", "_")) else slug


def _name_words(plain: str, stop_words: set[str]) -> Iterator[str]:
    """Give the words of a text; a compound with a stop word in it is one word: "to-do" is no "do"."""
    for compound in re.findall(r"[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*|[^\x00-\x7f]+", plain):
        if not compound.isascii():
            # A script without spaces has whole sentences for words.
            word = compound[:WORD_MAX_CHARACTERS]
            yield from [word] if word.isidentifier() else []
            continue
        parts = compound.split("-")
        yield from ["".join(parts)] if stop_words.intersection(parts) else parts


def _plain_letters(text: str) -> str:
    """Return the text in small letters: Latin ones without accents, of other scripts only what names may have."""
    small = unicodedata.normalize("NFKC", text).lower()
    return "".join(_plain_letter(char) for char in unicodedata.normalize("NFKC", small))


def _plain_letter(char: str) -> str:
    if char.isascii():
        return char
    if char in _LATIN_LETTERS:
        return _LATIN_LETTERS[char]
    base = unicodedata.normalize("NFKD", char)
    if base[0].isascii():
        return base[0]
    if unicodedata.category(char) == "Cf" or 0x300 <= ord(char) < 0x370 or 0xFE00 <= ord(char) <= 0xFE0F:
        return ""  # a joiner, an accent that stands by itself, a variant of a sign
    return char if unicodedata.category(char) in _NAME_CATEGORIES and f"x{char}".isidentifier() else " "


def _is_taken(module: str) -> bool:
    """A module of that name could not be imported, would hide one of the standard library or pytest, or is a device on Windows."""
    devices = re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", module)
    return (
        devices is not None
        or keyword.iskeyword(module)
        or module in {"main", "test"}
        or is_taken_name(module)
        or acting_name(f"{module}.py") is not None
    )


def _is_named(language: LanguageLayout, words: list[str], running: str) -> bool:
    return not set(language.words).isdisjoint(words) or any(f" {phrase} " in running for phrase in language.phrases)


def _words(task: str) -> list[str]:
    return re.findall(r"[a-z][a-z0-9.+#]*[a-z0-9+#]|[a-z]", task[:20_000].lower())
