"""The whole tests of a Python test file whose answer was cut off: each test stands for itself, so that the rest is worth keeping."""

from __future__ import annotations

import ast
import re

from core.text.python_syntax import syntax_tree
from core.text.sanitize import storable
from core.workspace.answers.reader import ReadFile

_OPENING = re.compile(r"^\s*(?:`{3,}|~{3,})[\w+-]*[ \t]*\n", re.MULTILINE)


def whole_tests(answer: str) -> ReadFile | None:
    """Return the part of a cut-off answer up to its last whole test; None if there is none.

    What was left out is named in `ignored`. The last statement is never taken: nobody knows whether it was whole.
    """
    text = storable(answer)
    opening = _OPENING.search(text)
    code = text[opening.end() :] if opening is not None else text
    lines = code.split("\n")
    starts = [number for number, line in enumerate(lines) if line and not line[0].isspace() and number]
    for start in reversed(starts):
        kept = "\n".join(lines[:start]).rstrip()
        tree = syntax_tree(kept)
        if tree is None:
            continue
        if not any(isinstance(node, ast.FunctionDef) and node.name.startswith("test") for node in tree.body):
            return None
        left_out = len(lines) - start
        return ReadFile(f"{kept}\n", None, "", (f"the end of an answer that was cut off ({left_out} lines)",))
    return None
