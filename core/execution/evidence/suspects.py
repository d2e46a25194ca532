"""Which delivered Python file a red test speaks of: the one that defines what the test calls, seen through re-exports."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath

from core.execution.results import CaseResult
from core.text.python_syntax import syntax_tree


class Suspects:
    """Reads tests and code as they were executed; `sources` are texts by path, and what does not parse names nobody."""

    def __init__(self, sources: Mapping[str, str], code: tuple[str, ...]) -> None:
        self._trees = {path: tree for path, text in sources.items() if (tree := _parsed(path, text)) is not None}
        self._code = code

    def of_test(self, case: CaseResult) -> str | None:
        """Return the code file that a test is about: where the first of its called names is defined; None if unknown."""
        tree = self._trees.get(case.path)
        function = _function_named(tree, case.name.partition("[")[0].split("::")[-1]) if tree is not None else None
        if tree is None or function is None:
            return None
        imported = dict(self._imports(case.path, tree))
        for name in _called_names(function):
            if (module := imported.get(name.partition(".")[0])) is not None:
                attribute = name.partition(".")[2] or name
                return self._definer(module, attribute, seen=frozenset())
        return None

    def deepest(self, path: str, suspects: frozenset[str]) -> str:
        """Return, of the suspects that a file imports, directly or not, one that imports no other; the file itself if none."""
        below = [other for other in sorted(suspects) if other != path and other in self._reached(path)]
        return next((other for other in below if not self._reached(other) & set(below) - {other}), path)

    def _reached(self, path: str) -> frozenset[str]:
        reached: set[str] = set()
        waiting = [path]
        while waiting:
            for target in self._imported_by.get(waiting.pop(), ()):
                if target not in reached:
                    reached.add(target)
                    waiting.append(target)
        return frozenset(reached)

    @cached_property
    def _imported_by(self) -> Mapping[str, frozenset[str]]:
        return {
            path: frozenset(target for _, target in self._imports(path, self._trees[path]))
            for path in self._code
            if path in self._trees
        }

    @cached_property
    def _modules(self) -> Mapping[str, str]:
        """Dotted name to path, also without a leading src."""
        names: dict[str, str] = {}
        for path in self._code:
            parts = PurePosixPath(path).with_suffix("").parts
            parts = parts[:-1] if parts[-1] == "__init__" else parts
            names[".".join(parts)] = path
            if parts[:1] == ("src",):
                names.setdefault(".".join(parts[1:]), path)
        return names

    def _imports(self, path: str, tree: ast.Module) -> Iterator[tuple[str, str]]:
        """Yield each name that a file binds by an import, and the delivered file it comes from."""
        package = PurePosixPath(path).parent.parts
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in self._modules:
                        yield alias.asname or alias.name.partition(".")[0], self._modules[alias.name]
            elif isinstance(node, ast.ImportFrom):
                base = package[: len(package) - node.level + 1] if node.level else ()
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    target = self._modules.get(f"{module}.{alias.name}", self._modules.get(module))
                    if target is not None:
                        yield alias.asname or alias.name, target

    def _definer(self, path: str, name: str, *, seen: frozenset[str]) -> str:
        """Follow a name through re-exports to the file that defines it."""
        tree = self._trees.get(path)
        if tree is None or path in seen or any(name == defined for defined in _defined(tree)):
            return path
        onward = dict(self._imports(path, tree)).get(name)
        return path if onward is None else self._definer(onward, name, seen=seen | {path})


def _parsed(path: str, text: str) -> ast.Module | None:
    if not path.endswith(".py"):
        return None
    return syntax_tree(text)


def _function_named(tree: ast.Module, name: str) -> ast.AST | None:
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return next((node for node in functions if node.name == name), None)


def _called_names(function: ast.AST) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            yield node.func.id
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            yield f"{node.func.value.id}.{node.func.attr}"


def _defined(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
