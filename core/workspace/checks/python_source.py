"""Python text as a syntax tree: whether it parses, what it offers to others and what it asks of them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping

from core.text.python_syntax import python_problem, syntax_tree
from core.text.sanitize import plain_line

MAX_SIGNATURE_CHARS = 240
MANY_DEFINITIONS = 4  # a smaller module may well be written anew

_Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse_python(text: str) -> ast.Module | None:
    """Return the module's tree, or None when Python cannot read it."""
    return None if python_problem(text) is not None else syntax_tree(text)


def python_signatures(text: str) -> tuple[str, ...]:
    """Return the public functions, classes, methods and constants, one line each, in order; none if it does not parse."""
    tree = parse_python(text)
    if tree is None:
        return ()
    return tuple(plain_line(line, limit=MAX_SIGNATURE_CHARS) for line in _signatures(tree))


def _signatures(tree: ast.Module) -> Iterator[str]:
    for node in _top_level(tree.body):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() if not node.name.startswith("_"):
                yield _function(node)
            case ast.ClassDef() if not node.name.startswith("_"):
                yield from _class(node)
            case ast.Assign(targets=[ast.Name(id=name)]) if name.isupper() and not name.startswith("_"):
                yield f"{name} = {_source(node.value)}"
            case ast.AnnAssign(target=ast.Name(id=name)) if name.isupper() and not name.startswith("_"):
                yield _source(node)
            case _:
                continue


def python_imports(text: str, local_modules: Collection[str] = ()) -> tuple[str, ...]:
    """Return the third-party packages a module imports, sorted: neither the standard library nor `local_modules`."""
    tree = parse_python(text)
    if tree is None:
        return ()
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    own = {module.split(".")[0] for module in local_modules}
    return tuple(sorted(names - sys.stdlib_module_names - own))


def unresolved_names(test_text: str, modules: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names a test imports or uses from our modules that do not exist there, such as "todo.core.remove".

    `modules` maps a dotted name or a path ("todo/core.py", "src/todo/core.py") to the module's text. A module that does
    not parse, imports with a star or defines `__getattr__` is taken to have every name.
    """
    tree = parse_python(test_text)
    if tree is None:
        return ()
    ours = _module_names(modules)
    packages = {name.rsplit(".", depth)[0] for name in ours for depth in range(name.count(".") + 1)}
    found: dict[str, None] = {}
    aliases: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if node.module.split(".")[0] not in packages:
                continue
            if node.module not in packages:
                found[node.module] = None
                continue
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                if full in packages:
                    aliases[alias.asname or alias.name] = full
                elif alias.name != "*" and not _defines(ours.get(node.module), alias.name):
                    found[full] = None
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] in packages and alias.name not in packages:
                    found[alias.name] = None
                elif alias.name in packages and (alias.asname or "." not in alias.name):
                    aliases[alias.asname or alias.name] = alias.name
    for name in _rebound(tree):
        aliases.pop(name, None)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and isinstance(node.value, ast.Name):
            module = aliases.get(node.value.id)
            if module is None or f"{module}.{node.attr}" in packages or node.attr.startswith("__"):
                continue
            if not _defines(ours.get(module), node.attr):
                found[f"{module}.{node.attr}"] = None
    return tuple(found)


def lost_definitions(before: str, after: str) -> tuple[str, ...]:
    """Return the functions and classes a rewritten module has lost, if most of at least four are gone; else nothing."""
    had, has = (_definitions(text) for text in (before, after))
    lost = tuple(name for name in had if name not in has)
    return lost if len(had) >= MANY_DEFINITIONS and len(lost) * 2 > len(had) else ()


def _definitions(text: str) -> dict[str, None]:
    tree = parse_python(text)
    nodes = _top_level(tree.body) if tree is not None else ()
    return {
        node.name: None for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


def _source(node: ast.AST) -> str:
    try:
        return ast.unparse(node)
    except RecursionError:
        return "..."  # a sum of a thousand terms tells a reader nothing


def _module_names(modules: Mapping[str, str]) -> dict[str, str]:
    names: dict[str, str] = {}
    for key, text in modules.items():
        dotted = key.removesuffix(".py").replace("/", ".") if key.endswith(".py") else key
        dotted = dotted.removesuffix(".__init__")
        names[dotted] = text
        if dotted.startswith("src."):
            names[dotted.removeprefix("src.")] = text
    return names


def _top_level(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module in order, those inside if, try and with included."""
    waiting = list(reversed(body))
    while waiting:
        node = waiting.pop()
        if not isinstance(node, ast.If | ast.Try | ast.With):
            yield node
            continue
        inner: list[ast.stmt] = list(node.body)
        if isinstance(node, ast.Try):
            inner += [statement for handler in node.handlers for statement in handler.body]
        if isinstance(node, ast.If | ast.Try):
            inner += node.orelse
        if isinstance(node, ast.Try):
            inner += node.finalbody
        waiting.extend(reversed(inner))


def _function(node: _Function, owner: str = "") -> str:
    prefix = "async def " if isinstance(node, ast.AsyncFunctionDef) else "def "
    marks = {decorator.id for decorator in node.decorator_list if isinstance(decorator, ast.Name)}
    kind = " ".join(f"@{mark}" for mark in ("property", "classmethod", "staticmethod") if mark in marks)
    returns = f" -> {_source(node.returns)}" if node.returns is not None else ""
    return f"{kind} {prefix}{owner}{node.name}({_source(node.args)}){returns}".lstrip()


def _class(node: ast.ClassDef) -> Iterator[str]:
    decorators = "".join(f"@{_source(decorator)} " for decorator in node.decorator_list)
    bases = ", ".join([_source(base) for base in node.bases] + [_source(keyword) for keyword in node.keywords])
    fields = [_source(item) for item in node.body if isinstance(item, ast.AnnAssign)]
    members = [_source(item) for item in node.body if isinstance(item, ast.Assign)]
    shown = "; ".join(name for name in fields + members if not name.startswith("_"))
    head = f"{decorators}class {node.name}({bases})" if bases else f"{decorators}class {node.name}"
    yield f"{head}: {shown}" if shown else head
    for item in node.body:
        if isinstance(item, _Function) and (item.name == "__init__" or not item.name.startswith("_")):
            yield _function(item, owner=f"{node.name}.")


def _defines(text: str | None, name: str) -> bool:
    if text is None:
        return False
    tree = parse_python(text)
    if tree is None:
        return True
    try:
        defined = set(_module_scope(tree.body))
    except RecursionError:
        return True
    return bool({name, "*", "__getattr__"} & defined) or name in {"__name__", "__file__", "__doc__", "__all__"}


def _module_scope(nodes: Iterable[ast.AST]) -> Iterator[str]:
    for node in nodes:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.name
            case ast.Import() | ast.ImportFrom():
                yield from ((alias.asname or alias.name).split(".")[0] for alias in node.names)
            case ast.Name(ctx=ast.Store()):
                yield node.id
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case _:
                yield from _module_scope(ast.iter_child_nodes(node))


def _rebound(tree: ast.Module) -> set[str]:
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)}
    return names | {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
