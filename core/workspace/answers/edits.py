"""Answers that change a file instead of writing it whole: search/replace blocks and unified diffs, applied only exactly."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.errors import ArtifactError

MAX_EDITS = 200

_SEARCH = re.compile(
    r"^<{5,9} ?(?:SEARCH|ORIGINAL|HEAD)?[^\n]*\n(?P<old>.*?)^={5,9}[ \t]*\n(?P<new>.*?)^>{5,9} ?(?:REPLACE|UPDATED)?[^\n]*$",
    re.MULTILINE | re.DOTALL,
)
_HUNK = re.compile(r"^@@ -(?P<line>\d+)(?:,\d+)? \+\d+(?:,\d+)? @@")
_DIFF_START = re.compile(r"^(?:diff --git |--- \S|index [0-9a-f]+\.\.)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Edit:
    """Lines to replace by others; `place` is the line at which a diff says that they stand, counted from 1."""

    old: str
    new: str
    place: int | None = None


def is_edit(text: str) -> bool:
    """Tell whether a text is made of changes: it has a whole search/replace block, or a diff with a hunk."""
    if _SEARCH.search(text):
        return True
    has_hunk = any(_HUNK.match(line) for line in text.split("\n"))
    return has_hunk and (_DIFF_START.search(text) is not None or text.lstrip().startswith("@@"))


def applied_edits(text: str, current: str, path: str) -> str:
    """Return the current file with the changes of a text.

    Raises:
        ArtifactError: `kind` is does_not_apply: there is no such file yet, or what is to be replaced does not stand in it
            exactly once.
    """
    edits = list(_edits(text))[:MAX_EDITS]
    if not current:
        raise _refused(path, "there is no such file yet to change")
    changed = current if current.endswith("\n") else f"{current}\n"
    shift = 0
    for number, edit in enumerate(edits, start=1):
        start = _place(changed, edit, shift)
        if start is None:
            raise _refused(path, f"what change {number} replaces does not stand in the file exactly once")
        changed = f"{changed[:start]}{edit.new}{changed[start + len(edit.old) :]}"
        shift += edit.new.count("\n") - edit.old.count("\n")
    return changed


def _edits(text: str) -> Iterator[_Edit]:
    found = [_Edit(match["old"], match["new"]) for match in _SEARCH.finditer(text)]
    yield from found or _hunks(text.split("\n"))


def _hunks(lines: Sequence[str]) -> Iterator[_Edit]:
    old: list[str] = []
    new: list[str] = []
    place: int | None = None
    for line in [*_without_blank_ends(lines), "@@ end"]:
        hunk = _HUNK.match(line)
        if hunk is not None or line == "@@ end" or line.startswith(("--- ", "diff --git ")):
            if place is not None and (old or new):
                yield _Edit(_joined(old), _joined(new), place)
            old, new, place = [], [], int(hunk["line"]) if hunk is not None else None
        elif place is None or line.startswith("\\"):
            continue
        elif line.startswith("-"):
            old.append(line[1:])
        elif line.startswith("+"):
            new.append(line[1:])
        else:
            old.append(line[1:])
            new.append(line[1:])


def _without_blank_ends(lines: Sequence[str]) -> Iterator[str]:
    """Leave out empty lines before a hunk, a file or the end: a line of context begins with a space."""
    waiting = 0
    for line in lines:
        if not line:
            waiting += 1
            continue
        if not line.startswith(("@@ ", "diff ", "--- ")):
            yield from [""] * waiting
        waiting = 0
        yield line


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _place(text: str, edit: _Edit, shift: int) -> int | None:
    """Return where an edit applies: at the one place where its lines stand, or at that of several which the diff names."""
    if not edit.old.strip():
        return None
    starts = [match.start() for match in re.finditer(rf"(?:\A|(?<=\n)){re.escape(edit.old)}", text)]
    if len(starts) == 1:
        return starts[0]
    if edit.place is not None:
        named = [start for start in starts if text.count("\n", 0, start) + 1 == edit.place + shift]
        return named[0] if named else None
    return None


def _refused(path: str, why: str) -> ArtifactError:
    return ArtifactError(
        "does_not_apply",
        f"the answer changes {path} instead of writing it, and {why}",
        hint="ask for the whole file in one fenced block",
    )
