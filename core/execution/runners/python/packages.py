"""What delivered Python declares that it needs, and which of that is missing here."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from core.execution.runners.python.environment import find_installed, importable_names, installed_with_needs
from core.text.python_syntax import syntax_tree

MOST_LINES = 500
# Names to import that say nothing of the package to install.
PACKAGE_OF = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "multipart": "python-multipart",
    "PIL": "pillow",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
# Plugins of pytest are hardly ever imported: what tests write that only they understand.
PLUGIN_SIGNS = {
    "pytest-asyncio": "mark.asyncio",
    "pytest-benchmark": "benchmark(",
    "pytest-cov": "--cov",
    "pytest-httpx": "httpx_mock",
    "pytest-mock": "mocker",
    "pytest-timeout": "mark.timeout",
}
_SETTINGS = ("pytest.ini", "pyproject.toml", "setup.cfg", "tox.ini")
_COMMENT = re.compile(r"(^|\s)#.*$")


@dataclass(frozen=True, slots=True)
class PythonNeeds:
    """What is declared and is installed here, what is imported and is not, and the part of that which is declared."""

    available: tuple[Requirement, ...]
    missing_declared: tuple[str, ...]
    undeclared: tuple[str, ...]


def find_needs(tree: Path, paths: Sequence[str]) -> PythonNeeds:
    """Return what the Python files of a tree need of the packages installed here.

    A package that is declared and that nothing imports is not missed. Imports that are expected to fail (in a `try`) are
    not missed either.
    """
    declared = {canonicalize_name(each.name): each for each in declared_requirements(tree)}
    available = tuple(each for name, each in declared.items() if find_installed(name) is not None)
    reachable = importable_names(installed_with_needs([Requirement("pytest"), *available]).values())
    unmet = sorted(imported_names(tree, paths) - reachable - sys.stdlib_module_names - _own_names(tree))
    absent = {name for name in declared if find_installed(name) is None}
    # A package whose name is another than what is imported: with one candidate left over, that is the one.
    known = {name: package for name in unmet if (package := _package_of(name)) in absent}
    left_over = sorted(absent - set(known.values()))
    unknown = [name for name in unmet if name not in known]
    if len(left_over) == 1 and len(unknown) == 1:
        known[unknown[0]] = left_over[0]
    plugins = [
        name for name in absent & PLUGIN_SIGNS.keys() if _mentions(tree, (*paths, *_SETTINGS), PLUGIN_SIGNS[name])
    ]
    missing = sorted({*known.values(), *plugins})
    return PythonNeeds(available, tuple(missing), tuple(name for name in unmet if name not in known))


def declared_requirements(tree: Path) -> Iterator[Requirement]:
    """Yield what a tree's requirements files and its pyproject.toml ask for, also for tests and development."""
    for path in sorted(tree.glob("*requirements*.txt")):
        for line in _text(path).splitlines()[:MOST_LINES]:
            yield from _requirement(_COMMENT.sub("", line))
    project = _toml(tree / "pyproject.toml")
    table = _table(project, "project")
    yield from _listed(table.get("dependencies"))
    for group in (*_table(table, "optional-dependencies").values(), *_table(project, "dependency-groups").values()):
        yield from _listed(group)


def imported_names(tree: Path, paths: Iterable[str]) -> frozenset[str]:
    """Return the top-level names that Python files import in earnest."""
    names: set[str] = set()
    for path in paths:
        if path.endswith(".py") and (parsed := syntax_tree(_text(tree / path))) is not None:
            names.update(_imports(parsed))
    return frozenset(names)


def _imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=aliases):
            yield from (alias.name.partition(".")[0] for alias in aliases)
        case ast.ImportFrom(level=0, module=str(module)):
            yield module.partition(".")[0]
        case ast.Try(handlers=[_, *_], orelse=orelse, finalbody=finalbody):
            for each in (*orelse, *finalbody):
                yield from _imports(each)
        case ast.If(test=ast.Name(id="TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"), orelse=orelse):
            for each in orelse:
                yield from _imports(each)
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _imports(child)


def _own_names(tree: Path) -> frozenset[str]:
    return frozenset(path.stem for path in tree.rglob("*") if path.suffix == ".py" or path.is_dir())


def _mentions(tree: Path, paths: Iterable[str], sign: str) -> bool:
    return any(sign in _text(tree / path) for path in paths if path.endswith(".py") or path in _SETTINGS)


def _package_of(name: str) -> str:
    return canonicalize_name(PACKAGE_OF.get(name, name))


def _requirement(line: str) -> Iterator[Requirement]:
    try:
        requirement = Requirement(line.strip())
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield requirement
    except InvalidRequirement:  # an option, an address or a word of a model
        return


def _listed(value: object) -> Iterator[Requirement]:
    for each in value if isinstance(value, list) else ():
        if isinstance(each, str):
            yield from _requirement(each)


def _table(table: dict[str, Any], key: str) -> dict[str, Any]:
    value = table.get(key)
    return value if isinstance(value, dict) else {}


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
