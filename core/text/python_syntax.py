"""Reads Python that others wrote, without the warnings that its compiler would print on our screen."""

from __future__ import annotations

import ast
import threading
import warnings

_WARNING_FILTERS = threading.Lock()  # catch_warnings changes state the whole process shares


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


def syntax_tree(text: str) -> ast.Module | None:
    """Return the tree of a text, or None when Python cannot parse it; what parses need not compile."""
    with _WARNING_FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
            return None
