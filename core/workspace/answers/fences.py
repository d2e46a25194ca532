"""Code fences in an answer: where each block begins and ends, which language and path it declares."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from core.workspace.files.paths import looks_like_path

MARKDOWN_LANGUAGES = frozenset({"markdown", "md", "mdx", "gfm"})
MAX_CLOSERS_TRIED = 12  # an answer with more inner fences than this is not a file we could save by guessing

MAX_BLOCKS = 200
MAX_LABEL_CHARS = 300  # a longer line is prose

_FENCE = re.compile(r"^(?P<indent>[ \t]*)(?:>[ \t]?)?(?P<mark>`{3,}|~{3,})(?P<info>[^`\n]*)$")
_GLUED_FENCE = re.compile(r"^[^`]*:[ \t]*(?P<mark>`{3,})(?P<info>\w[^`\n]*)$")
_ATTRIBUTE = re.compile(
    r"""\b(?:title|file|filename|path|name)\s*=\s*(?:"([^"]+)"|'([^']+)'|([^\s,}]+))""", re.IGNORECASE
)
_FILE_LABEL = re.compile(r"^(?:file ?(?:name|path)?|path)\s*[:=]\s*", re.IGNORECASE)
_FIRST_LINE_LABEL = re.compile(r"^(?:File|Filename|Path): *`?[\w./-]+`?\s*$")  # in this spelling no line of code
_COMMENT = re.compile(r"^\s*(?:#|//|--|;|/\*|<!--)\s*(.*?)\s*(?:\*/|-->)?\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block; lines `first` to `last` of the answer (fences included), `closed` if its end was seen.

    `label` is the line of prose before it.
    """

    language: str
    path: str | None
    text: str
    closed: bool
    mark: str
    first: int
    last: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class _Fence:
    """A line that opens or closes a block; a `glued` one stands at the end of a line of prose and can only open."""

    indent: str
    mark: str
    info: str
    line: int
    glued: bool = False

    def closes(self, opener: _Fence) -> bool:
        return not self.info and not self.glued and self.mark.startswith(opener.mark)


@dataclass(frozen=True, slots=True)
class _FencedLines:
    lines: list[str]
    fences: list[_Fence]

    def content(self, opener: _Fence, end: int) -> str:
        content = self.lines[opener.line + 1 : end]
        if opener.indent:
            content = [
                line.removeprefix(opener.indent) if line.startswith(opener.indent) else line.lstrip()
                for line in content
            ]
        return "\n".join(content)


def find_blocks(
    lines: list[str], *, is_whole: Callable[[str], bool] | None = None, bare_is_markdown: bool = False
) -> tuple[Block, ...]:
    """Return the blocks of an answer in order.

    A block of Markdown may hold fences of its own. In other blocks `is_whole` decides: while it refuses the text up
    to a closing fence and accepts the text up to a later one, the later one closes the block. `bare_is_markdown` reads a
    fence without a language as one around Markdown.
    """
    page = _FencedLines(
        lines, [fence for number, line in enumerate(lines) if (fence := _fence(line, number)) is not None]
    )
    blocks: list[Block] = []
    position = 0
    while position < len(page.fences) and len(blocks) < MAX_BLOCKS:
        block = _read_block(page, position, is_whole, bare_is_markdown=bare_is_markdown)
        blocks.append(block)
        while position < len(page.fences) and page.fences[position].line <= block.last:
            position += 1
    return tuple(blocks)


def declared_path(text: str) -> str | None:
    """Return the path a line such as "File: app.py", "**app.py**" or "# app.py" declares."""
    if len(text) > MAX_LABEL_CHARS:
        return None
    bare = text.strip().strip("*_#>- \t").strip()
    bare = re.sub(r"^\d+[.)]\s*", "", bare)
    bare = _FILE_LABEL.sub("", bare).strip("*_`\"':() \t")
    return bare if looks_like_path(bare) else None


def path_comment(line: str) -> str | None:
    """Return the path in a comment that holds nothing else, the usual first line of a block."""
    if len(line) > MAX_LABEL_CHARS:
        return None
    match = _COMMENT.match(line)
    if match is None:
        return declared_path(line) if _FIRST_LINE_LABEL.match(line) else None
    return declared_path(match[1])


def _fence(line: str, number: int) -> _Fence | None:
    if "```" not in line and "~~~" not in line:
        return None
    match = _FENCE.match(line)
    if match is not None:
        return _Fence(match["indent"], match["mark"], match["info"].strip(), number)
    glued = _GLUED_FENCE.match(line)
    return _Fence("", glued["mark"], glued["info"].strip(), number, glued=True) if glued is not None else None


def _read_block(
    page: _FencedLines, position: int, is_whole: Callable[[str], bool] | None, *, bare_is_markdown: bool
) -> Block:
    opener, later = page.fences[position], page.fences[position + 1 :]
    language, path = _read_info(opener.info)
    is_bare = not language and path is None
    names_markdown = language in MARKDOWN_LANGUAGES or (path or "").endswith((".md", ".markdown"))
    if names_markdown or (is_bare and bare_is_markdown):
        end = _markdown_end(page, opener, later)
    else:
        end = _code_end(page, opener, later, is_whole)
    last = len(page.lines) - 1 if end is None else end
    text = page.content(opener, len(page.lines) if end is None else end)
    label = _line_before(page.lines, opener.line)
    if path is None:
        path = declared_path(label) or path_comment(text.split("\n", 1)[0]) or _announced_path(label)
    return Block(language, path, text, end is not None, opener.mark, opener.line, last, label[:MAX_LABEL_CHARS])


def _read_info(info: str) -> tuple[str, str | None]:
    attribute = _ATTRIBUTE.search(info)
    named = next(group for group in attribute.groups() if group) if attribute else None
    words = info.strip("{}").replace(",", " ").split()
    first = words[0].lstrip(".") if words else ""
    language, _, rest = first.partition(":")
    if named is None and rest:
        named = " ".join([rest, *words[1:]]) if not looks_like_path(rest) else rest
    if named is None and words and looks_like_path(words[0]):
        return "", words[0]
    if named is None and len(words) > 1 and looks_like_path(words[1].strip("()\"'")):
        named = words[1].strip("()\"'")
    return language.casefold() if "=" not in language else "", named


def _line_before(lines: list[str], number: int) -> str:
    return next((line for line in reversed(lines[max(0, number - 2) : number]) if line.strip()), "")


def _announced_path(label: str) -> str | None:
    """Return the one path that a line of prose names in backticks before a block: "Put this into `app.py`:"."""
    if len(label) > MAX_LABEL_CHARS or not label.rstrip().endswith((":", "\uff1a")):
        return None
    named = [
        word for word in re.findall(r"`([^`\n]+)`", label) if looks_like_path(word) and "." in word.rsplit("/", 1)[-1]
    ]
    return named[0] if len(named) == 1 and not re.search(r"\w\.\w+\(", named[0]) else None


def _code_end(
    page: _FencedLines, opener: _Fence, later: list[_Fence], is_whole: Callable[[str], bool] | None
) -> int | None:
    closing = list(islice((fence for fence in later if fence.closes(opener)), MAX_CLOSERS_TRIED))
    closers = [fence.line for fence in _without_indented(opener, later, closing)]
    if is_whole is not None and len(closers) > 1:
        for number in closers:
            if is_whole(page.content(opener, number)):
                return number
    return closers[0] if closers else None


def _without_indented(opener: _Fence, later: list[_Fence], closing: list[_Fence]) -> list[_Fence]:
    """Leave out deeper fences, which stand in a text of the file, where one as deep as the opener follows before another block."""
    for fence in later:
        if len(fence.indent) > len(opener.indent):
            continue
        if fence in closing:
            return [deeper for deeper in closing if len(deeper.indent) <= len(opener.indent)]
        if fence.info:
            break
    return closing


def _markdown_end(page: _FencedLines, opener: _Fence, later: list[_Fence]) -> int | None:
    """Find the fence that closes a Markdown block: inner fences with a language nest, bare ones by what follows."""
    inner: _Fence | None = None
    for position, fence in enumerate(later):
        if fence.glued or not fence.mark.startswith(opener.mark):
            continue
        if inner is not None:
            if fence.closes(inner):
                inner = None
        elif fence.info or _opens_inner(page, opener, later, position):
            inner = fence
        else:
            return fence.line
    return None


def _opens_inner(page: _FencedLines, opener: _Fence, later: list[_Fence], position: int) -> bool:
    following = later[position].line + 1
    if following >= len(page.lines) or not page.lines[following].strip():
        return False
    found = 0
    for number in range(position + 1, len(later)):
        found += later[number].closes(opener)
        if found == 2:
            return True
    return False
