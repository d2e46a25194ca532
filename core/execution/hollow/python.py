"""Hollows Python: everything that can be called does nothing, and what only declares something stays.

A test proves something if it goes red against *both* variants:
- "raises": every function, method and property raises an ordinary exception. Tests that swallow any exception, or expect
  just any (`pytest.raises(Exception)`), stay green. It is an Exception and no BaseException for their sake.
- "returns": every function gives one and the same value, which is equal to itself alone, neither before nor behind
  anything, and can be shown; asking whether it is true, reading or calling it raises. Tests that call the code and look at
  nothing that it did stay green, and so do those that any constant function would meet: a comparison that nobody asserts,
  `assert f(2) == 5 or True`, `assert (f(2) == 5, "text")`, `assert f(2) == f(2)`, a swallowed AssertionError.
`__init__` is hollowed too: attributes that it would set are missing, so a test that reads them goes red, and one that only
constructs stays green in "returns". Dataclasses, enumerations, named tuples and constants stay: they declare, and a test
that only compares them proves nothing.

While a module is imported nothing raises, whatever is called: such a value is given instead. So a module that computes a
constant by its own function, and a test file that calls code at its top, can be imported, and the red is where the value
is used. A script's own statements and the part under `if __name__ == "__main__"` do nothing: it exits 0 and prints nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import chain

from core.execution.hollow.comments import as_comments
from core.execution.hollow.python_prelude import MARK, PRELUDE
from core.execution.hollow.variant import HollowVariant
from core.text.python_syntax import syntax_tree

# Called by Python or a library while a class is made; without them there is no class to test.
_CLASS_MAKING = frozenset({"__class_getitem__", "__prepare__", "__mro_entries__"})
_DECLARING_BASES = ("Enum", "Flag")
_METACLASSES = ("type", "EnumMeta", "EnumType", "ABCMeta")
# At the top of a module these act or wait: their value is not computed.
_ACTING_CALLS = frozenset({
    "input", "open", "print", "exec", "eval", "exit", "main", "run", "system", "popen", "Popen", "call", "check_call",
    "check_output", "parse_args", "parse_known_args", "read", "readline", "readlines", "read_text", "urlopen", "sleep",
})  # fmt: skip

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def hollow_python(text: str, variant: HollowVariant, delivered_modules: Iterable[str] = ()) -> str | None:
    """Return a module that offers what `text` offers and does nothing; None if it cannot be parsed.

    `delivered_modules` are the top-level names that the delivered code can be imported by.
    """
    tree = syntax_tree(text)
    if tree is None:
        return None
    hollow = _Hollow(variant, _delivered_names(tree, frozenset(delivered_modules)))
    opening = list(_opening(tree.body))
    prelude = syntax_tree(PRELUDE)
    body = [*opening, *(prelude.body if prelude is not None else ()), *hollow.statements(tree.body[len(opening) :])]
    try:
        hollowed = ast.unparse(ast.fix_missing_locations(ast.Module(body, [])))
    except RecursionError:
        return None
    return f"{hollowed}\n{as_comments(text)}"


def _opening(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the docstring and the imports from the future, which have to come first."""
    for at, node in enumerate(body):
        is_docstring = at == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not is_docstring and not (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
            return
        yield node


def _delivered_names(tree: ast.Module, modules: frozenset[str]) -> frozenset[str]:
    """Return the names in a module that stand for delivered functions and classes."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ImportFrom(level=level, module=module, names=aliases):
                if level or (module or "").partition(".")[0] in modules:
                    names.update(alias.asname or alias.name for alias in aliases)
            case ast.Import(names=aliases):
                tops = (alias for alias in aliases if alias.name.partition(".")[0] in modules)
                names.update(alias.asname or alias.name.partition(".")[0] for alias in tops)
            case _:
                continue
    return frozenset(names)


class _Hollow:
    def __init__(self, variant: HollowVariant, delivered: frozenset[str]) -> None:
        self._give = f"_hollow_{variant}"
        self._variant = variant
        self._delivered = delivered

    def statements(self, body: Iterable[ast.stmt], owner: ast.ClassDef | None = None) -> list[ast.stmt]:
        """Return what is left of the statements of a module or a class."""
        return list(chain.from_iterable(self._statement(node, owner) for node in body))

    def _statement(self, node: ast.stmt, owner: ast.ClassDef | None) -> Iterator[ast.stmt]:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                yield self._function(node, owner)
            case ast.ClassDef():
                yield self._class(node)
            case ast.Import() | ast.ImportFrom() | ast.Pass() | ast.Global() | ast.Nonlocal():
                yield node
            case ast.Expr(value=value):
                if isinstance(value, ast.Constant) or _is_about_imports(value):
                    yield node
            case ast.If():
                yield from self._condition(node, owner)
            case ast.Try():
                handlers = [
                    ast.ExceptHandler(each.type, each.name, self._block(each.body, owner)) for each in node.handlers
                ]
                body = self._block(node.body, owner)
                if handlers or node.finalbody:
                    yield ast.Try(
                        body, handlers, self.statements(node.orelse, owner), self.statements(node.finalbody, owner)
                    )
                else:
                    yield from body
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                yield from self._assignment(node)
            case _ if type(node).__name__ == "TypeAlias":
                yield node
            case _:
                # Loops, `with` and the like act. What they would have named must still be there.
                yield from (self._nothing(name) for name in _bound_names(node))

    def _condition(self, node: ast.If, owner: ast.ClassDef | None) -> Iterator[ast.stmt]:
        if any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test)):
            yield from self.statements(node.orelse, owner)
        elif _acts(node.test) or self._uses_delivered(node.test):
            yield from (self._nothing(name) for name in _bound_names(node))
        else:
            yield ast.If(node.test, self._block(node.body, owner), self.statements(node.orelse, owner))

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> Iterator[ast.stmt]:
        names = sorted(_bound_names(node))
        if node.value is None or not any(
            isinstance(each, ast.Call | ast.Lambda | ast.Name | ast.comprehension) for each in ast.walk(node.value)
        ):
            yield node
            return
        if _acts(node.value):
            yield from (self._nothing(name) for name in names)
            return
        node.value = self._without_lambdas(node.value)
        if isinstance(node.value, ast.Lambda):
            yield node
            return
        fallback = [self._nothing(name) for name in names] or [ast.Pass()]
        yield ast.Try([node], [ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, fallback)], [], [])

    def _without_lambdas(self, value: ast.expr) -> ast.expr:
        """Return a value in which functions without a name, as themselves or in a table, do nothing either."""
        match value:
            case ast.Lambda():
                value.body = self._result()
            case ast.Dict():
                value.values = [self._without_lambdas(each) for each in value.values]
            case ast.List() | ast.Tuple() | ast.Set():
                value.elts = [self._without_lambdas(each) for each in value.elts]
            case _:
                pass
        return value

    def _class(self, node: ast.ClassDef) -> ast.stmt:
        body = self._block(node.body, node)
        decorators = [each for each in node.decorator_list if not self._is_delivered(each)]
        return ast.copy_location(_replaced(node, body, decorators), node)

    def _function(self, node: _Function, owner: ast.ClassDef | None) -> ast.stmt:
        if owner is not None and node.name in {"__init_subclass__", "__set_name__"}:
            given_up = ast.ExceptHandler(ast.Name("BaseException", ast.Load()), None, [ast.Pass()])
            node.body = [ast.Try(node.body, [given_up], [], [])]
            return node
        if owner is not None and (node.name in _CLASS_MAKING or node.name.startswith("__get_pydantic")):
            return node
        if owner is not None and node.name in {"__init__", "__new__", "_generate_next_value_", "__call__"}:
            bases = [ast.unparse(base) for base in owner.bases]
            if any(base.endswith(_DECLARING_BASES) for base in bases) or any(
                base.rpartition(".")[2] in _METACLASSES for base in bases
            ):
                return node
        decorators = [each for each in node.decorator_list if not self._is_delivered(each)]
        return ast.copy_location(_replaced(node, self._body(node), decorators), node)

    def _body(self, node: _Function) -> list[ast.stmt]:
        docstring = node.body[:1] if ast.get_docstring(node, clean=False) is not None else []
        if node.name == "__getattr__":  # is asked for names that nobody has to have
            missing = ast.Call(ast.Name("AttributeError", ast.Load()), [ast.Constant(MARK)], [])
            return [*docstring, ast.Raise(missing, None)]
        if node.name == "__del__":
            return [*docstring, ast.Pass()]
        if node.name in {"__init__", "__post_init__", "__setattr__", "__delattr__"}:
            return [*docstring, ast.Expr(self._result())]  # must give None
        if _is_generator(node):
            return [*docstring, ast.Expr(ast.Yield(self._result()))]
        return [*docstring, ast.Return(self._result())]

    def _result(self) -> ast.expr:
        return ast.Call(ast.Name(self._give, ast.Load()), [], [])

    def _nothing(self, name: str) -> ast.stmt:
        return ast.Assign([ast.Name(name, ast.Store())], ast.Name("_hollow_value", ast.Load()))

    def _block(self, body: Iterable[ast.stmt], owner: ast.ClassDef | None) -> list[ast.stmt]:
        return self.statements(body, owner) or [ast.Pass()]

    def _is_delivered(self, decorator: ast.expr) -> bool:
        """Whether a decorator is delivered code, which does nothing and would leave nothing of what it decorates."""
        root = decorator
        while isinstance(root, ast.Attribute | ast.Call):
            if isinstance(root, ast.Attribute) and root.attr in {"setter", "getter", "deleter", "register", "overload"}:
                return False
            root = root.func if isinstance(root, ast.Call) else root.value
        return isinstance(root, ast.Name) and root.id in self._delivered

    def _uses_delivered(self, value: ast.expr) -> bool:
        return any(isinstance(each, ast.Name) and each.id in self._delivered for each in ast.walk(value))


def _replaced(node: ast.stmt, body: list[ast.stmt], decorators: list[ast.expr]) -> ast.stmt:
    node.body = body  # type: ignore[attr-defined]
    node.decorator_list = decorators  # type: ignore[attr-defined]
    return node


def _bound_names(node: ast.AST) -> set[str]:
    """Return the names that statements bind in their own scope."""
    names: set[str] = set()
    pending: list[ast.AST] = [node]
    while pending:
        each = pending.pop()
        match each:
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name.partition(".")[0] for alias in aliases if alias.name != "*")
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
                names.add(name)
            case _:
                pass
        pending.extend(ast.iter_child_nodes(each))
    return names


def _is_generator(node: _Function) -> bool:
    pending: list[ast.AST] = list(node.body)
    while pending:
        each = pending.pop()
        if isinstance(each, ast.Yield | ast.YieldFrom):
            return True
        if not isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            pending.extend(ast.iter_child_nodes(each))
    return False


def _is_about_imports(value: ast.expr) -> bool:
    """Whether a statement prepares imports, such as `sys.path.insert(0, ...)`."""
    return isinstance(value, ast.Call) and ast.unparse(value.func).startswith(("sys.path.", "os.environ.setdefault"))


def _acts(value: ast.expr) -> bool:
    for each in ast.walk(value):
        if isinstance(each, ast.Call):
            function = each.func
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if name in _ACTING_CALLS:
                return True
    return False
