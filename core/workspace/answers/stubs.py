"""Python functions and classes whose body does nothing though nothing says that it may."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_Function = ast.FunctionDef | ast.AsyncFunctionDef

# The framework calls these for their signature or their decorator; the body is allowed to be empty.
_EMPTY_BY_DECORATOR = frozenset(
    [
        "abstractmethod",
        "abstractproperty",
        "abstractclassmethod",
        "abstractstaticmethod",
        "overload",
        "group",
        "callback",
        "singledispatch",
        "singledispatchmethod",
        "fixture",
        "hookspec",
        "hookimpl",
        "given",
    ]
)
_QUIET_NAMES = ("noop", "no_op", "_noop", "do_nothing", "log_message")
_ALLOWING_WORDS = (
    "overrid",
    "subclass",
    "hook",
    "no-op",
    "noop",
    "nothing",
    "by default",
    "placeholder for the",
    "intentionally",
)


def find_stubs(tree: ast.Module, *, is_test: bool) -> dict[int, str]:
    """Return line numbers and what is missing there; in a test module empty doubles are fine, empty tests are not."""
    subclassed = {_last_name(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
    try:
        return dict(_in_body(tree.body, owner=None, subclassed=subclassed, is_test=is_test))
    except RecursionError:  # a chain of a thousand elif is no place where code is left out
        return {}


def _in_body(
    body: list[ast.stmt], *, owner: ast.ClassDef | None, subclassed: set[str], is_test: bool
) -> Iterator[tuple[int, str]]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                missing = _missing(node, owner, subclassed, is_test=is_test)
                if missing is not None:
                    yield node.lineno, missing
                elif not _is_nothing(node.body, with_docstring=True):
                    yield from _dots_between(node.body)
                    yield from _in_body(node.body, owner=None, subclassed=subclassed, is_test=is_test)
            case ast.ClassDef():
                if _is_interface(node):
                    continue
                if (
                    not is_test
                    and not node.bases
                    and not node.decorator_list
                    and _is_nothing(node.body, with_docstring=False)
                ):
                    yield node.lineno, f"the class {node.name} has no body"
                yield from _in_body(node.body, owner=node, subclassed=subclassed, is_test=is_test)
            case ast.If() | ast.With() | ast.For() | ast.While() | ast.Try():
                for field in ("body", "orelse", "finalbody"):
                    inner = getattr(node, field, [])
                    yield from _in_body(inner, owner=owner, subclassed=subclassed, is_test=is_test)
            case _:
                continue


def _missing(node: _Function, owner: ast.ClassDef | None, subclassed: set[str], *, is_test: bool) -> str | None:
    name = f"{owner.name}.{node.name}" if owner is not None else node.name
    if {_last_name(decorator) for decorator in node.decorator_list} & _EMPTY_BY_DECORATOR:
        return None
    if is_test and not node.name.startswith("test"):
        return None
    if node.name.startswith(_QUIET_NAMES) or (node.name.startswith("__") and node.name.endswith("__")):
        return None
    docstring = (ast.get_docstring(node) or "").casefold()
    if any(word in docstring for word in _ALLOWING_WORDS):
        return None
    overrides = owner is not None and any(_last_name(base) != "object" for base in owner.bases)
    is_base = owner is not None and owner.name in subclassed
    last = node.body[-1]
    if _is_nothing(node.body, with_docstring=True):
        if (overrides or is_base) and not any(_is_dots(statement) for statement in node.body):
            return None  # an override that does nothing on purpose, or a hook for one
        what = "pass" if isinstance(last, ast.Pass) else "..." if _is_dots(last) else "a docstring"
        return f"the body of {name} is only {what}"
    if len(_without_docstring(node.body)) == 1 and _raises_not_implemented(last) and not is_base:
        return f"{name} only raises NotImplementedError"
    return None


def _is_interface(node: ast.ClassDef) -> bool:
    return bool({_last_name(base) for base in node.bases} & {"Protocol", "TypedDict", "NamedTuple", "Interface"})


def _dots_between(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    for node in body:
        if _is_dots(node):
            yield node.lineno, "`...` stands for something"


def _is_nothing(body: list[ast.stmt], *, with_docstring: bool) -> bool:
    rest = _without_docstring(body)
    if not rest:
        return with_docstring
    return all(isinstance(node, ast.Pass) or _is_dots(node) for node in rest)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    has_one = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if has_one else body


def _is_dots(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis


def _raises_not_implemented(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and _last_name(node.exc) == "NotImplementedError"


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
