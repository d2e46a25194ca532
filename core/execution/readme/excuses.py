"""Tells from what a command printed whether it failed for want of something that the sandbox, or this machine, lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence

_LACKS: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"EOFError|EOF when reading a line"), "it waits for what the reader types"),
    (
        re.compile(
            r"gaierror|name resolution|Name or service not known|[Nn]etwork is unreachable|URLError|ConnectionError"
            r"|ConnectionRefusedError|ENOTFOUND|EAI_AGAIN|ENETUNREACH|ECONNREFUSED|Cannot assign requested address"
            r"|Max retries exceeded|socketserver\.py|, in (?:socket|bind|create_server|create_connection)\b"
        ),
        "it needs a network",
    ),
    (re.compile(r"TclError|no display name|cannot open display|No available video device"), "it opens a window"),
    (re.compile(r"_curses\.error|Inappropriate ioctl|termios\.error"), "it needs a terminal"),
)
_NOT_INSTALLED = re.compile(r"(?:line \d+: |^sh: \d+: |: )(?P<program>[\w.+-]+): (?:command )?not found", re.MULTILINE)
_NO_MODULE = re.compile(r"ModuleNotFoundError: No module named ['\"](?P<name>\w+)")
_DATA_FILE = re.compile(r"^[\w.-][\w./-]*\.[A-Za-z]\w{0,4}$")
_TOLD = re.compile(
    r"exit(?:s|ing)?\s+(?:with\s+)?(?:the\s+)?(?:code|status)|exit\s+code|error|fail|invalid|refus|reject|usage|fehler",
    re.IGNORECASE,
)
_ENDLESS = re.compile(
    r"ctrl\s*[-+]?\s*c\b|\bserver\b|\blocalhost\b|127\.0\.0\.1|\blistens?\b|\bstop it\b|keeps running|runs until|interrupt|endless",
    re.IGNORECASE,
)
LINES_AROUND = 4


def what_it_lacks(output: str, words: Sequence[str], own_names: frozenset[str], files: frozenset[str]) -> str:
    """Return what a command could not have here, which says nothing against the README; empty if there is no such thing.

    `words` are the command's own, `own_names` the modules of the project, `files` what is delivered.
    """
    for pattern, why in _LACKS:
        if pattern.search(output):
            return why
    if (program := _NOT_INSTALLED.search(output)) is not None:
        return f"{program['program']} is not installed here"
    if (module := _NO_MODULE.search(output)) is not None and module["name"] not in own_names:
        return f"it needs the package {module['name']}, which is not installed here"
    for word in words:
        if _DATA_FILE.match(word) and word not in files and word in output:
            return f"it needs a file of the reader's own, {word}"
    return ""


def is_told(readme_lines: Sequence[str], line: int, output: str) -> bool:
    """Return whether the text around a command, whose line counts from 1, says that it ends with an error."""
    around = "\n".join(_around(readme_lines, line))
    return bool(_TOLD.search(around)) and ("Traceback (most" not in output or "Traceback" in around)


def is_told_endless(readme: str) -> bool:
    """Return whether a README says of something that it runs until it is stopped."""
    return _ENDLESS.search(readme) is not None


def _around(lines: Sequence[str], line: int) -> Sequence[str]:
    return [*lines[max(0, line - 1 - LINES_AROUND) : line - 1], *lines[line : line + LINES_AROUND]]
