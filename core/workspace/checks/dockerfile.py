"""What a Dockerfile has to be before a builder looks at it: known instructions, a base image, whole lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.workspace.checks.languages import KNOWN_SUFFIXES

_INSTRUCTIONS = frozenset(
    [
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "MAINTAINER",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    ]
)
_HEREDOC = re.compile(r"""<<(-?)\s*(["']?)([A-Za-z_]\w*)\2""")
_FROM = re.compile(r"(?:--platform=\S+\s+)?\S+(?:\s+as\s+[a-z0-9][\w.-]*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Instruction:
    line: int
    name: str
    rest: str


class _DockerfileProblemError(Exception):
    pass


def is_dockerfile(path: str) -> bool:
    """Tell whether a path names a Dockerfile: Dockerfile, Dockerfile.dev, api.dockerfile, Containerfile."""
    name = PurePosixPath(path.casefold())
    if name.suffix in {".dockerfile", ".containerfile"}:
        return True
    return name.name.split(".", 1)[0] in {"dockerfile", "containerfile"} and name.suffix not in KNOWN_SUFFIXES


def check_dockerfile(text: str) -> str | None:
    """Return the first problem with its line number, or None."""
    try:
        instructions = list(_instructions(text))
    except _DockerfileProblemError as problem:
        return str(problem)
    based = False
    for instruction in instructions:
        problem_text = _problem(instruction, based=based)
        if problem_text is not None:
            return f"line {instruction.line}: {problem_text}"
        based = based or instruction.name == "FROM"
    if not based:
        return "line 1: there is no FROM instruction"
    if all(instruction.name in {"FROM", "ARG"} for instruction in instructions):
        return f"line {instructions[-1].line}: there is nothing after FROM"
    return None


def _instructions(text: str) -> Iterator[_Instruction]:
    lines = text.split("\n")
    escape = "`" if re.match(r"\s*#\s*escape\s*=\s*`", lines[0], re.IGNORECASE) else "\\"
    filled = max((number for number, line in enumerate(lines) if line.strip()), default=-1)
    number = 0
    while number < len(lines):
        start = number
        if not lines[number].strip() or lines[number].lstrip().startswith("#"):
            number += 1
            continue
        words: list[str] = []
        while True:
            line = lines[number].rstrip()
            comment = bool(words) and (not line.strip() or line.lstrip().startswith("#"))
            continues = comment or line.endswith(escape)
            if not comment:
                words.append(line.removesuffix(escape).strip())
            number += 1
            if not continues:
                break
            if number > filled:
                raise _DockerfileProblemError(f"line {start + 1}: the last line continues into nothing")
        whole = " ".join(words)
        name, _, rest = whole.partition(" ")
        if name.upper() in {"RUN", "COPY", "ADD"}:
            number = _after_heredocs(lines, number, rest, start)
        yield _Instruction(start + 1, name.upper(), rest.strip())


def _after_heredocs(lines: list[str], number: int, rest: str, start: int) -> int:
    for dash, _, word in _HEREDOC.findall(rest):
        while number < len(lines) and (lines[number].lstrip("\t") if dash else lines[number]) != word:
            number += 1
        if number >= len(lines):
            raise _DockerfileProblemError(f"line {start + 1}: the here-document {word} is never closed")
        number += 1
    return number


def _problem(instruction: _Instruction, *, based: bool) -> str | None:
    name, rest = instruction.name, instruction.rest
    if name not in _INSTRUCTIONS:
        return f"unknown instruction {name[:40]!r}"
    if not based and name not in {"FROM", "ARG"}:
        return f"{name} comes before FROM"
    if not rest:
        return f"{name} has no arguments"
    if name == "FROM" and not _FROM.fullmatch(rest.split(" #", 1)[0].strip()):
        return f"FROM takes one image and an optional name, not {rest[:60]!r}"
    if name in {"CMD", "ENTRYPOINT", "SHELL"} and rest.startswith("[") and not _is_string_list(rest):
        return f"{name} is not a JSON list of double-quoted strings"
    if name in {"COPY", "ADD"} and not rest.startswith("[") and "<<" not in rest:
        arguments = [word for word in rest.split() if not word.startswith("--")]
        if len(arguments) < 2:
            return f"{name} needs a source and a destination"
    return None


def _is_string_list(text: str) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
