"""Whether a text without any fence plainly is the file that was asked for, and not prose about it."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from core.workspace.checks.checks import check_file
from core.workspace.checks.dockerfile import is_dockerfile
from core.workspace.checks.python_source import parse_python

_PYTHON_DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.If,
    ast.With,
    ast.Try,
    ast.For,
)
_YAML_KEY = re.compile(r"(?:[\w.$/-]+|\"[^\"]+\"):(?:\s|$)|- \S|#|\s|---|$")


def plainly_is(path: str, text: str) -> bool:
    """Tell whether `text` can only be the content of `path`: it parses and has what such a file always has."""
    if not text.strip() or check_file(path, text) is not None:
        return False
    name = PurePosixPath(path)
    if is_dockerfile(path):
        return True
    match name.suffix.lower():
        case ".py" | ".pyi":
            tree = parse_python(text)
            return tree is not None and any(isinstance(node, _PYTHON_DEFINITIONS) for node in tree.body)
        case ".json":
            return text.lstrip().startswith(("{", "["))
        case ".toml":
            return True
        case ".yaml" | ".yml":
            lines = text.strip().split("\n")
            return len(lines) > 1 and all(_YAML_KEY.match(line) for line in lines)
        case ".sh" | ".bash":
            return text.lstrip().startswith("#!")
        case ".html" | ".xml" | ".svg":
            return text.lstrip().startswith("<")
        case _:
            return text.lstrip().startswith("#!")
