"""Whether a text can be the file its path says it is: it parses, and nothing in it stands for missing work."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import NoReturn

from core.text.python_syntax import python_problem
from core.text.sanitize import plain_line
from core.workspace.checks.config_files import check_makefile, check_sql, check_terraform
from core.workspace.checks.web_files import check_css, check_html
from core.workspace.file_kinds import DOCUMENT_SUFFIXES, EMPTY_FILE_NAMES

MAX_PROBLEM_CHARS = 300
MIN_UNSPACED_CHARS = 4

# The first can control the terminal that shows the file; the second reorder code or are not seen in it, so that it reads
# otherwise than it runs. Joiners stay where a script or an emoji needs them.
_CONTROLS = re.compile("[\x01-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_UNSEEN = re.compile(
    "[\u00ad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\u3164\uffa0\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
    "|(?<=[\\s!-~])[\u200c\u200d]|(?<=[\\s\\S])\ufeff|(?<=[\ufe00-\ufe0f])[\ufe00-\ufe0f]"
)
_TEXT_DATA_SUFFIXES = frozenset({".csv", ".tsv", ".po", ".pot", ".srt", ".vtt"})  # no escapes there
_BIDIRECTIONAL = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Scripts that put no spaces between words: each character counts.
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua980-\ua9df\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff]"
)
# Languages without `def name(` and `from name import` at the beginning of a line.
_NEVER_PYTHON = frozenset(
    {".c", ".cpp", ".cs", ".go", ".h", ".java", ".js", ".jsx", ".mjs", ".php", ".rs", ".ts", ".tsx"}
)
_PYTHON_START = re.compile(r"(?:async )?def \w+\s*\(|from [\w.]+ import |@pytest\.|if __name__ ==")
_PYTHON_IMPORT = re.compile(r"from [\w.]+ import |import pytest")
_COMMENT = re.compile(r"\s*(?:#|//|/?\*)")

_YAML_SUFFIXES = frozenset({".yaml", ".yml"})
_MARKDOWN_SUFFIXES = frozenset({".md", ".markdown", ".mdx"})
_SHELL_LINE = re.compile(r"#!\s*(?:/usr/bin/env\s+(?:-S\s+)?)?(?:\S*/)?(?:ba|da|k)?sh\b")

CHECKED_SUFFIXES = frozenset({".py", ".pyi", ".json", ".toml", ".sh", ".bash"})
"""Files whose parser is cheap and strict enough to tell a whole text from half of one."""

_STRUCTURAL: dict[str, Callable[[str], str | None]] = {
    ".html": check_html,
    ".htm": check_html,
    ".css": check_css,
    ".sql": check_sql,
    ".tf": check_terraform,
    ".tfvars": check_terraform,
}
"""Checks of what has no parser here: they name what no dialect may hold."""

_BY_SUFFIX: dict[str, frozenset[str]] = {
    suffix: frozenset(names.split())
    for suffix, names in {
        ".py": "python py python3 py3",
        ".pyi": "python py pyi",
        ".js": "javascript js jsx node",
        ".mjs": "javascript js mjs",
        ".ts": "typescript ts",
        ".tsx": "tsx typescript ts",
        ".jsx": "jsx javascript js",
        ".json": "json jsonc json5",
        ".yaml": "yaml yml",
        ".yml": "yaml yml",
        ".toml": "toml",
        ".ini": "ini cfg conf",
        ".cfg": "ini cfg conf",
        ".sh": "bash sh shell zsh console",
        ".bash": "bash sh shell",
        ".md": "markdown md",
        ".html": "html htm xml",
        ".css": "css scss",
        ".sql": "sql sqlite postgresql mysql",
        ".tf": "terraform hcl tf",
        ".mk": "makefile make",
        ".rs": "rust rs",
        ".go": "go golang",
        ".rb": "ruby rb",
        ".java": "java",
        ".c": "c",
        ".h": "c cpp c++",
        ".cpp": "cpp c++ cxx",
        ".cs": "csharp c# cs",
        ".php": "php",
        ".dockerfile": "dockerfile docker",
        ".txt": "text txt plaintext",
    }.items()
}
KNOWN_SUFFIXES = frozenset(_BY_SUFFIX)
_BY_NAME: dict[str, frozenset[str]] = {
    "dockerfile": frozenset({"dockerfile", "docker"}),
    "containerfile": frozenset({"dockerfile", "docker", "containerfile"}),
    "makefile": frozenset({"makefile", "make"}),
}


def check_file(path: str, text: str) -> str | None:
    """Return the first problem in one line with its line number, or None.

    A shell script is parsed by `bash -n`, which can take up to 5 s; call from a thread.
    """
    problem = _problem(PurePosixPath(path), text)
    return plain_line(problem, limit=MAX_PROBLEM_CHARS) if problem is not None else None


def _problem(path: PurePosixPath, text: str) -> str | None:
    if "\0" in text:
        line_number = text[: text.index("\0")].count("\n") + 1
        return f"line {line_number}: there is a null byte"
    control = _CONTROLS.search(text)
    if control is None and path.suffix.lower() not in DOCUMENT_SUFFIXES | _TEXT_DATA_SUFFIXES:
        control = _UNSEEN.search(text)
    if control is not None:
        line_number = text[: control.start()].count("\n") + 1
        return f"line {line_number}: there is {_kind_of(control[0])} U+{ord(control[0]):04X}; write it as an escape"
    if not text.strip():
        return None if path.name in EMPTY_FILE_NAMES else "line 1: the file is empty"
    suffix = path.suffix.lower()
    if is_dockerfile(str(path)) or suffix in _YAML_SUFFIXES:
        return _ops_problem(path, text)
    if suffix in {".py", ".pyi"}:
        return python_problem(text)
    if suffix in {".json", ".ipynb"}:
        return _json_problem(text)
    if suffix == ".toml":
        return _toml_problem(text)
    if suffix in _MARKDOWN_SUFFIXES:
        return _markdown_problem(text)
    if _is_shell(path, text):
        return _ops_problem(path, text)
    check = _STRUCTURAL.get(suffix) or (check_makefile if is_makefile(path) else None)
    if check is not None:
        return check(text)
    return _foreign_problem(suffix, text)


def _kind_of(character: str) -> str:
    if _BIDIRECTIONAL.match(character):
        return "the bidirectional control"
    return "the control character" if _CONTROLS.match(character) else "the invisible character"


def _ops_problem(path: PurePosixPath, text: str) -> str | None:
    # PyYAML costs a tenth of a second to import; only a file of this kind pays for it.
    from core.workspace.checks.ops_files import check_dockerfile, check_shell, check_workflow, check_yaml

    if is_dockerfile(str(path)):
        return check_dockerfile(text)
    if path.suffix.lower() not in _YAML_SUFFIXES:
        return check_shell(text)
    is_workflow = path.parts[-3:-1] == (".github", "workflows")
    return check_workflow(text) if is_workflow else check_yaml(text)


def _foreign_problem(suffix: str, text: str) -> str | None:
    """Languages we have no parser for: name only what no file of that language can be."""
    start = _PYTHON_IMPORT if suffix == ".rb" else _PYTHON_START if suffix in _NEVER_PYTHON else None
    if start is not None:
        lines = enumerate(text.split("\n"), start=1)
        first = next(((number, line) for number, line in lines if line.strip() and not _COMMENT.match(line)), None)
        if first is not None and start.match(first[1]):
            return f"line {first[0]}: this is Python, which a {suffix} file cannot hold"
    if suffix == ".go" and not re.search(r"^\s*package\s+\w", text, re.MULTILINE):
        return "line 1: a Go file needs a package clause"
    return None


def _json_problem(text: str) -> str | None:
    try:
        json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError) as error:
        return f"line 1: {error}"
    return None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _toml_problem(text: str) -> str | None:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError) as error:
        message = str(error)
        place = re.search(r"\s*\(at line (\d+), column \d+\)", message)
        if place is None:
            return f"line {text.rstrip().count(chr(10)) + 1}: {message}"
        return f"line {place[1]}: {message.replace(place[0], '')}"
    except RecursionError:
        return "line 1: the tables are nested too deeply"
    return None


def _markdown_problem(text: str) -> str | None:
    prose = [line for line in text.split("\n") if not line.lstrip().startswith(("#", "```", "~~~", "<!--"))]
    words = " ".join(prose)
    if len(re.findall(r"\w+", words)) < 3 and len(_UNSPACED.findall(words)) < MIN_UNSPACED_CHARS:
        return "line 1: the document has no sentence"
    return None


def is_makefile(path: PurePosixPath) -> bool:
    """Tell whether a path names a Makefile."""
    return path.name.casefold() in {"makefile", "gnumakefile"} or path.suffix.lower() == ".mk"


def is_dockerfile(path: str) -> bool:
    """Tell whether a path names a Dockerfile: Dockerfile, Dockerfile.dev, api.dockerfile, Containerfile."""
    name = PurePosixPath(path.casefold())
    if name.suffix in {".dockerfile", ".containerfile"}:
        return True
    return name.name.split(".", 1)[0] in {"dockerfile", "containerfile"} and name.suffix not in KNOWN_SUFFIXES


def _is_shell(path: PurePosixPath, text: str) -> bool:
    """Tell whether bash can judge the file: by its suffix, or by its first line where there is no suffix."""
    if path.suffix.lower() in {".sh", ".bash"}:
        return True
    return not path.suffix and _SHELL_LINE.match(text) is not None


def languages_of(path: PurePosixPath) -> frozenset[str]:
    """Return the fence languages that fit a path; none for an unknown kind."""
    by_suffix = _BY_SUFFIX.get(path.suffix.lower())
    if by_suffix is not None:
        return by_suffix
    by_name = _BY_NAME.get(path.name.casefold().split(".", 1)[0])
    return by_name or frozenset({path.suffix.lower().lstrip(".")}) - {""}
