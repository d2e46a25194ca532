"""Whether a shell script parses; bash reads it and runs nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import PurePosixPath

PARSE_TIMEOUT_SECONDS = 5.0

_SHELL_LINE = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?(?:ba|da|k)?sh\b")
_BASH_PROBLEM = re.compile(r"^.*?: line (\d+): (.*)$")


def is_shell(path: PurePosixPath, text: str) -> bool:
    """Tell whether bash can judge the file: by its suffix, or by its first line where there is no suffix."""
    if path.suffix.lower() in {".sh", ".bash"}:
        return True
    return not path.suffix and _SHELL_LINE.match(text) is not None


def check_shell(text: str) -> str | None:
    """Return the first problem with its line number, or None; without a usable bash only quotes are counted."""
    bash = shutil.which("bash")
    if bash is None:
        return check_quotes(text)
    try:
        # The empty environment matters: bash would run the file that BASH_ENV names.
        parsed = subprocess.run(  # noqa: S603 - parse only, fixed arguments, the script goes in as text
            [bash, "--noprofile", "--norc", "-n"],
            input=text.encode(errors="replace"),
            capture_output=True,
            timeout=PARSE_TIMEOUT_SECONDS,
            env={"LC_ALL": "C"},
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return check_quotes(text)
    complaints = parsed.stderr.decode(errors="replace").splitlines()
    if parsed.returncode == 0 and not any("here-document" in line for line in complaints):
        return None
    for line in complaints:
        match = _BASH_PROBLEM.match(line)
        if match is not None:
            return f"line {match[1]}: {match[2]}"
    return f"line 1: bash cannot read the script: {complaints[0] if complaints else parsed.returncode}"


def check_quotes(text: str) -> str | None:
    """Return the line where a quote opens that is never closed, or None; here-documents are not known."""
    opened, opened_line, line_number = "", 0, 1
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\n":
            line_number += 1
        if char == "\\" and opened != "'":
            line_number += text[position + 1 : position + 2] == "\n"
            position += 2
            continue
        if opened:
            opened = "" if char == opened else opened
        elif char in "'\"":
            opened, opened_line = char, line_number
        elif char == "#" and (position == 0 or text[position - 1] in " \t\n;"):
            end = text.find("\n", position)
            position = len(text) if end < 0 else end
            continue
        position += 1
    return f"line {opened_line}: a {opened} is never closed" if opened else None
