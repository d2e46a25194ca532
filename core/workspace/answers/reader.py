"""One file out of one answer: lenient about the form, strict about completeness; the path is the engine's, never the model's."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.text.sanitize import plain_line, plain_paragraphs, storable
from core.workspace.answers.choice import choose_block, names_path
from core.workspace.answers.edits import applied_edits, is_edit
from core.workspace.answers.fences import MARKDOWN_LANGUAGES, Block, find_blocks, path_comment
from core.workspace.answers.file_lists import listed_blocks
from core.workspace.answers.substitutes import refuse_substitute
from core.workspace.checks.file_check import CHECKED_SUFFIXES, check_file, is_dockerfile
from core.workspace.checks.python_source import parse_python
from core.workspace.file_kinds import DOCUMENT_SUFFIXES, EMPTY_FILE_NAMES

MAX_NOTES_CHARS = 800
MAX_DESCRIBED_BLOCKS = 10
MAX_DESCRIBED_CHARS = 80

_MARKUP_SUFFIXES = frozenset(
    {".json", ".xml", ".svg", ".html", ".htm", ".vue", ".csproj"}
)  # they may be such a list themselves
_GREETING = re.compile(
    r"(?:sure|certainly|of course|okay|ok|absolutely|great|here(?:'s| is| are)|below is|the following)\b", re.IGNORECASE
)
_FAREWELL = re.compile(
    r"(?:let me know|feel free|i hope (?:this|that)|hope this helps|if you (?:have|need|would like|want) (?:any|further|more|me))",
    re.IGNORECASE,
)
_PYTHON_DEFINITIONS = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Assign,
    ast.AnnAssign,
    ast.If,
    ast.With,
    ast.Try,
    ast.For,
)
_REQUIREMENT_LINE = re.compile(r"\s*(?:#.*|-[\w-]+\s.*|[A-Za-z0-9][\w.-]*(?:\[[\w,\s-]+\])?\s*(?:[=<>!~@;#].*)?)?$")
_YAML_KEY = re.compile(r"(?:[\w.$/-]+|\"[^\"]+\"):(?:\s|$)|- \S|#|\s|---|$")


@dataclass(frozen=True, slots=True)
class ReadFile:
    """A file's whole text, the path the answer declared (information only) and the prose around it.

    `ignored` names the blocks of the answer that were not taken, a line each.
    """

    text: str
    declared_path: str | None
    notes: str
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _FileAnswer:
    text: str
    path: PurePosixPath
    stopped: bool

    @property
    def is_document(self) -> bool:
        return self.path.suffix.lower() in DOCUMENT_SUFFIXES


def read_file(answer: str, *, path: str, finish_reason: str, current: str = "") -> ReadFile:
    """Return the file in `answer` for the path the engine chose; its text ends with exactly one newline.

    `current` is the file as it is, which an answer may change by search/replace blocks or as a diff.

    Raises:
        ArtifactError: `kind` is truncated (the answer hit its length limit), unclosed (it ended inside a block),
            no_block (there is no file in it), ambiguous (several could be it), does_not_apply (its changes), refusal or
            tool_call (what stands there instead), or empty.
    """
    if finish_reason == "length":
        raise ArtifactError(
            "truncated",
            f"the answer for {path} was cut off at its length limit",
            hint="raise LLM_MAX_TOKENS, or ask for a shorter file",
        )
    parsed = _FileAnswer(storable(answer), PurePosixPath(path), finish_reason == "stop")
    refuse_substitute(parsed.text, path)
    listed = listed_blocks(parsed.text)
    if any(names_path(block, parsed.path) for block in listed) or (
        listed and parsed.path.suffix not in _MARKUP_SUFFIXES
    ):
        return _of_blocks(parsed, listed, parsed.text.split("\n"))
    return _read_document(parsed) if parsed.is_document else _read_code(parsed, current)


def read_further(answer: str, *, paths: Collection[str]) -> dict[str, ReadFile]:
    """Return the other files of an answer, those of `paths` that a whole block of it names, and only one."""
    text = storable(answer)
    lines = text.split("\n")
    blocks = listed_blocks(text) or find_blocks(lines, is_whole=None)
    found: dict[str, ReadFile] = {}
    for path in paths:
        named = [block for block in blocks if block.closed and names_path(block, PurePosixPath(path)) == 2]
        if len({block.text.strip() for block in named}) == 1 and not is_edit(named[0].text):
            with suppress(ArtifactError):
                found[path] = _accept(_FileAnswer(text, PurePosixPath(path), True), named[0].text, path, "")
    return found


def _read_code(answer: _FileAnswer, current: str) -> ReadFile:
    lines = answer.text.split("\n")
    path = str(answer.path)
    is_checked = answer.path.suffix.lower() in CHECKED_SUFFIXES or is_dockerfile(path)
    blocks = find_blocks(lines, is_whole=(lambda text: check_file(path, text) is None) if is_checked else None)
    changes = [block.text for block in blocks if is_edit(block.text)]
    is_edited = bool(changes) or (not blocks and is_edit(answer.text))
    if is_edited and answer.path.suffix not in {".diff", ".patch"}:
        return _accept(answer, applied_edits("\n".join(changes) or answer.text, current, path), None, "")
    if not blocks or (len(blocks) == 1 and not blocks[0].closed and not blocks[0].language):
        bare = _without_fence(answer, lines, blocks)
        if bare is not None:
            return bare
    if not blocks:
        raise _no_block(answer)
    return _of_blocks(answer, blocks, lines)


def _of_blocks(answer: _FileAnswer, blocks: tuple[Block, ...], lines: list[str]) -> ReadFile:
    if len(blocks) > 1 and all(block.path is not None and not names_path(block, answer.path) for block in blocks):
        raise _no_block(answer)  # each of them says that it is another file
    block = choose_block(blocks, answer.path)
    refuse_substitute(block.text, str(answer.path))
    return replace(_finish(answer, block, lines), ignored=_others(blocks, block))


def _read_document(answer: _FileAnswer) -> ReadFile:
    lines = answer.text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    blocks = find_blocks(lines, bare_is_markdown=first.startswith(("```", "~~~")))
    inside = {number for block in blocks for number in range(block.first, block.last + 1)}
    around = [line for number, line in enumerate(lines) if number not in inside]
    wrapped = [block for block in blocks if _wraps_document(block, around, answer.path)]
    if wrapped:
        return _of_blocks(answer, tuple(wrapped), lines)
    if not answer.stopped:
        raise _unclosed(answer)
    if answer.path.suffix.lower() == ".txt":
        return _read_plain_list(answer, blocks, lines)
    document, notes = _without_chat(answer.text)
    return _accept(answer, document, None, notes)


def _read_plain_list(answer: _FileAnswer, blocks: tuple[Block, ...], lines: list[str]) -> ReadFile:
    """Read a text file, which has no fences of its own: its block, or the whole answer where that is no prose."""
    if blocks:
        return _of_blocks(answer, blocks, lines)
    is_requirements = answer.path.name.casefold().startswith(("requirements", "constraints"))
    if is_requirements and not all(_REQUIREMENT_LINE.match(line) for line in lines):
        raise _no_block(answer)
    document, notes = _without_chat(answer.text)
    return _accept(answer, document, None, notes)


def _wraps_document(block: Block, around: list[str], path: PurePosixPath) -> bool:
    """Tell whether a block is the document itself; `around` are the lines outside all blocks."""
    if names_path(block, path) > 0:
        return True
    if block.language in MARKDOWN_LANGUAGES or len(block.mark) > 3:
        # A document with headings of its own and an example of Markdown in it is not wrapped by the example.
        has_headings = any(re.match(r"#{1,6}\s", line) for line in around)
        return not has_headings or sum(map(len, around)) < len(block.text)
    return not block.language and not any(line.strip() for line in around)


def _without_fence(answer: _FileAnswer, lines: list[str], blocks: tuple[Block, ...]) -> ReadFile | None:
    """Take the text as the file when there is no opening fence and it plainly is what the path says."""
    if not answer.stopped:
        return None
    end = blocks[0].first if blocks else len(lines)
    text = "\n".join(lines[:end])
    if not _plainly_is(str(answer.path), text):
        return None
    return _accept(answer, text, path_comment(lines[0]), "\n".join(lines[end + 1 :]))


def _others(blocks: tuple[Block, ...], taken: Block) -> tuple[str, ...]:
    """Describe the blocks that were not taken and hold something else, at most 10."""
    others = [block for block in blocks if block.text.strip() not in {"", taken.text.strip()}]
    described = []
    for block in others[:MAX_DESCRIBED_BLOCKS]:
        lines = block.text.strip().count("\n") + 1
        what = plain_line(block.path or block.language or "text", limit=MAX_DESCRIBED_CHARS)
        described.append(f"a block of {what} ({lines} line{'s' if lines > 1 else ''})")
    if len(others) > MAX_DESCRIBED_BLOCKS:
        described.append(f"{len(others) - MAX_DESCRIBED_BLOCKS} more blocks")
    return tuple(described)


def _finish(answer: _FileAnswer, block: Block, lines: list[str]) -> ReadFile:
    text = block.text
    if not block.closed:
        if not answer.stopped:
            raise _unclosed(answer)
        if text.rstrip().endswith(block.mark) and not answer.is_document:
            text = text.rstrip().removesuffix(block.mark)
    notes = "\n".join(lines[: block.first]) + "\n\n" + "\n".join(lines[block.last + 1 :] if block.closed else [])
    return _accept(answer, text, block.path, notes)


def _accept(answer: _FileAnswer, text: str, declared: str | None, notes: str) -> ReadFile:
    text = _without_path_line(text, answer)
    if not text.strip() and answer.path.name not in EMPTY_FILE_NAMES:
        raise ArtifactError("empty", f"the answer for {answer.path} holds an empty file", hint="ask for the file again")
    around = plain_paragraphs(notes, limit=MAX_NOTES_CHARS)
    return ReadFile(text.rstrip("\n") + "\n", declared, around)


def _without_path_line(text: str, answer: _FileAnswer) -> str:
    """Drop a first line that only repeats the path where it would break the file: in JSON and before a #! line."""
    first, _, rest = text.partition("\n")
    if answer.is_document or path_comment(first) is None:
        return text
    suffix = answer.path.suffix.lower()
    is_label = first.startswith(("File", "Path")) and suffix not in {".yaml", ".yml"}  # there it may be a key
    breaks = suffix == ".json" or rest.startswith("#!") or is_label
    return rest if breaks else text


def _without_chat(text: str) -> tuple[str, str]:
    """Split a document from a greeting before its first heading and an offer of help after its end."""
    paragraphs = re.split(r"\n[ \t]*\n", text.strip("\n"))
    before, after = "", ""
    greeted = (
        len(paragraphs) > 1 and _GREETING.match(paragraphs[0]) and paragraphs[0].rstrip().endswith((":", "!", "."))
    )
    if greeted and paragraphs[1].lstrip().startswith(("#", "---")):
        before = paragraphs.pop(0)
    if len(paragraphs) > 1 and _FAREWELL.match(paragraphs[-1]):
        after = paragraphs.pop()
    if not before and not after:
        return text, ""
    return "\n\n".join(paragraphs), f"{before}\n\n{after}"


def _no_block(answer: _FileAnswer) -> ArtifactError:
    return ArtifactError("no_block", f"the answer for {answer.path} holds no file", hint="ask for one fenced block")


def _unclosed(answer: _FileAnswer) -> ArtifactError:
    return ArtifactError(
        "unclosed", f"the answer for {answer.path} ended inside the file", hint="ask for the file again"
    )


def _plainly_is(path: str, text: str) -> bool:
    """Tell whether `text` can only be the content of `path`: it parses and has what such a file always has."""
    if not text.strip() or check_file(path, text) is not None:
        return False
    name = PurePosixPath(path)
    if is_dockerfile(path):
        return True
    match name.suffix.lower():
        case ".py" | ".pyi":
            tree = parse_python(text)
            return tree is not None and any(isinstance(node, _PYTHON_DEFINITIONS) for node in tree.body)
        case ".json":
            return text.lstrip().startswith(("{", "["))
        case ".toml":
            return True
        case ".yaml" | ".yml":
            lines = text.strip().split("\n")
            return len(lines) > 1 and all(_YAML_KEY.match(line) for line in lines)
        case ".sh" | ".bash":
            return text.lstrip().startswith("#!")
        case ".html" | ".xml" | ".svg":
            return text.lstrip().startswith("<")
        case _:
            return text.lstrip().startswith("#!")
