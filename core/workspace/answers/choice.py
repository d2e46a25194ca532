# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""Which block of an answer is the file: by its name, its language and its structure, and never by its length."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.workspace.answers.fences import Block
from core.workspace.checks.file_check import check_file, is_dockerfile, languages_of
from core.workspace.checks.python_source import parse_python

_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_TEST_NAME = re.compile(r"tests?[_.-]|.*[_.-](?:tests?|spec)(?:\.|$)|.*_test$")
_PART = re.compile(r"\bpart\s*(?:\d|one|two|three|i{1,3}\b)|\bcontinued\b|\bteil \d|（续）|续", re.IGNORECASE)

_SCRIPT_SUFFIXES = frozenset({".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".mts"})
_SCRIPT_DEFINES = re.compile(
    r"^\s*(?:export\s+)?(?:default\s+)?(?:async\s+)?(?:function|class|interface|type|enum)\b"
    r"|^\s*(?:export\s+)?(?:const|let|var)\s+\w+\s*=\s*(?:async\s*)?(?:\(|function\b|\w+\s*=>)|^\s*(?:module\.)?exports\b",
    re.MULTILINE,
)
_SCRIPT_TESTS = re.compile(r"^\s*(?:test|it|describe|Deno\.test)\s*\(", re.MULTILINE)
_HAS_TO_HAVE = {
    ".go": re.compile(r"^package\s+\w", re.MULTILINE),
    ".rs": re.compile(
        r"^\s*(?:pub\s*(?:\(\w+\)\s*)?)?(?:async\s+)?(?:fn|struct|enum|trait|impl|mod|macro_rules!)\b", re.MULTILINE
    ),
    ".sh": re.compile(r"\A\s*#!|^\s*(?:function\s+)?[\w-]+\s*\(\)\s*\{", re.MULTILINE),
    ".bash": re.compile(r"\A\s*#!|^\s*(?:function\s+)?[\w-]+\s*\(\)\s*\{", re.MULTILINE),
    ".html": re.compile(r"<!doctype|<html\b", re.IGNORECASE),
    ".sql": re.compile(r"^\s*(?:create|alter)\b", re.IGNORECASE | re.MULTILINE),
    ".c": re.compile(r"^\s*#\s*include\b|^\w[\w\s*]*\([^;]*\)\s*\{", re.MULTILINE),
    ".cpp": re.compile(r"^\s*#\s*include\b|^\w[\w\s*:<>]*\([^;]*\)\s*\{", re.MULTILINE),
    ".java": re.compile(r"\b(?:class|interface|enum|record)\s+\w"),
    ".cs": re.compile(r"\b(?:class|interface|enum|record|struct|namespace)\s+\w"),
}
"""What a file of a kind has, and an example of its use or an excerpt of it has not."""


def names_path(block: Block, path: PurePosixPath) -> int:
    """Return 2 when a block is named as the path is, 1 when only the file's name agrees, else 0."""
    if block.path is None:
        return 0
    declared = PurePosixPath(block.path)
    if declared == path:
        return 2
    return 1 if declared.name.casefold() == path.name.casefold() else 0


def choose_block(blocks: Sequence[Block], path: PurePosixPath) -> Block:
    """Return the block that is the file; two parts of it are joined.

    Raises:
        ArtifactError: `kind` is ambiguous: more than one block could be the file.
    """
    candidates = _of_its_language(_of_its_name(blocks, path), path)
    candidates = _distinct(candidates)
    if len(candidates) == 1:
        return candidates[0]
    if (joined := _labelled_parts(candidates, path)) is not None:
        return joined
    whole = [block for block in candidates if _is_file(block.text, path)]
    if len(whole) == 1:
        return whole[0]
    joined = _joined_parts(whole, path)
    if joined is not None:
        return joined
    raise ArtifactError(
        "ambiguous",
        f"{len(whole or candidates)} blocks of the answer could be {path}, and nothing says which",
        hint="ask for exactly one fenced block",
    )


def _of_its_name(blocks: Sequence[Block], path: PurePosixPath) -> list[Block]:
    """Return the blocks named so; else those without a name, if one can be the file; else all."""
    for rank in (2, 1):
        if named := [block for block in blocks if names_path(block, path) == rank]:
            return named
    unnamed = [block for block in blocks if block.path is None]
    languages = languages_of(path)
    if any(block.language in languages or not block.language for block in unnamed):
        return unnamed
    return list(blocks)


def _of_its_language(blocks: list[Block], path: PurePosixPath) -> list[Block]:
    languages = languages_of(path)
    if fitting := [block for block in blocks if block.language in languages]:
        return fitting
    return [block for block in blocks if not block.language] or blocks


def _distinct(blocks: list[Block]) -> list[Block]:
    """Leave out what stands in another block as a whole: a repetition, or an excerpt that is explained."""
    kept: list[Block] = []
    for number, block in enumerate(blocks):
        text = block.text.strip()
        others = [*blocks[:number], *blocks[number + 1 :]]
        is_part = any(text in other.text and text != other.text.strip() for other in others)
        is_repeated = any(text == earlier.text.strip() for earlier in blocks[:number])
        if text and not is_part and not is_repeated:
            kept.append(block)
    return kept or blocks[:1]


def _is_file(text: str, path: PurePosixPath) -> bool:
    """Tell a file from an example of its use, a test of it, or an excerpt."""
    suffix = path.suffix.lower()
    is_test = _TEST_NAME.match(path.name.casefold()) is not None
    if suffix in {".py", ".pyi"}:
        return _is_python_file(text, path, is_test=is_test)
    if suffix in _SCRIPT_SUFFIXES:
        tests = _SCRIPT_TESTS.search(text) is not None
        if is_test or tests:
            return is_test and tests
        uses_itself = re.search(rf"(?:from|require\()\s*['\"]\./{re.escape(path.stem)}(?:\.\w+)?['\"]", text)
        return _SCRIPT_DEFINES.search(text) is not None and uses_itself is None
    marks = _HAS_TO_HAVE.get(suffix)
    if marks is not None:
        return marks.search(text) is not None
    return check_file(str(path), text) is None or is_dockerfile(str(path))


def _is_python_file(text: str, path: PurePosixPath, *, is_test: bool) -> bool:
    tree = parse_python(text)
    if tree is None:
        return False
    defined = [node.name for node in tree.body if isinstance(node, _DEFINITIONS)]
    has_tests = any(name.startswith(("test_", "Test")) for name in defined)
    if is_test or has_tests:
        return is_test and has_tests
    return bool(defined) and path.stem not in _imported(tree)


def _imported(tree: ast.Module) -> set[str]:
    modules: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.Import):
            modules.update(part for alias in node.names for part in alias.name.split("."))
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.update(node.module.split("."))
    return modules


def _labelled_parts(blocks: Sequence[Block], path: PurePosixPath) -> Block | None:
    """Join blocks that are said to be parts, each in its name or its first line."""
    labels = [f"{block.label}\n{block.text.strip().split(chr(10))[0]}" for block in blocks]
    return _whole(blocks, path) if all(_PART.search(label) for label in labels) else None


def _joined_parts(blocks: Sequence[Block], path: PurePosixPath) -> Block | None:
    """Join blocks of Python of which each later one uses what an earlier one defines, and none defines it again."""
    if path.suffix.lower() != ".py" or not 2 <= len(blocks) <= 5:
        return None
    defined: set[str] = set()
    for number, block in enumerate(blocks):
        tree = parse_python(block.text)
        if tree is None:
            return None
        own = {node.name for node in tree.body if isinstance(node, _DEFINITIONS)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        if own & defined or (number and not used & defined):
            return None
        defined |= own
    return _whole(blocks, path)


def _whole(blocks: Sequence[Block], path: PurePosixPath) -> Block | None:
    text = "\n\n".join(block.text.strip("\n") for block in blocks)
    if not all(block.closed for block in blocks) or check_file(str(path), text) is not None:
        return None
    return replace(blocks[0], text=text, last=blocks[-1].last)
