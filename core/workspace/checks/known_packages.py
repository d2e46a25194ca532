"""Packages that a project may import: the standard library, its own modules, and what it declares or the task names."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.workspace.checks.python_source import parse_python

_IMPORTED_AS: Mapping[str, str] = {
    "attr": "attrs",
    "bs4": "beautifulsoup4 beautifulsoup",
    "crypto": "pycryptodome pycrypto",
    "cv2": "opencv-python opencv opencv-python-headless",
    "dateutil": "python-dateutil",
    "discord": "discord.py",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "fitz": "pymupdf",
    "git": "gitpython",
    "jwt": "pyjwt",
    "levenshtein": "python-levenshtein",
    "magic": "python-magic",
    "mysqldb": "mysqlclient",
    "openssl": "pyopenssl",
    "pil": "pillow",
    "pptx": "python-pptx",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "slugify": "python-slugify",
    "telegram": "python-telegram-bot",
    "usb": "pyusb",
    "websocket": "websocket-client",
    "wx": "wxpython",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
"""The names under which packages are installed, by the name under which they are imported."""

_BROUGHT_BY: Mapping[str, str] = {
    "aiohttp": "yarl multidict",
    "django": "asgiref",
    "fastapi": "pydantic starlette uvicorn",
    "flask": "werkzeug jinja2 click markupsafe",
    "matplotlib": "numpy",
    "pandas": "numpy",
    "requests": "urllib3 certifi",
    "scikit-learn": "numpy scipy joblib",
    "scipy": "numpy",
    "tensorflow": "numpy keras",
    "torch": "numpy",
}
"""What comes with a package and is imported beside it as a matter of course."""

DECLARING_NAMES = re.compile(
    r"(?:requirements|constraints)[\w.-]*\.txt|pyproject\.toml|pipfile|setup\.cfg", re.IGNORECASE
)
"""Files that say which packages a project needs."""

_REQUIREMENT = re.compile(r"^\s*([A-Za-z0-9][A-Za-z0-9._-]*)", re.MULTILINE)
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_TEST_TOOLS = frozenset({"pytest"})


@dataclass(frozen=True, slots=True)
class KnownPackages:
    """What may be imported: `modules` are the project's own, `packages` the names that are declared or named, normalised."""

    modules: frozenset[str]
    packages: frozenset[str]

    def unknown_in(self, text: str, *, is_test: bool) -> tuple[str, ...]:
        """Return the packages a module needs that nobody has declared, sorted; what it can do without is not asked for."""
        found = set(_needed(text)) - sys.stdlib_module_names - self.modules
        if is_test:
            found -= _TEST_TOOLS
        return tuple(sorted(name for name in found if not self._is_known(name)))

    def _is_known(self, module: str) -> bool:
        name = _normal(module)
        aliases = {name, *map(_normal, _IMPORTED_AS.get(name, "").split())}
        return bool(aliases & self.packages)


def known_packages(paths: Iterable[str], declaring: Mapping[str, str], words: str) -> KnownPackages:
    """Return what may be imported in a project.

    Args:
        paths: its files of Python, those too that are only planned.
        declaring: the texts of the files that declare packages, by path.
        words: what the user said: a package that is named there may be used.
    """
    modules = {part for path in paths for part in PurePosixPath(path).with_suffix("").parts}
    named = {_normal(word.rstrip(".")) for word in _WORD.findall(words)}
    for path, text in declaring.items():
        named.update(map(_normal, _declared(path, text)))
    brought = {_normal(name) for package in named for name in _BROUGHT_BY.get(package, "").split()}
    return KnownPackages(frozenset(modules), frozenset(named | brought))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _declared(path: str, text: str) -> Iterator[str]:
    if not path.lower().endswith(".toml") and PurePosixPath(path).name.lower() != "pipfile":
        yield from _REQUIREMENT.findall(text)
        return
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return
    project = _table(document, "project")
    poetry = _table(_table(document, "tool"), "poetry")
    lists = [project.get("dependencies"), *_table(project, "optional-dependencies").values()]
    lists += _table(document, "dependency-groups").values()
    for requirements in lists:
        yield from _REQUIREMENT.findall("\n".join(map(str, requirements)) if isinstance(requirements, list) else "")
    for table in (poetry, document):
        for key in ("dependencies", "dev-dependencies", "packages", "dev-packages"):
            yield from _table(table, key)


def _table(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _needed(text: str) -> Iterator[str]:
    """Give the top-level names a module imports, but for those it catches the lack of, or needs for types alone."""
    tree = parse_python(text)
    waiting: list[ast.AST] = [tree] if tree is not None else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
        elif isinstance(node, ast.Try) and _catches_lack(node.handlers):
            waiting += [*node.orelse, *node.finalbody]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in _names_in(node.test):
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def _catches_lack(handlers: Collection[ast.ExceptHandler]) -> bool:
    lacks = {"ImportError", "ModuleNotFoundError", "Exception"}
    return any(handler.type is None or lacks & _names_in(handler.type) for handler in handlers)


def _names_in(node: ast.AST) -> set[str]:
    names = {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return names | {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
