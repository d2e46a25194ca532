"""Hollows the delivered files of a tree, each as its language asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from core.execution.hollow.compiled import hollow_go, hollow_rust
from core.execution.hollow.javascript import hollow_javascript
from core.execution.hollow.python import hollow_python
from core.execution.hollow.shell import hollow_shell
from core.execution.hollow.variant import HollowVariant

SHELL_SUFFIXES = frozenset({".sh", ".bash"})
# What says how a tree is built and tested; without it nothing runs, and that would prove nothing.
KEPT_NAMES = frozenset({
    "pyproject.toml", "setup.cfg", "setup.py", "pytest.ini", "tox.ini", "conftest.py", "package.json", "tsconfig.json",
    "cargo.toml", "cargo.lock", "go.mod", "go.sum",
})  # fmt: skip
JAVASCRIPT_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".ts", ".mts", ".cts"})
# Languages whose code cannot be hollowed here.
UNTOUCHED_SUFFIXES = frozenset({
    ".jsx", ".tsx", ".java", ".kt", ".c", ".h", ".cc", ".cpp", ".hpp", ".cs", ".rb", ".php", ".pl", ".lua", ".r", ".jl",
    ".swift", ".scala", ".hs", ".ex", ".exs", ".zig", ".dart",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class HollowedFiles:
    """Which files were replaced by ones that do nothing, and which hold code that could not be."""

    replaced: tuple[str, ...]
    untouched: tuple[str, ...]


def hollow_files(tree: Path, code_paths: Sequence[str], variant: HollowVariant) -> HollowedFiles:
    """Replace delivered files of a tree in place: code does nothing, and what is no code (HTML, SQL, text) is empty."""
    modules = frozenset(_module_name(path) for path in code_paths if path.endswith(".py"))
    replaced, untouched = [], []
    for path in code_paths:
        name = PurePosixPath(path)
        if name.name.lower() in KEPT_NAMES or name.name.endswith("requirements.txt") or not (tree / path).is_file():
            continue
        text = (tree / path).read_bytes().decode("utf-8", errors="surrogateescape")
        hollowed = _hollowed(name.suffix.lower(), text, variant, modules)
        if hollowed is None:
            untouched.append(path)
        else:
            (tree / path).write_bytes(hollowed.encode("utf-8", errors="surrogateescape"))
            replaced.append(path)
    return HollowedFiles(tuple(replaced), tuple(untouched))


def _hollowed(suffix: str, text: str, variant: HollowVariant, modules: frozenset[str]) -> str | None:
    if suffix == ".py":
        return hollow_python(text, variant, modules)
    if suffix in SHELL_SUFFIXES:
        return hollow_shell(text, variant)
    if suffix in JAVASCRIPT_SUFFIXES:
        return hollow_javascript(text, variant)
    if suffix == ".go":
        return hollow_go(text)
    if suffix == ".rs":
        return hollow_rust(text)
    return None if suffix in UNTOUCHED_SUFFIXES else ""


def variants_of(code_paths: Sequence[str]) -> tuple[HollowVariant, ...]:
    """Return the variants that differ for these files."""
    suffixes = {PurePosixPath(path).suffix.lower() for path in code_paths}
    return ("raises", "returns") if suffixes & {".py", *SHELL_SUFFIXES, *JAVASCRIPT_SUFFIXES} else ("raises",)


def _module_name(path: str) -> str:
    parts = PurePosixPath(path.removeprefix("src/")).parts
    return parts[0].removesuffix(".py")
