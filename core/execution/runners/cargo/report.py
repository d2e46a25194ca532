"""Reads what cargo and Rust's test harness print."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace

from core.execution.results import BrokenFile, CaseResult, CodePlace
from core.kinds import CaseOutcome
from core.text.sanitize import one_line, strip_controls

MOST_MESSAGE_CHARS = 400
MOST_DETAIL_CHARS = 4_000
_TARGET = re.compile(r"^\s+(?:Running (?:unittests )?(\S+) \(|(Doc-tests) )")
_LISTED = re.compile(r"^(.+): test$")
_RAN = re.compile(r"^test (.+?)(?: - should panic)? \.\.\. (ok|FAILED|ignored)(?:, .*)?$")
_BLOCK = re.compile(r"^---- (.+) stdout ----$")
_PANICKED = re.compile(r"panicked at ([^\s:]+):(\d+):\d+:?$", re.MULTILINE)
_COMPILER_ERROR = re.compile(r"^error(?:\[E\d+\])?: (.+)\n(?:.*\n){0,3}?\s*--> ([^\s:]+):(\d+):\d+", re.MULTILINE)
_ANY_ERROR = re.compile(r"^error(?:\[E\d+\])?: (.+)$", re.MULTILINE)
_OUTCOMES: dict[str, CaseOutcome] = {"ok": "passed", "FAILED": "failed", "ignored": "skipped"}


def read_list(output: str) -> tuple[str, ...]:
    """Return the ids of the tests that the built test programs list."""
    ids, target = [], ""
    for line in output.splitlines():
        if found := _TARGET.match(line):
            target = found[1] or ""
        elif listed := _LISTED.match(line):
            ids.append(_id(target, listed[1]))
    return tuple(ids)


def read_cases(output: str, code_paths: Collection[str]) -> tuple[CaseResult, ...]:
    """Return the tests that were executed, each red one with what it printed."""
    cases: list[CaseResult] = []
    target, block, first = "", "", 0
    printed: dict[str, list[str]] = {}
    for line in output.splitlines():
        if found := _TARGET.match(line):
            target, block, first = found[1] or "", "", len(cases)
        elif ran := _RAN.match(line):
            cases.append(CaseResult(_id(target, ran[1]), _path(target, ran[1]), ran[1], _OUTCOMES[ran[2]]))
        elif (begun := _BLOCK.match(line)) and any(case.name == begun[1] for case in cases[first:]):
            block = _id(target, begun[1])
        elif line == "failures:":
            block = ""
        elif block:
            printed.setdefault(block, []).append(line)
    return tuple(
        _told(case, "\n".join(printed.get(case.id, [])), code_paths) if case.outcome == "failed" else case
        for case in cases
    )


def read_build_errors(output: str, test_paths: Sequence[str], code_paths: Collection[str]) -> BrokenFile | None:
    """Return the first error of the compiler: in a test file it is the test's, elsewhere the code's."""
    located = _COMPILER_ERROR.search(output)
    if located is not None:
        message, path, line = located[1], located[2], int(located[3])
        place = CodePlace(path, line) if path in code_paths and path not in test_paths else None
        broken = path if path in test_paths else next(iter(test_paths), path)
        return BrokenFile(broken, _line(f"{path}:{line}: {message}"), _end_of(output), place)
    found = _ANY_ERROR.search(output)
    if found is None:
        return None
    return BrokenFile(next(iter(test_paths), "Cargo.toml"), _line(found[1]), _end_of(output))


def _told(case: CaseResult, printed: str, code_paths: Collection[str]) -> CaseResult:
    panicked = _PANICKED.search(printed)
    if panicked is None:
        return replace(case, message=_line(printed.strip()), detail=_end_of(printed))
    said = printed[panicked.end() :].partition("\nnote: ")[0].partition("\nstack backtrace:")[0]
    message = _line(said.strip())
    path = panicked[1].removeprefix("./")
    # An assertion in tests that stand beside the code they test is no line of that code.
    is_code = path in code_paths and not (path == case.path and message.startswith("assertion"))
    return replace(
        case, message=message, detail=_end_of(printed), place=CodePlace(path, int(panicked[2])) if is_code else None
    )


def _line(text: str) -> str:
    return one_line(text, MOST_MESSAGE_CHARS)


def _end_of(text: str) -> str:
    return strip_controls(text.strip())[-MOST_DETAIL_CHARS:]


def _path(target: str, name: str) -> str:
    return target or name.partition(" - ")[0]


def _id(target: str, name: str) -> str:
    return f"{target}::{name}" if target else name  # a test in a comment is named by its file
