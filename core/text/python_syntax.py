"""Reads Python that others wrote, without the warnings that its compiler would print on our screen."""

from __future__ import annotations

import ast
import threading
import warnings
from typing import Literal

# catch_warnings changes state the whole process shares; and two threads that build trees at once end in a SystemError in
# Python 3.11 ("AST constructor recursion depth mismatch"), so that all trees of foreign text are made here.
_ONE_AT_A_TIME = threading.Lock()
TRIES = 5
_UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError)


def python_problem(text: str) -> str | None:
    """Return why Python cannot compile the text, with the line number, or None."""
    with _ONE_AT_A_TIME, warnings.catch_warnings():
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
    tree = _tree(text, "exec")
    return tree if isinstance(tree, ast.Module) else None


def expression_tree(text: str) -> ast.expr | None:
    """Return the tree of an expression, or None when the text is none."""
    tree = _tree(text, "eval")
    return tree.body if isinstance(tree, ast.Expression) else None


def _tree(text: str, mode: Literal["exec", "eval"]) -> ast.AST | None:
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(TRIES):
            try:
                return ast.parse(text, mode=mode)
            except _UNREADABLE:
                return None
            except SystemError:  # a library that builds a tree of its own meanwhile knows nothing of our lock
                continue
    return None
