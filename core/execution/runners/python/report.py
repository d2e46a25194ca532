"""Reads the report that the program in the sandbox has written while pytest ran."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.execution.results import BrokenFile, CaseResult, CodePlace
from core.kinds import CaseOutcome
from core.text.sanitize import one_line, strip_controls

MOST_MESSAGE_CHARS = 400


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Told(_Record):
    message: str
    detail: str
    place: tuple[str, Annotated[int, Field(ge=1)]] | None


class _Reading(_Record):
    kind: Literal["reading"]
    path: str


class _Broken(_Told):
    kind: Literal["broken"]
    path: str


class _Collected(_Record):
    kind: Literal["collected"]
    ids: tuple[str, ...]


class _LeftOut(_Record):
    kind: Literal["left_out"]
    ids: tuple[str, ...]


class _Started(_Record):
    kind: Literal["started"]
    id: str


class _Case(_Told):
    kind: Literal["case"]
    id: str
    outcome: CaseOutcome
    seconds: float


class _Internal(_Record):
    kind: Literal["internal"]
    message: str


class _Finished(_Record):
    kind: Literal["finished"]
    exit_code: int
    changed: tuple[str, ...]


class _Ended(_Record):
    kind: Literal["ended"]
    exit_code: int | None
    signal: int | None
    left_behind: bool
    was_cut: bool
    output: str


_LINE: TypeAdapter[_Reading | _Broken | _Collected | _LeftOut | _Started | _Case | _Internal | _Finished | _Ended] = (
    TypeAdapter(
        Annotated[
            _Reading | _Broken | _Collected | _LeftOut | _Started | _Case | _Internal | _Finished | _Ended,
            Field(discriminator="kind"),
        ]
    )
)


@dataclass(slots=True)
class PytestReport:
    """What one run of pytest has told of itself; `ended` is what its keeper says about the process."""

    collected: list[str] = field(default_factory=list)
    left_out: list[str] = field(
        default_factory=list
    )  # found, and then taken away by settings or a hook of the delivery
    cases: dict[str, CaseResult] = field(default_factory=dict)
    broken: dict[str, BrokenFile] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    internal: str = ""
    reading: str | None = None  # the file that was being imported when the report ended
    running: str | None = None  # the test that was running when the report ended
    is_finished: bool = False
    is_unreadable: bool = False
    repeated: str = ""
    ended: _Ended | None = None


def read_report(lines: bytes, tree: str) -> PytestReport:
    """Return what a report says; `tree` is taken out of its texts, so that paths are those of the delivered folder."""
    report = PytestReport()
    for line in lines.splitlines():
        try:
            record = _LINE.validate_json(line)
        except ValidationError:
            report.is_unreadable = True
            continue
        _take(record, report, tree)
    return report


def _take(
    record: _Reading | _Broken | _Collected | _LeftOut | _Started | _Case | _Internal | _Finished | _Ended,
    report: PytestReport,
    tree: str,
) -> None:
    match record:
        case _Reading():
            report.reading = record.path
        case _Broken():
            report.broken[record.path] = BrokenFile(
                record.path, _message(record, tree), _detail(record, tree), _place(record)
            )
        case _Collected():
            report.reading = None
            report.collected += record.ids
        case _LeftOut():
            report.left_out += record.ids
        case _Started():
            report.reading, report.running = None, record.id
        case _Case():
            report.running = None
            if record.id in report.cases:
                report.repeated = record.id
            path, _, name = record.id.partition("::")
            report.cases[record.id] = CaseResult(
                record.id,
                path,
                name,
                record.outcome,
                record.seconds,
                _message(record, tree),
                _detail(record, tree),
                _place(record),
            )
        case _Internal():
            report.internal = strip_controls(record.message)
        case _Finished():
            report.is_finished, report.reading, report.changed = True, None, record.changed
        case _Ended():
            report.ended = record


def _message(told: _Told, tree: str) -> str:
    return one_line(told.message.replace(f"{tree}/", ""), MOST_MESSAGE_CHARS)


def _detail(told: _Told, tree: str) -> str:
    return strip_controls(told.detail.replace(f"{tree}/", ""))


def _place(told: _Told) -> CodePlace | None:
    return CodePlace(*told.place) if told.place is not None else None
