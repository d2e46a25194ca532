"""A plugin of pytest that reports what pytest did, from what it sees itself and not from what other plugins made of it.

It runs in the process of the tests, beside `program.py`, and needs nothing of Quintet. What it needs later it takes at the
start: tests may replace modules, close descriptors and fork.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Sequence
from types import TracebackType
from typing import Any

import _pytest.main
import _pytest.python
import _pytest.reports
import _pytest.runner
import _pytest.unittest
import pytest

IDS_PER_LINE = 200
MOST_MESSAGE_CHARS = 400
MOST_DETAIL_CHARS = 4_000
MOST_DETAIL_LINES = 40
DETAILED_FAILURES = 100
BRIEF_MESSAGE_CHARS = 120

# What decides whether a test is run and how it is counted.
WATCHED = (
    (_pytest.main.Session, "perform_collect"),
    (_pytest.main, "pytest_runtestloop"),
    (_pytest.python, "pytest_pyfunc_call"),
    (_pytest.python.Function, "runtest"),
    (_pytest.unittest.TestCaseFunction, "runtest"),
    (_pytest.reports.TestReport, "from_item_and_call"),
    (_pytest.runner, "runtestprotocol"),
    (_pytest.runner, "call_and_report"),
    (_pytest.runner, "pytest_runtest_call"),
    (_pytest.runner.CallInfo, "from_call"),
    (pytest, "raises"),
    (pytest, "fail"),
)


class Reporter:
    """Writes one line of JSON for everything that counts: files read, tests found, started and ended, the end of it all."""

    def __init__(self, descriptor: int, secret: str, tree: str, tests: Sequence[str]) -> None:
        self._descriptor = descriptor
        self._secret = secret
        self._tree = os.path.realpath(tree)
        self._tests = frozenset(tests)
        self._owner = os.getpid()
        self._getpid, self._write, self._dumps = os.getpid, os.write, json.dumps
        self._originals = [_found(owner, name) for owner, name in WATCHED]
        self._found: list[str] = []
        self._case: dict[str, Any] = {}
        self._failures = 0

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        if isinstance(collector, pytest.File):
            self._say("reading", path=collector.nodeid)
        try:
            report = yield
        except SystemExit as error:
            self._say("broken", path=collector.nodeid, **self._told(error, ""))
            raise
        if report.failed:
            call = getattr(report, "call", None)
            raised = call.excinfo.value if call is not None and call.excinfo is not None else None
            self._say("broken", path=collector.nodeid, **self._told(_original(raised), report.longreprtext))
        return report

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        self._found.append(item.nodeid)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        ids = [item.nodeid for item in session.items]
        # Settings and hooks of the delivery may take tests away that were found.
        kept = frozenset(ids)
        left_out = [found for found in self._found if found not in kept]
        for kind, names in (("collected", ids), ("left_out", left_out)):
            for start in range(0, len(names), IDS_PER_LINE):
                self._say(kind, ids=names[start : start + IDS_PER_LINE])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._case = {"outcome": "", "seconds": 0.0, "message": "", "detail": "", "place": None}
        self._say("started", id=nodeid)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        self._case["seconds"] = round(self._case.get("seconds", 0.0) + call.duration, 6)
        outcome = _outcome(report, call)
        # The first thing that went wrong is what a test is known for.
        if outcome is not None and self._case.get("outcome") in {"", "passed", None}:
            self._case["outcome"] = outcome
            if outcome != "passed":
                self._case |= self._told(call.excinfo.value if call.excinfo is not None else None, report.longreprtext)
                self._case["detail"] += _captured(report)
        return report

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        case = self._case
        if case.get("outcome") in {"failed", "error"}:
            self._failures += 1
            if self._failures > DETAILED_FAILURES:
                case |= {"message": case["message"][:BRIEF_MESSAGE_CHARS], "detail": ""}
        self._say("case", id=nodeid, **case)

    def pytest_internalerror(self, excrepr: object) -> None:
        self._say("internal", message=_end_of(str(excrepr)))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None, object, object]:
        result = yield
        now = [_found(owner, name) for owner, name in WATCHED]
        changed = [
            f"{getattr(owner, '__name__', '')}.{name}"
            for (owner, name), before, after in zip(WATCHED, self._originals, now, strict=True)
            if before is not after
        ]
        self._say("finished", exit_code=int(session.exitstatus), changed=changed)
        return result

    def _say(self, kind: str, **fields: object) -> None:
        # A test may have forked, and its child runs on through what is left of the tests.
        if self._getpid() != self._owner:
            return
        line = f"{self._secret} {self._dumps({'kind': kind, **fields})}\n".encode()
        try:
            while line:
                line = line[self._write(self._descriptor, line) :]
        except OSError:  # a test has closed it: the report stays unfinished, and that is noticed
            self._descriptor = -1

    def _told(self, error: BaseException | None, text: str) -> dict[str, object]:
        message = _in_one_line(error) if error is not None else text.strip().partition("\n")[0]
        if isinstance(error, pytest.FixtureLookupError):  # its text is only for those who read pytest
            message = next((line[1:].strip() for line in text.splitlines() if line.startswith("E ")), message)
        return {"message": message[:MOST_MESSAGE_CHARS], "detail": _end_of(text), "place": self._place(error)}

    def _place(self, error: BaseException | None) -> list[object] | None:
        """Return the innermost line of delivered code that is no test, as a path and a line."""
        if isinstance(error, SyntaxError) and error.filename and (path := self._delivered(error.filename)):
            return [path, max(error.lineno or 1, 1)]
        place: list[object] | None = None
        step: TracebackType | None = error.__traceback__ if error is not None else None
        while step is not None:
            if path := self._delivered(step.tb_frame.f_code.co_filename):
                place = [path, step.tb_lineno]
            step = step.tb_next
        return place

    def _delivered(self, filename: str) -> str:
        if filename.startswith("<"):  # Python's own, or a text that was executed
            return ""
        path = os.path.realpath(os.path.join(self._tree, filename))  # noqa: PTH118  # pathlib is the tests' to break
        if not path.startswith(self._tree + os.sep):
            return ""
        relative = path[len(self._tree) + 1 :].replace(os.sep, "/")
        return "" if relative in self._tests or relative.rpartition("/")[2] == "conftest.py" else relative


def _found(owner: object, name: str) -> object:
    found = getattr(owner, name, None)
    return getattr(found, "__func__", found)


def _outcome(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str | None:
    """Return how a part of a test ended; None for a set-up or a clean-up that says nothing."""
    if hasattr(report, "wasxfail"):
        if report.skipped:
            return "expected_failure"
        if report.passed:
            return "unexpected_pass" if report.when == "call" else None
    if report.skipped:
        return "skipped"
    # What was raised counts, and not what another plugin has made of it.
    if report.failed or call.excinfo is not None:
        return "failed" if report.when == "call" else "error"
    return "passed" if report.when == "call" else None


def _original(error: BaseException | None) -> BaseException | None:
    """Return what was raised while a file was imported, which pytest wraps."""
    is_wrapped = isinstance(error, pytest.Collector.CollectError) and error.__cause__ is not None
    return error.__cause__ if is_wrapped and error is not None else error


def _in_one_line(error: BaseException) -> str:
    try:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    except Exception:  # noqa: BLE001  # the exception is the tests' own, and so is its text
        lines = []
    name = type(error).__name__
    for at, line in enumerate(lines):
        if isinstance(error, AssertionError) and line.startswith("assert "):
            where = [more.removeprefix("+").strip() for more in lines[at + 1 :] if more.startswith("+  where")]
            said = f" ({lines[0]})" if at else ""
            return ", ".join([line, *where]) + said
    return f"{name}: {' '.join(lines[:3])}" if lines else name


def _captured(report: pytest.TestReport) -> str:
    return "".join(f"\n{title}:\n{_end_of(text, 10)}" for title, text in report.sections)


def _end_of(text: str, lines: int = MOST_DETAIL_LINES) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])[-MOST_DETAIL_CHARS:]
