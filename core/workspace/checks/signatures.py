"""What a file offers to others, one line each: by its syntax tree in Python, by the lines that declare in other languages."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from core.text.sanitize import plain_line
from core.workspace.checks.python_source import python_signatures

MAX_SIGNATURES = 60
MAX_SIGNATURE_CHARS = 240
MAX_LINE_CHARS = 400  # a longer one is no declaration that a person wrote

_SCRIPT = re.compile(
    r"^(?:export\s+(?:default\s+)?(?:async\s+)?(?:function\*?|class|const|let|interface|type|enum|abstract)\b[^\n]*"
    r"|export\s*\{[^}\n]*\}|module\.exports\b[^\n]*|exports\.\w+\s*=[^\n]*"
    r"|[ ]{2,4}(?:static\s+|async\s+|get\s+|set\s+)*(?!if\b|for\b|while\b|switch\b|catch\b|return\b|function\b)[a-zA-Z]\w*\([^)\n]*\)(?:\s*:\s*[^{\n]+)?\s*\{)",
)
_GO = re.compile(r"^(?:package\s+\w+|func\s+(?:\([^)\n]*\)\s*)?[A-Z]\w*[^\n]*|type\s+[A-Z]\w*[^\n]*)")
_RUST = re.compile(
    r"^(?:pub\s+(?:async\s+|const\s+|unsafe\s+)*(?:fn|struct|enum|trait|type|mod)\s[^\n]*|impl\b[^\n]*|[ ]{4}pub\s+(?:async\s+|const\s+)*fn\s[^\n]*)",
)
_SHELL = re.compile(r"^(?:function\s+)?[a-zA-Z][\w-]*\s*\(\)\s*\{?|^function\s+[a-zA-Z][\w-]*")
_RUBY = re.compile(r"^\s*(?:class|module|def)\s+[^\n]*")
_BRACED = re.compile(
    r"^[ \t]{0,4}(?:(?:public|static|final|abstract|export|inline|virtual|async|suspend|override|open|data)\s+)*"
    r"(?:(?:class|interface|enum|record|struct|namespace|object|trait|fun|func|function)\s+\w[^\n;]*|[A-Za-z_][\w<>\[\],:*& ]*\s[*&]?\w+\s*\([^;\n]*\)\s*(?:const\s*)?(?=\{))",
)
_BY_SUFFIX: dict[str, re.Pattern[str]] = {
    **dict.fromkeys((".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".mts"), _SCRIPT),
    **dict.fromkeys((".sh", ".bash"), _SHELL),
    **dict.fromkeys((".java", ".cs", ".c", ".h", ".cpp", ".hpp", ".kt", ".swift", ".scala", ".php", ".dart"), _BRACED),
    ".go": _GO,
    ".rs": _RUST,
    ".rb": _RUBY,
}


def signatures_of(path: str, text: str) -> tuple[str, ...]:
    """Return what a file offers, in its order; none for a language whose declarations are not known."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in {".py", ".pyi"}:
        return python_signatures(text)
    pattern = _BY_SUFFIX.get(suffix)
    if pattern is None:
        return ()
    lines = (line for line in text.split("\n") if len(line) <= MAX_LINE_CHARS)
    found = (_declared(match[0]) for line in lines if (match := pattern.match(line)))
    return tuple(dict.fromkeys(line for line in found if line))[:MAX_SIGNATURES]


def _declared(line: str) -> str:
    """Return a declaration up to its body; the indentation of a member stays."""
    indent = "  " if line.startswith(" ") else ""
    head = re.split(r"\s*(?:\{\s*$|=>|\{(?=[^}]*$))", line.rstrip(), maxsplit=1)[0]
    plain = plain_line(head, limit=MAX_SIGNATURE_CHARS).rstrip(" {")
    return f"{indent}{plain}" if plain else ""
