"""Reads what `go test -json` and `go test -list` print."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, ValidationError

from core.execution.results import BrokenFile, CaseResult, CodePlace
from core.kinds import CaseOutcome
from core.text.sanitize import one_line, strip_controls

MOST_MESSAGE_CHARS = 400
MOST_DETAIL_CHARS = 4_000
_TEST_FUNCTION = re.compile(r"^func\s+((?:Test|Example|Fuzz)\w*)\s*\(", re.MULTILINE)
_LISTED = re.compile(r"^((?:Test|Example|Fuzz)\w*)$", re.MULTILINE)
_SAID = re.compile(r"^\s+(\w[\w./-]*\.go):(\d+): (.*)$", re.MULTILINE)
_PANIC = re.compile(r"^panic: (.*)$", re.MULTILINE)
_FRAME = re.compile(r"^\s+(\S+\.go):(\d+)(?: \+0x|$)", re.MULTILINE)
_BUILD_ERROR = re.compile(r"^(?:\./)?(\S+\.go):(\d+)(?::\d+)?: (.+)$", re.MULTILINE)
_OUTCOMES: dict[str, CaseOutcome] = {"pass": "passed", "fail": "failed", "skip": "skipped"}
_FRAMEWORK = ("=== ", "--- ", "PASS", "FAIL", "ok ")


class _Event(BaseModel):
    """One line; later versions of Go add fields, and they may."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    Action: str
    Package: str = ""
    ImportPath: str = ""
    Test: str = ""
    Elapsed: float = 0.0
    Output: str = ""


def find_tests(files: Mapping[str, str]) -> dict[str, str]:
    """Return the path of the test file of every test function."""
    return {name: path for path, text in files.items() for name in _TEST_FUNCTION.findall(text)}


def read_list(output: str, paths: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of the tests that `go test -list` names."""
    return tuple(_id(name, paths) for name in _LISTED.findall(output))


def read_cases(output: str, paths: Mapping[str, str], code_paths: Collection[str]) -> tuple[CaseResult, ...]:
    """Return the tests that were executed; what runs within one is part of it."""
    printed: dict[str, str] = {}
    started: dict[str, None] = {}
    ended: dict[str, _Event] = {}
    for event in _events(output):
        name = event.Test.partition("/")[0]
        if not name:
            continue
        started[name] = None
        if event.Action == "output":
            printed[name] = printed.get(name, "") + event.Output
        elif event.Action in _OUTCOMES and event.Test == name:
            ended[name] = event
    return tuple(_case(name, ended.get(name), printed.get(name, ""), paths, code_paths) for name in started)


def read_build_errors(
    output: str, errors: str, test_paths: Sequence[str], code_paths: Collection[str]
) -> BrokenFile | None:
    """Return the first error of the compiler: in a test file it is the test's, elsewhere the code's."""
    said = "".join(event.Output for event in _events(output)) + errors
    found = _BUILD_ERROR.search(said)
    detail = strip_controls(said.strip())[-MOST_DETAIL_CHARS:]
    if found is None:
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith(("#", "FAIL"))]
        return BrokenFile(next(iter(test_paths), ""), one_line(lines[0], MOST_MESSAGE_CHARS), detail) if lines else None
    path, line = found[1], int(found[2])
    broken = path if path in test_paths else next(iter(test_paths), path)
    place = CodePlace(path, line) if path in code_paths and path not in test_paths else None
    return BrokenFile(broken, one_line(f"{path}:{line}: {found[3]}", MOST_MESSAGE_CHARS), detail, place)


def read_output(output: str) -> str:
    """Return what the tests and the tool printed."""
    return strip_controls("".join(event.Output for event in _events(output)))


def _events(output: str) -> list[_Event]:
    events = []
    for line in output.splitlines():
        try:
            events.append(_Event.model_validate_json(line))
        except ValidationError:
            continue
    return events


def _case(
    name: str, ended: _Event | None, printed: str, paths: Mapping[str, str], code_paths: Collection[str]
) -> CaseResult:
    outcome = _OUTCOMES[ended.Action] if ended is not None else "error"
    seconds = ended.Elapsed if ended is not None else 0.0
    case_id = _id(name, paths)
    if outcome not in {"failed", "error"}:
        return CaseResult(case_id, paths.get(name, ""), name, outcome, seconds)
    said, panic = _SAID.search(printed), _PANIC.search(printed)
    if panic is not None:
        message = f"panic: {panic[1]}"
    elif said is not None:
        message = said[3]
    else:
        own = [line for line in printed.splitlines() if line.strip() and not line.strip().startswith(_FRAMEWORK)]
        message = own[-1] if own else "it ended the whole process of the tests" if ended is None else "it failed"
    return CaseResult(
        case_id,
        paths.get(name, ""),
        name,
        outcome,
        seconds,
        one_line(message, MOST_MESSAGE_CHARS),
        strip_controls(printed.strip())[-MOST_DETAIL_CHARS:],
        _place(printed, code_paths) if panic is not None else None,
    )


def _place(printed: str, code_paths: Collection[str]) -> CodePlace | None:
    for file, line in _FRAME.findall(printed):
        path = next((path for path in code_paths if file == path or file.endswith(f"/{path}")), None)
        if path is not None:
            return CodePlace(path, int(line))
    return None


def _id(name: str, paths: Mapping[str, str]) -> str:
    return f"{paths.get(name, '')}::{name}"
