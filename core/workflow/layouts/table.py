"""The table of languages: how files of each are laid out and run, and the words of a task that ask for it."""

from __future__ import annotations

from functools import cache
from typing import Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from core.resources import shipped_folder

RunnerName = Literal["pytest", "node", "go", "cargo", "shell"]
"""The test tools that can be executed; core/execution has a class for each."""

LayoutKind = Literal["program", "file"]
"""What is made: code that runs and has tests, or a file that is only read, such as a page or a schema."""


class LanguageLayout(BaseModel):
    """How files of one language are laid out, and the words of a task that ask for it.

    `program` is the main file where a program and not a library is asked for, if that is another one; `names` are file
    names of the language without a suffix; a `source` may name $subject, which goes without the words of the kind.
    `test_opening` is how a test file begins that calls functions, up to the first name; `program_test_opening` one that
    starts a program.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    title: str
    kind: LayoutKind = "program"
    words: tuple[str, ...] = ()
    everyday: tuple[str, ...] = ()
    things: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    suffixes: tuple[str, ...]
    source: str = ""
    program: str = ""
    test: str = ""
    tests_folder: str = ""
    run_command: str
    test_command: str = ""
    scaffold: dict[str, str] = {}
    ascii_names: bool = False  # whether its tools take no other letters in the name of a module
    runner: RunnerName | None = None
    test_opening: str = ""
    program_test_opening: str = ""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, fields: object) -> object:
        """Give a row the usual names: the module with the language's suffix, and tests that run as programs do."""
        if not isinstance(fields, dict) or not fields.get("suffixes"):
            return fields
        suffix = fields["suffixes"][0]
        filled = {"source": f"$module{suffix}", **fields}
        if fields.get("kind", "program") == "program":
            command = str(fields.get("run_command", "")).replace("$source", "$test").replace("$module", "test_$module")
            filled = {"test": f"test_$module{suffix}", "test_command": command, **filled}
        return filled

    @model_validator(mode="after")
    def _tests_fit_the_kind(self) -> Self:
        if (self.kind == "program") != bool(self.test):
            raise ValueError(f"{self.title}: a program has a test file, and another file has none")
        return self


class Layouts(BaseModel):
    """What prompts/layouts.yaml holds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    default: str
    languages: dict[str, LanguageLayout]
    stop_words: str
    breaks: str

    def by_suffix(self, suffix: str) -> str | None:
        """Return the key of the language whose files end so."""
        return next((key for key, entry in self.languages.items() if suffix in entry.suffixes), None)


@cache
def load_layouts() -> Layouts:
    """Return the layouts that are installed with Quintet, read once."""
    text = (shipped_folder("prompts") / "layouts.yaml").read_text(encoding="utf-8")
    return Layouts.model_validate(yaml.safe_load(text))
