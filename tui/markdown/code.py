"""Colours the code of a closed fence, once; slow on first use of a language, so call it in a thread."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tui.markdown.inline import TextSpan

MOST_CODE_CHARACTERS = 100_000  # a longer block stays plain
_ROLES = (
    ("Token.Comment", "code-comment"),
    ("Token.Keyword", "code-keyword"),
    ("Token.Operator.Word", "code-keyword"),
    ("Token.Literal.String", "code-string"),
    ("Token.Literal.Number", "code-number"),
    ("Token.Name.Function", "code-name"),
    ("Token.Name.Class", "code-name"),
    ("Token.Name.Decorator", "code-name"),
    ("Token.Name.Tag", "code-name"),
    ("Token.Name.Attribute", "code-name"),
    ("Token.Generic.Inserted", "code-inserted"),
    ("Token.Generic.Deleted", "code-deleted"),
    ("Token.Generic.Heading", "code-keyword"),
)


def colour_code(language: str, texts: Sequence[str], columns: Sequence[int]) -> list[tuple[TextSpan, ...]] | None:
    """Give the spans of each line of code; `columns` says where each line's text starts in its source.

    None if the language is unknown, the block too long, or the lexer does not give the same text back.
    """
    code = "\n".join(texts)
    if not language or len(code) > MOST_CODE_CHARACTERS:
        return None
    from rich.syntax import Syntax

    lexer = Syntax("", language).lexer
    if lexer is None:
        return None
    lexer_any: Any = lexer  # pygments ships no types
    lines: list[list[TextSpan]] = [[]]
    length = 0
    shown: list[str] = []
    for token, text in lexer_any.get_tokens(code):
        role = _role_of(str(token))
        for number, part in enumerate(text.split("\n")):
            if number:
                lines.append([])
                shown.append("\n")
                length = 0
            if part and len(lines) <= len(texts):
                spans = lines[-1]
                if not spans or spans[-1].role != role:
                    column = columns[len(lines) - 1]
                    spans.append(TextSpan(length, role, column if column < 0 else column + length))
                length += len(part)
                shown.append(part)
    if "".join(shown).rstrip("\n") != code.rstrip("\n"):
        return None
    lines += [[] for _ in range(len(texts) - len(lines))]
    return [tuple(spans) for spans in lines[: len(texts)]]


def _role_of(token: str) -> str:
    for prefix, role in _ROLES:
        if token.startswith(prefix):
            return role
    return ""
