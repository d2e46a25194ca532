"""Which function, class or program of the delivered code an example speaks of."""

from __future__ import annotations

import ast
import builtins
import keyword
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.execution.evidence.examples.example import FunctionExample
from core.text.python_syntax import syntax_tree

_Function = ast.FunctionDef | ast.AsyncFunctionDef
_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "str": (str,),
    "bool": (bool,),
    "bytes": (bytes,),
    "list": (list,),
    "List": (list,),
    "dict": (dict,),
    "Dict": (dict,),
    "tuple": (tuple,),
    "Tuple": (tuple,),
    "set": (set,),
    "Set": (set,),
}


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A delivered function that tests call: its file, the module it is imported as, and its name there.

    `method_of` names the class whose method it is; an object of it is made without arguments.
    """

    path: str
    module: str
    function: str
    is_async: bool = False
    method_of: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A function that an example calls, and the arguments as this function takes them."""

    call: FunctionCall
    arguments: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Program:
    """A delivered file that is run: by its path, or as a module."""

    path: str
    module: str = ""


@dataclass(frozen=True, slots=True)
class _Module:
    path: str
    name: str
    tree: ast.Module

    def functions(self) -> dict[str, _Function]:
        return {node.name: node for node in self.tree.body if isinstance(node, _Function)}

    def classes(self) -> dict[str, ast.ClassDef]:
        return {node.name: node for node in self.tree.body if isinstance(node, ast.ClassDef)}

    def names(self) -> set[str]:
        assigned = {
            target.id
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        return assigned | set(self.functions()) | set(self.classes())

    def is_program(self) -> bool:
        return self.path.endswith("__main__.py") or any(
            isinstance(node, ast.If) and "__name__" in ast.unparse(node.test) for node in self.tree.body
        )


class DeliveredCode:
    """The delivered Python files and shell scripts, by their paths, as tests can reach them."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._modules = [module for path, text in sorted(files.items()) if (module := _module(path, text, files))]

    def resolve(self, example: FunctionExample) -> Target | str:
        """Return the function that an example calls, or why none is certain."""
        root, _, name = example.function.rpartition(".")
        if root and root not in {module.name.rpartition(".")[2] for module in self._modules}:
            return f"no delivered module is called {root!r}"
        candidates = self._callables(name) if name else []
        taking = [target for call, node in candidates if (target := _fitted(example, call, node, typed=False))]
        if len({target.call for target in taking}) == 1:
            return taking[0]
        if len(taking) > 1:
            return f"{name!r} is defined in more than one file"
        if candidates:
            return f"{name!r} does not take these arguments"
        if hasattr(builtins, name):
            return f"{name!r} is Python's own, and no delivered function is called so"
        public = [target for call, node in self._public() if (target := _fitted(example, call, node, typed=True))]
        if len(public) == 1:
            return public[0]
        what = f"no delivered function is called {name!r}" if name else "the task names no function"
        return f"{what}, and {len(public) or 'none'} of the public ones could be meant"

    def module_of(self, name: str) -> str | None:
        """Return the module that defines a name; None when none does or more than one."""
        defining = [module.name for module in self._modules if name in module.names()]
        return defining[0] if len(defining) == 1 else None

    def is_module(self, name: str) -> bool:
        """Whether a delivered module is imported under this name."""
        return any(module.name == name for module in self._modules)

    def path_of(self, module: str) -> str:
        """Return the file of a module."""
        return next(entry.path for entry in self._modules if entry.name == module)

    def program(self, name: str, *, as_module: bool) -> Program | str:
        """Return the delivered program that a command line names, or why none is certain."""
        if as_module:
            found = [module for module in self._modules if module.name in (name, f"{name}.__main__")]
            return Program(found[-1].path, name) if found else f"no delivered module is called {name!r}"
        for path in self._files:
            if name in (path, PurePosixPath(path).name, PurePosixPath(path).stem) and path.endswith((".py", ".sh")):
                return self._as_program(path)
        programs = [module.path for module in self._modules if module.is_program()]
        programs += [path for path in self._files if path.endswith(".sh")]
        if len(programs) == 1 and PurePosixPath(programs[0]).suffix == (PurePosixPath(name).suffix or ".py"):
            return self._as_program(programs[0])
        return f"no delivered program is called {name!r}"

    def _as_program(self, path: str) -> Program:
        folder = PurePosixPath(path).parent
        if str(folder) != "." and f"{folder}/__init__.py" in self._files:
            module = next((module.name for module in self._modules if module.path == path), "")
            return Program(path, module.removesuffix(".__main__"))
        return Program(path)

    def _callables(self, name: str) -> list[tuple[FunctionCall, _Function | ast.ClassDef]]:
        """Return what is called so; else what is called so in another spelling; else methods of that name."""
        tops: list[tuple[_Module, str, _Function | ast.ClassDef]] = [
            (module, own, node)
            for module in self._modules
            for own, node in {**module.functions(), **module.classes()}.items()
        ]
        for spelling in (str, _plain):
            if found := [
                (_call(module, own, node), node) for module, own, node in tops if spelling(own) == spelling(name)
            ]:
                return found
        return [
            (
                FunctionCall(
                    module.path, module.name, method.name, isinstance(method, ast.AsyncFunctionDef), owner.name
                ),
                method,
            )
            for module in self._modules
            for owner in module.classes().values()
            if _needs_nothing(owner)
            for method in owner.body
            if isinstance(method, _Function) and method.name == name
        ]

    def _public(self) -> list[tuple[FunctionCall, _Function]]:
        return [
            (_call(module, name, node), node)
            for module in self._modules
            for name, node in module.functions().items()
            if not name.startswith("_") and name != "main"
        ]


def _call(module: _Module, name: str, node: ast.AST) -> FunctionCall:
    return FunctionCall(module.path, module.name, name, isinstance(node, ast.AsyncFunctionDef))


def _plain(name: str) -> str:
    return name.replace("_", "").lower()


def _module(path: str, text: str, files: Mapping[str, str]) -> _Module | None:
    pure = PurePosixPath(path)
    parts = list(pure.with_suffix("").parts)
    is_test = (
        pure.name.startswith("test_")
        or pure.name.endswith("_test.py")
        or pure.name == "conftest.py"
        or "tests" in parts
    )
    if pure.suffix != ".py" or is_test:
        return None
    if parts[0] == "src" and len(parts) > 1 and "src/__init__.py" not in files:
        parts = parts[1:]
    if parts[-1] == "__init__" and len(parts) > 1:
        parts = parts[:-1]
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        return None
    tree = syntax_tree(text)
    return _Module(path, ".".join(parts), tree) if tree is not None else None


def _needs_nothing(owner: ast.ClassDef) -> bool:
    for node in owner.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return (
                len(node.args.posonlyargs + node.args.args) - len(node.args.defaults) <= 1 and not node.args.kwonlyargs
            )
    return True


def _fitted(
    example: FunctionExample, call: FunctionCall, node: _Function | ast.ClassDef, *, typed: bool
) -> Target | None:
    """Return an example's arguments as a function takes them; None when it cannot."""
    if isinstance(node, ast.ClassDef):
        return Target(call, example.arguments, example.keywords)
    parameters = [*node.args.posonlyargs, *node.args.args][1 if call.method_of else 0 :]
    names = [parameter.arg for parameter in parameters]
    if example.names and set(example.names) <= {*names, *(only.arg for only in node.args.kwonlyargs)}:
        keywords = tuple(zip(example.names, example.arguments, strict=True))
        return Target(call, (), keywords) if _takes(node, names, (), keywords) else None
    if example.names and set(example.names) & set(names) and len(example.arguments) != len(names):
        return None
    spread = [example.arguments]
    if not example.function and len(example.arguments) == 1 and isinstance(example.arguments[0], tuple):
        spread.append(example.arguments[0])
    for arguments in spread:
        if _takes(node, names, arguments, example.keywords) and (not typed or _types_fit(parameters, arguments)):
            return Target(call, arguments, example.keywords)
    return None


def _takes(
    node: _Function, names: list[str], arguments: tuple[object, ...], keywords: tuple[tuple[str, object], ...]
) -> bool:
    only = [parameter.arg for parameter in node.args.kwonlyargs]
    needed_only = [name for name, default in zip(only, node.args.kw_defaults, strict=True) if default is None]
    required = names[: len(names) - len(node.args.defaults)] if node.args.defaults else names
    given = {name for name, _ in keywords}
    if len(arguments) > len(names) and node.args.vararg is None:
        return False
    if given & set(names[: len(arguments)]) or (given - {*names, *only} and node.args.kwarg is None):
        return False
    return not (set(required[len(arguments) :]) | set(needed_only)) - given


def _types_fit(parameters: list[ast.arg], arguments: tuple[object, ...]) -> bool:
    for parameter, argument in zip(parameters, arguments, strict=False):
        annotation = parameter.annotation
        while isinstance(annotation, ast.Subscript):
            annotation = annotation.value
        name = annotation.id if isinstance(annotation, ast.Name) else ""
        if name in _TYPES and not isinstance(argument, _TYPES[name]):
            return False
    return True
