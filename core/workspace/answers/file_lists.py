"""Answers that hold files under their names without fences: a list as JSON, or tags such as <file path="...">."""

from __future__ import annotations

import json
import re

from core.workspace.answers.fences import Block, find_blocks
from core.workspace.files.paths import looks_like_path

MAX_LISTED_FILES = 50

_TAG = re.compile(
    r"^[ \t]*<(?P<tag>file|code_file|artifact|document|source)\b[^>\n]{0,200}?\b(?:path|name|filename|file|title|identifier)\s*=\s*"
    r"[\"'](?P<path>[^\"'\n]{1,200})[\"'][^>\n]{0,200}>[ \t]*\n?(?P<text>.*?)[ \t]*</(?P=tag)>",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_CDATA = re.compile(r"\A\s*<!\[CDATA\[\n?(.*?)\]\]>\s*\Z", re.DOTALL)
_PATH_KEYS = ("path", "file", "filename", "file_path", "name")
_TEXT_KEYS = ("content", "contents", "code", "text", "body")
_LIST_KEYS = ("files", "file_list", "artifacts", "documents")


def listed_blocks(answer: str) -> tuple[Block, ...]:
    """Return the files of an answer that is a list of them, as blocks with a path; none if it is no such list."""
    return _tagged(answer) or _as_json(answer)


def _tagged(answer: str) -> tuple[Block, ...]:
    if "</" not in answer:
        return ()
    blocks: list[Block] = []
    fenced = find_blocks(answer.split("\n"))
    for match in _TAG.finditer(answer):
        if len(blocks) == MAX_LISTED_FILES:
            break
        first = answer.count("\n", 0, match.start())
        if any(block.first < first <= block.last for block in fenced):
            continue  # it is a text in a file
        blocks.append(_block(match["path"], _unwrapped(match["text"]), first, answer.count("\n", 0, match.end())))
    return tuple(blocks)


def _unwrapped(text: str) -> str:
    cdata = _CDATA.match(text)
    text = cdata[1] if cdata is not None else text
    lines = text.strip("\n").split("\n")
    inner = find_blocks(lines)
    is_fenced = len(inner) == 1 and inner[0].closed and inner[0].last - inner[0].first + 1 == len(lines)
    return inner[0].text if is_fenced else text.removesuffix("\n")


def _as_json(answer: str) -> tuple[Block, ...]:
    lines = answer.split("\n")
    fenced = find_blocks(lines)
    text = fenced[0].text if len(fenced) == 1 and fenced[0].language in {"json", ""} else answer
    if not text.lstrip().startswith(("{", "[")):
        return ()
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return ()
    found = _files_of(document)
    return tuple(_block(path, content, 0, len(lines) - 1) for path, content in found[:MAX_LISTED_FILES])


def _files_of(document: object) -> list[tuple[str, str]]:
    if isinstance(document, dict):
        inner = next((document[key] for key in _LIST_KEYS if isinstance(document.get(key), list | dict)), None)
        if inner is not None:
            return _files_of(inner)
        if (entry := _entry(document)) is not None:
            return [entry]
        is_map = bool(document) and all(
            isinstance(path, str) and looks_like_path(path) and isinstance(text, str) for path, text in document.items()
        )
        return list(document.items()) if is_map else []
    if isinstance(document, list):
        entries = [_entry(item) for item in document]
        return [entry for entry in entries if entry is not None] if document and all(entries) else []
    return []


def _entry(item: object) -> tuple[str, str] | None:
    if not isinstance(item, dict):
        return None
    path = next((item[key] for key in _PATH_KEYS if isinstance(item.get(key), str)), None)
    text = next((item[key] for key in _TEXT_KEYS if isinstance(item.get(key), str)), None)
    return (path, text) if path is not None and text is not None and looks_like_path(path) else None


def _block(path: str, text: str, first: int, last: int) -> Block:
    return Block(language="", path=path, text=text, closed=True, mark="", first=first, last=last)
