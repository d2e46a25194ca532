"""Python text to a syntax tree, whatever the text and whatever the warning filters of the process."""

from __future__ import annotations

import ast
import threading
import warnings

_WARNING_FILTERS = threading.Lock()  # catch_warnings changes state the whole process shares


def parse_python(text: str) -> ast.Module | None:
    """Return the module's tree, or None when Python cannot read it."""
    return None if python_problem(text) is not None else _quietly_parsed(text)


def python_problem(text: str) -> str | None:
    """Return why Python cannot compile the text, with the line number, or None."""
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            compile(text, "<answer>", "exec", dont_inherit=True)
        except SyntaxError as error:
            return f"line {error.lineno or 1}: {error.msg}"
        except (ValueError, RecursionError, MemoryError, OverflowError) as error:
            return f"line 1: Python cannot read the file: {type(error).__name__}"
    return None


def _quietly_parsed(text: str) -> ast.Module | None:
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
