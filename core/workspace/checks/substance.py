"""What makes a file more than its form: code in it, a test in a test file, and no import of itself."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.workspace.checks.python_source import parse_python
from core.workspace.file_kinds import DOCUMENT_SUFFIXES, EMPTY_FILE_NAMES

_HASH = re.compile(r"^\s*#.*$", re.MULTILINE)
_SLASHES = re.compile(r"/\*.*?\*/|^[ \t]*//[^\n]*$", re.MULTILINE | re.DOTALL)
_STARS = re.compile(r"/\*.*?\*/", re.DOTALL)
_DASHES = re.compile(r"/\*.*?\*/|^[ \t]*--[^\n]*$", re.MULTILINE | re.DOTALL)
_MARKUP = re.compile(r"<!--.*?-->", re.DOTALL)
_COMMENTS: dict[str, re.Pattern[str]] = {
    suffix: pattern
    for suffixes, pattern in (
        (".sh .bash .rb .yaml .yml .toml .tf .mk .pl .r .ini .cfg", _HASH),
        (
            ".js .mjs .cjs .jsx .ts .tsx .mts .go .rs .java .c .h .cpp .hpp .cs .kt .swift .scala .php .dart .zig",
            _SLASHES,
        ),
        (".css", _STARS),
        (".sql .lua .hs .adb", _DASHES),
        (".html .htm .xml .svg", _MARKUP),
    )
    for suffix in suffixes.split()
}
_HASHED_NAMES = frozenset({"dockerfile", "containerfile", "makefile", "gnumakefile", "justfile"})

_SCRIPT_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".mts"})
_SCRIPT_TEST = re.compile(r"\b(?:test|it|Deno\.test|suite)(?:\.\w+)*\s*\(")
_TESTS: dict[str, re.Pattern[str]] = {
    **dict.fromkeys(_SCRIPT_SUFFIXES, _SCRIPT_TEST),
    ".go": re.compile(r"^func (?:Test|Fuzz|Example)\w*\(", re.MULTILINE),
    ".rs": re.compile(r"#\s*\[\s*(?:\w+::)*test\b"),
    ".java": re.compile(r"@(?:\w+\.)*(?:Parameterized)?Test\b"),
    ".cs": re.compile(r"\[\s*(?:Fact|Theory|Test|TestMethod|TestCase)\b"),
    ".rb": re.compile(r"\bdef test_|\bit\s+['\"]|\btest\s+['\"]"),
    ".php": re.compile(r"function test|@test|#\[Test"),
}


def refuse_hollow(path: str, text: str, *, module: str, is_test: bool) -> None:
    """Raise ArtifactError if a file that parses is none all the same.

    Its kind is no_code (nothing but comments), no_test (a test file without a test) or imports_itself. `module` is the
    name by which others import the file.
    """
    name = PurePosixPath(path)
    if name.name in EMPTY_FILE_NAMES and not text.strip():
        return
    if _holds_only_comments(name, text):
        raise ArtifactError("no_code", f"{path} holds comments and no code", hint="ask for the whole file")
    if not is_test and _imports_itself(name, text, module):
        raise ArtifactError(
            "imports_itself",
            f"{path} imports itself; it has to define what it imports from there",
            hint="ask for the file itself",
        )
    if is_test and not _has_test(name, text):
        raise ArtifactError("no_test", f"{path} holds no test that a test runner would find", hint="ask for tests")


def _holds_only_comments(name: PurePosixPath, text: str) -> bool:
    if name.suffix.lower() in {".py", ".pyi"}:
        tree = parse_python(text)
        is_package = name.name == "__init__.py"
        return not is_package and tree is not None and all(map(_says_nothing, tree.body))
    if name.suffix.lower() in DOCUMENT_SUFFIXES:
        return False
    pattern = _COMMENTS.get(name.suffix.lower())
    if pattern is None and (name.name.casefold().split(".")[0] in _HASHED_NAMES or text.startswith("#!")):
        pattern = _HASH
    return pattern is not None and not pattern.sub("", text).strip()


def _says_nothing(node: ast.stmt) -> bool:
    """Tell whether a statement has no effect: a text, a number, a name or a display of them, or pass."""
    if isinstance(node, ast.Pass):
        return True
    return isinstance(node, ast.Expr) and isinstance(
        node.value, ast.Constant | ast.Dict | ast.List | ast.Set | ast.Tuple | ast.Name
    )


def _imports_itself(name: PurePosixPath, text: str, module: str) -> bool:
    suffix = name.suffix.lower()
    if suffix == ".py":
        tree = parse_python(text)
        return tree is not None and any(_is_import_of(node, name, module) for node in ast.walk(tree))
    if suffix in _SCRIPT_SUFFIXES:
        found = re.findall(r"(?:\bfrom\s*|\bimport\s*\(?\s*|\brequire\s*\(\s*)['\"]\./([^'\"]+)['\"]", text)
        return name.name in found or name.stem in found
    return False


def _is_import_of(node: ast.AST, name: PurePosixPath, module: str) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name == module for alias in node.names)
    if not isinstance(node, ast.ImportFrom):
        return False
    if node.level:
        return node.level == 1 and node.module == name.stem and name.stem != "__init__"
    # A package may take its modules from itself by name, and what starts it takes all from there.
    return node.module == module and name.stem not in {"__init__", "__main__"}


def _has_test(name: PurePosixPath, text: str) -> bool:
    suffix = name.suffix.lower()
    if suffix == ".py":
        tree = parse_python(text)
        return tree is None or any(_is_test(node) for node in ast.walk(tree))
    pattern = _TESTS.get(suffix)
    return pattern is None or pattern.search(text) is not None


def _is_test(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name.startswith("test")
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "testmod"
