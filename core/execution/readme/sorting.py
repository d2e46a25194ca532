"""Decides of a documented command whether it is tried here: what it starts is delivered, and needs nothing beyond the sandbox."""

from __future__ import annotations

import posixpath
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from core.execution.readme.command_line import files_made_by, has_no_arguments, segments_of, tokens_of
from core.execution.readme.programs import (
    FILE_TOOLS,
    INSTALLING_MODULES,
    NOT_TRIED,
    PREFIXES,
    PYTHONS,
    SERVING_MODULES,
    SHELL_WORDS,
    SHELLS,
    TEST_TOOLS,
    TOOL_MODULES,
    is_other_python,
)

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_LEADING_CD = re.compile(r"^cd\s+(?P<folder>[^\s;&|]+)\s*(?:&&|;)\s*(?P<rest>\S.*)$", re.DOTALL)
_ONLY_CD = re.compile(r"^cd(?:\s+(?P<folder>[^\s;&|]+))?\s*$")
_PLACEHOLDER = re.compile(
    r"<[A-Za-z][\w .,|/-]*>|(?<![\w./])\.{3}(?![\w/])|…|\[(?:options?|OPTIONS|args|ARGS|-{1,2}[\w-]+[^\]]*)\]"
    r"|\{[A-Za-z_]+\}|(?:/|\b)path/to\b|\byour[-_]\w+"
    r"|\b(?:FILE|FILENAME|PATH|DIR|DIRECTORY|INPUT|OUTPUT|TEXT|URL|ARGS|OPTIONS|INPUT_FILE|OUTPUT_FILE)\b",
)
_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"")
_OPTIONS_WITH_VALUE = frozenset({"-W", "-X", "--check-hash-based-pycs"})


@dataclass(frozen=True, slots=True)
class NotTried:
    """Why a command is not tried: it cannot be here, or it names what is not delivered."""

    result: Literal["not_run", "missing"]
    why: str


@dataclass(frozen=True, slots=True)
class ToTry:
    """What the shell gets; `is_test` for the tests of the project, `is_bare` for a program without arguments."""

    script: str
    is_test: bool = False
    is_bare: bool = False


class Sorter:
    """Sorts the commands of one README in their order, because earlier ones say where later ones run and what is there.

    `files` are the delivered paths, `declared` the packages that they ask for.
    """

    def __init__(self, files: Sequence[str], declared: frozenset[str]) -> None:
        self._files = set(files)
        self._folders = {parent for path in files for parent in _parents(path)}
        self._declared = declared
        self._folder = ""
        self._prelude: list[str] = []

    def sort(self, text: str) -> ToTry | NotTried:
        """Return what is to be run for a command, or why nothing is."""
        if alone := _ONLY_CD.match(text):
            return self._change_folder(alone["folder"] or "")
        folder = self._folder
        while leading := _LEADING_CD.match(text):
            if (entered := self._inside(folder, leading["folder"])) in self._folders:
                folder = entered
            text = leading["rest"]
        head = text.split("\n", 1)[0] if "<<" in text else text
        if _PLACEHOLDER.search(_QUOTED.sub("''", head.replace("./...", ""))):
            return NotTried("not_run", "it has a place for words of the reader's own")
        try:
            tokens = tokens_of(head)
        except ValueError:
            return NotTried("not_run", "it is not a command that a shell can read")
        if "&" in tokens:
            return NotTried("not_run", "it goes on in the background")
        if tokens and tokens[0] in SHELL_WORDS:
            return NotTried("not_run", "it is a loop or a condition of the shell")
        segments = segments_of(tokens)
        if len(segments) == 1 and tokens[0] == "export":
            self._prelude.append(text)
            return NotTried("not_run", "it sets a variable, which the commands after it are given")
        is_test = is_bare = False
        inner = folder
        for words in segments:
            if words[0] == "cd" and len(words) > 1 and not words[1].startswith(("/", "~")):
                inner = self._inside(inner, words[1])
                continue
            refused, names_test = self._look_at(words, inner)
            if refused is not None:
                return refused
            is_test, is_bare = is_test or names_test, has_no_arguments(words)
        self._files |= {self._inside(folder, name) for name in files_made_by(tokens)}
        prelude = [*self._prelude, *([f"cd {shlex.quote(folder)}"] if folder else [])]
        return ToTry("\n".join([*prelude, text]), is_test, is_bare)

    def _change_folder(self, name: str) -> NotTried:
        entered = self._inside(self._folder, name)
        if entered in self._folders or (not entered and name.startswith("..")):
            self._folder = entered
            return NotTried("not_run", "the commands after it are run there")
        return NotTried("not_run", "where the project lies is the reader's to say")

    def _look_at(self, words: list[str], folder: str) -> tuple[NotTried | None, bool]:
        """Return why one program of a command line is not started, if so, and whether it runs tests."""
        while words and (words[0] in PREFIXES or _ASSIGNMENT.match(words[0])):
            words = words[1:]
        if not words:
            return None, False
        program, arguments = words[0], words[1:]
        why = NOT_TRIED.get(program)
        if why is not None:
            return NotTried("not_run", why), False
        if is_other_python(program):
            return NotTried("not_run", f"it asks for {program}, and python is tried"), False
        if program in PYTHONS:
            return self._python(arguments, folder)
        if program in TEST_TOOLS:
            return self._test_files(arguments, folder), True
        if program == "node":
            return self._script(arguments, folder), "--test" in arguments
        if program in SHELLS:
            return self._script(arguments, folder), False
        if program.startswith(("/", "~")):
            return NotTried("not_run", "it names a place on the reader's machine"), False
        if "/" in program:
            return self._delivered(program, folder), False
        if program in FILE_TOOLS:
            return None, False
        if program == "cd":
            return NotTried("not_run", "it names a place on the reader's machine"), False
        return NotTried("not_run", f"{program} is not among the programs that are tried"), False

    def _python(self, arguments: list[str], folder: str) -> tuple[NotTried | None, bool]:
        rest = list(arguments)
        while rest and rest[0].startswith("-") and rest[0] not in {"-m", "-c", "-", "-i"}:
            if rest[0] in {"-V", "--version", "-VV"}:
                return None, False
            rest = rest[2:] if rest[0] in _OPTIONS_WITH_VALUE else rest[1:]
        if not rest or rest[0] == "-i":
            return NotTried("not_run", "it waits for what the reader types"), False
        if rest[0] == "-m" and len(rest) > 1:
            return self._module(rest[1], rest[2:], folder)
        if rest[0] in {"-c", "-"}:
            return None, False
        return self._script(rest, folder), False

    def _module(self, module: str, arguments: list[str], folder: str) -> tuple[NotTried | None, bool]:
        top = module.partition(".")[0]
        if module in INSTALLING_MODULES:
            return NotTried("not_run", "it prepares the reader's machine"), False
        if module in SERVING_MODULES:
            return NotTried("not_run", "it is a server, which does not end"), False
        if top in TOOL_MODULES:
            return NotTried("not_run", "it is a tool of developers, which is not part of the project"), False
        if module == "pytest":
            return self._test_files(arguments, folder), True
        if module == "unittest":
            return None, True
        path = module.replace(".", "/")
        if any(
            f"/{file}".endswith((f"/{path}.py", f"/{path}/__main__.py", f"/{path}/__init__.py")) for file in self._files
        ):
            return None, False
        if top in sys.stdlib_module_names:
            return None, False
        if top.replace("_", "-").lower() in self._declared:
            return NotTried("not_run", f"it needs the package {top}"), False
        return NotTried("missing", f"names the module {module}, which is not delivered"), False

    def _script(self, arguments: list[str], folder: str) -> NotTried | None:
        names = [word for word in arguments if not word.startswith("-")]
        if not arguments:
            return NotTried("not_run", "it waits for what the reader types")
        if arguments[0] in {"-c", "-e", "-p", "--eval", "-v", "--version"} or not names:
            return None
        if names[0].startswith(("/", "~")):
            return NotTried("not_run", "it names a place on the reader's machine")
        return self._delivered(names[0], folder)

    def _test_files(self, arguments: list[str], folder: str) -> NotTried | None:
        for word in arguments:
            name = word.partition("::")[0]
            if not word.startswith("-") and ("/" in name or name.endswith(".py")):
                refused = self._delivered(name, folder)
                if refused is not None:
                    return refused
        return None

    def _delivered(self, name: str, folder: str) -> NotTried | None:
        path = self._inside(folder, name)
        if path in self._files | self._folders or any(sign in name for sign in "*?$"):
            return None
        return NotTried("missing", f"names {name}, which is not delivered")

    def _inside(self, folder: str, name: str) -> str:
        path = posixpath.normpath(posixpath.join(folder, name))
        return "" if path == "." or path.startswith("..") else path


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: index + 1]) for index in range(len(parts))]
