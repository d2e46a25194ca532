"""Finds the shell commands that a README shows: in fenced and indented blocks, and behind words such as "Run"."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from core.execution.readme.programs import SHELL_WORDS, is_clearly_program, is_program

MOST_COMMANDS = 60
MOST_COMMAND_LINES = 40
MOST_CHARACTERS = 200_000

SHELL_LANGUAGES = frozenset({"sh", "bash", "shell", "zsh"})
SESSION_LANGUAGES = frozenset(
    {
        "",
        "console",
        "shell-session",
        "shellsession",
        "sh-session",
        "terminal",
        "text",
        "txt",
        "plaintext",
        "plain",
        "none",
    }
)

_FENCE = re.compile(
    r"^(?P<indent>[ \t]*(?:(?:[-*+>]|\d+[.)])[ \t]+)?[ \t]*)(?P<marks>`{3,}|~{3,})[ \t]*\{?\.?(?P<language>[\w+-]*)"
)
_PROMPT = re.compile(r"^\s*(?:\([\w. -]+\)\s*)?(?:[\w.-]+@[\w.-]+[: ][^$#%\n]{0,60})?[$%\u276f]\s+(?P<command>\S.*)$")
_INDENTED = re.compile(r"^(?: {4}|\t)\s*(?P<command>\S.*)$")
_INLINE = re.compile(
    r"\b(?:run|start|execute|invoke|use|try|type|call|starte\w*|führe|ausführen|aufruf\w*|lance\w*|ejecut\w*)\b[^`\n]{0,80}"
    r"(?<!`)`(?:\$\s+)?(?P<command>[^`\n]{3,300})`(?!`)",
    re.IGNORECASE,
)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")


@dataclass(frozen=True, slots=True)
class ShellCommand:
    """A command as a README shows it; `line` counts from 1."""

    line: int
    text: str


def read_shell_commands(text: str) -> tuple[ShellCommand, ...]:
    """Return the commands in their order, each once."""
    found: dict[str, ShellCommand] = {}
    for command in _commands(text[:MOST_CHARACTERS].splitlines()):
        found.setdefault(command.text, command)
        if len(found) == MOST_COMMANDS:
            break
    return tuple(found.values())


def without_blocks(text: str) -> str:
    """Return the prose of a Markdown text: what stands in no fenced block, line by line."""
    lines, kept, index = text.splitlines(), [], 0
    while index < len(lines):
        fence = _FENCE.match(lines[index])
        if fence is None:
            kept.append(lines[index])
            index += 1
        else:
            index = _end_of_block(lines, index, fence["marks"]) + 1
    return "\n".join(kept)


def _commands(lines: list[str]) -> Iterator[ShellCommand]:
    index = 0
    while index < len(lines):
        fence = _FENCE.match(lines[index])
        if fence is not None:
            end = _end_of_block(lines, index, fence["marks"])
            body = [_without_indent(line, len(fence["indent"])) for line in lines[index + 1 : end]]
            yield from _in_block(body, index + 2, fence["language"].lower())
            index = end + 1
            continue
        indented = _INDENTED.match(lines[index])
        if indented is not None:
            end = index
            while end < len(lines) and (_INDENTED.match(lines[end]) or not lines[end].strip()):
                end += 1
            yield from _in_block([line.strip() for line in lines[index:end]], index + 1, "")
            index = end
            continue
        for inline in _INLINE.finditer(lines[index]):
            command = inline["command"].strip()
            if is_clearly_program(command.split()[0]) and len(command.split()) > ("/" not in command.split()[0]):
                yield ShellCommand(index + 1, command)
        index += 1


def _end_of_block(lines: list[str], first: int, marks: str) -> int:
    """Return the index of the line that closes a block, or the number of lines."""
    closing = re.compile(rf"^[ \t>]*{re.escape(marks[0])}{{{len(marks)},}}[ \t]*$")
    return next((index for index in range(first + 1, len(lines)) if closing.match(lines[index])), len(lines))


def _without_indent(line: str, width: int) -> str:
    return line[width:] if not line[:width].strip(" \t>") else line


def _in_block(lines: list[str], number: int, language: str) -> Iterator[ShellCommand]:
    """Yield the commands of a block: behind its prompts if there are any, else the lines that are no comment or output."""
    if language not in SHELL_LANGUAGES | SESSION_LANGUAGES:
        return
    has_prompts = any(_PROMPT.match(line) for line in lines)
    follows_command = False
    index = 0
    while index < len(lines):
        first = index
        command = _command_at(lines[index], language, has_prompts=has_prompts, follows_command=follows_command)
        follows_command = bool(lines[index].strip()) and (follows_command or command is not None)
        index += 1
        if command is None:
            continue
        whole = command
        while _is_open(whole) and index < len(lines) and index - first < MOST_COMMAND_LINES:
            whole += "\n" + (re.sub(r"^\s*>\s", "", lines[index]) if has_prompts else lines[index])
            index += 1
        if _is_open(whole):
            whole, index = command, first + 1
        yield ShellCommand(number + first, re.sub(r"\s*\\\n\s*", " ", whole).strip())


def _command_at(line: str, language: str, *, has_prompts: bool, follows_command: bool) -> str | None:
    if has_prompts:
        prompt = _PROMPT.match(line)
        return prompt["command"] if prompt is not None and not prompt["command"].startswith("#") else None
    words = line.split()
    if not words or words[0].startswith("#"):
        return None
    if language in SHELL_LANGUAGES:
        is_command = is_program(words[0]) or re.match(r"\w+=", words[0]) or not follows_command
    else:
        is_command = is_clearly_program(words[0]) and len(words) > ("/" not in words[0] and words[0] != "pytest")
    return line.strip() if is_command else None


def _is_open(command: str) -> bool:
    """Return whether a command goes on in the next line: a backslash, a quote, loop or here-document without its end."""
    if command.endswith("\\") and not command.endswith("\\\\"):
        return True
    heredoc = _HEREDOC.search(command)
    if heredoc is not None:
        return heredoc[2] not in [line.strip() for line in command.splitlines()[1:]]
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        return True
    end = SHELL_WORDS.get(words[0]) if words else None
    return end is not None and end not in re.split(r"[;\s]+", command)
