"""Reads what Node's test runner has told of its tests: through our reporter, and through our list of what there is to run."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.execution.results import BrokenFile, CaseResult, CodePlace
from core.kinds import CaseOutcome
from core.text.sanitize import one_line, strip_controls

SEPARATOR = " > "
WHOLE = "script"
MOST_MESSAGE_CHARS = 400
MOST_DETAIL_CHARS = 4_000
KEPT_OUTPUT_CHARS = 16_000
_FRAME = re.compile(r"(?:file://)?(/[^\s():]+):(\d+)(?::\d+)?")
_ERROR = re.compile(r"^(?:Uncaught )?\w*(?:Error|Exception)\b.*", re.MULTILINE)
_DECLARES_TESTS = re.compile(r"\b(?:test|it)\s*\(\s*['\"`]")


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Failure(_Record):
    kind: str
    name: str
    message: str
    stack: str


class _Test(_Record):
    type: Literal["test"]
    name: str
    file: str
    nesting: int
    passed: bool
    is_suite: bool
    skipped: bool
    todo: bool
    seconds: float
    failure: _Failure | None


class _Printed(_Record):
    type: Literal["printed"]
    file: str
    text: str


class _End(_Record):
    type: Literal["end"]


class _Found(_Record):
    file: str
    names: tuple[str, ...]


class _Collection(_Record):
    found: tuple[_Found, ...]
    broken: tuple[str, ...]
    whole: bool


_LINE: TypeAdapter[_Test | _Printed | _End] = TypeAdapter(
    Annotated[_Test | _Printed | _End, Field(discriminator="type")]
)


@dataclass(slots=True)
class NodeReport:
    """What one run has told: its tests, the files that could not be run, and what they printed."""

    cases: list[CaseResult] = field(default_factory=list)
    broken: list[BrokenFile] = field(default_factory=list)
    output: str = ""
    is_finished: bool = False
    silent: list[str] = field(default_factory=list)  # files that declare tests and reported none


def read_collection(output: bytes) -> tuple[str, ...] | None:
    """Return the ids of the tests that there are; None if the list is not there or not whole."""
    lines = output.strip().splitlines()
    try:
        collection = _Collection.model_validate_json(lines[-1] if lines else b"")
    except ValidationError:
        return None
    return tuple(_id(each.file, each.names) for each in collection.found) if collection.whole else None


def read_report(output: bytes, tree: Path, code_paths: Collection[str]) -> NodeReport:
    """Return what the reporter has written; a test within a test is part of it."""
    report = NodeReport()
    pending: dict[str, dict[int, list[_Node]]] = {}
    printed: dict[str, str] = {}
    for line in output.splitlines():
        try:
            record = _LINE.validate_json(line)
        except ValidationError:
            continue
        match record:
            case _Test():
                levels = pending.setdefault(record.file, {})
                levels.setdefault(record.nesting, []).append(_Node(record, levels.pop(record.nesting + 1, [])))
            case _Printed():
                printed[record.file] = (printed.get(record.file, "") + record.text)[-KEPT_OUTPUT_CHARS:]
                report.output = (report.output + record.text)[-KEPT_OUTPUT_CHARS:]
            case _End():
                report.is_finished = True
    report.output = strip_controls(report.output.replace(f"{tree}/", ""))
    for file, levels in pending.items():
        path = _relative(file, tree)
        for node in levels.get(0, []):
            if node.test.nesting == 0 and node.test.name in {file, path}:
                _take_file(report, node.test, path, tree, code_paths, printed.get(file, ""))
            else:
                report.cases += _cases(node, path, (), tree, code_paths)
    return report


@dataclass(frozen=True, slots=True)
class _Node:
    test: _Test
    children: list[_Node]


def _cases(
    node: _Node, path: str, names: tuple[str, ...], tree: Path, code_paths: Collection[str]
) -> Iterator[CaseResult]:
    test, names = node.test, (*names, node.test.name)
    if test.is_suite and (node.children or test.passed):
        for child in node.children:
            yield from _cases(child, path, names, tree, code_paths)
        return
    # Of a test that fails by those within it, the first of these says why.
    told = test
    children = node.children
    while told.failure is not None and told.failure.kind == "subtestsFailed":
        failed = next((child for child in children if not child.test.passed), None)
        if failed is None:
            break
        told, children = failed.test, failed.children
    case = CaseResult(_id(path, names), path, SEPARATOR.join(names), _outcome(test), test.seconds)
    if told.failure is None:
        yield case
        return
    failure = told.failure
    yield replace(
        case,
        message=one_line(f"{failure.name}: {failure.message}".replace(f"{tree}/", ""), MOST_MESSAGE_CHARS),
        detail=strip_controls(failure.stack.replace(f"{tree}/", ""))[-MOST_DETAIL_CHARS:],
        place=_place(failure.stack, tree, code_paths),
    )


def _outcome(test: _Test) -> CaseOutcome:
    if test.skipped or test.todo:
        return "skipped"
    return "passed" if test.passed else "failed"


def _take_file(
    report: NodeReport, test: _Test, path: str, tree: Path, code_paths: Collection[str], printed: str
) -> None:
    """Take what is said of a whole file: that it broke, or that it is a plain script without any test."""
    if test.passed:
        try:
            if _DECLARES_TESTS.search((tree / path).read_text(encoding="utf-8", errors="replace")):
                report.silent.append(path)
        except OSError:
            report.silent.append(path)
        report.cases.append(CaseResult(_id(path, ()), path, WHOLE, "passed", test.seconds))
        return
    printed = printed.replace("file://", "")
    error = _ERROR.search(printed)
    message = error[0] if error is not None else test.failure.message if test.failure is not None else "it failed"
    report.broken.append(
        BrokenFile(
            path,
            one_line(message.replace(f"{tree}/", ""), MOST_MESSAGE_CHARS),
            strip_controls(printed.replace(f"{tree}/", ""))[-MOST_DETAIL_CHARS:],
            _place(printed, tree, code_paths),
        )
    )


def _place(text: str, tree: Path, code_paths: Collection[str]) -> CodePlace | None:
    """Return the innermost line of delivered code that a stack names."""
    for file, line in _FRAME.findall(text):
        path = _relative(file, tree)
        if path in code_paths:
            return CodePlace(path, int(line))
    return None


def _relative(file: str, tree: Path) -> str:
    path = Path(file)
    return path.relative_to(tree).as_posix() if path.is_relative_to(tree) else file


def _id(path: str, names: tuple[str, ...]) -> str:
    return f"{path}::{SEPARATOR.join(names) or WHOLE}"
