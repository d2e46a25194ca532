"""Logs are read back: filtered, line by line as they come, across a rotation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.telemetry.logs import log, log_ids, setup_logging, stop_logging
from core.telemetry.logs import reader as log_reader
from core.telemetry.logs.reader import read_log_lines
from core.telemetry.logs.sinks import LogFile


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    yield
    stop_logging()


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "quintet.jsonl"


def messages(path: Path, **wanted: str) -> list[str]:
    entries, _ = read_log_lines(path, **wanted)  # type: ignore[arg-type] # filters only
    return [entry.message for entry in entries]


@pytest.mark.parametrize("json_format", [True, False])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["queued", "attempt failed", "Call ENDED"]),
        ({"level": "info"}, ["attempt failed", "Call ENDED"]),
        ({"level": "WARNING"}, ["attempt failed"]),
        ({"agent_id": "developer"}, ["queued", "attempt failed"]),
        ({"agent_id": "dev"}, []),
        ({"correlation_id": "c2"}, ["Call ENDED"]),
        ({"correlation_id": "c1", "level": "WARNING"}, ["attempt failed"]),
        ({"text": "call ended"}, ["Call ENDED"]),
        ({"text": "über_straße"}, ["queued"]),
        ({"text": "nowhere"}, []),
    ],
)
def test_lines_are_filtered_by_level_agent_task_and_text(
    log_file: Path, json_format: bool, wanted: dict[str, str], expected: list[str]
) -> None:
    setup_logging(level="DEBUG", json_format=json_format, log_file=log_file)
    with log_ids(correlation_id="c1", agent_id="developer"):
        log("DEBUG", "queued", file="Über_Straße.py")
        log("WARNING", "attempt failed")
    with log_ids(correlation_id="c2", agent_id="qa_engineer"):
        log("INFO", "Call ENDED")

    found = messages(log_file, **wanted)

    assert len(found) == len(expected)
    assert all(message.startswith(start) for message, start in zip(found, expected, strict=True))


def test_an_entry_holds_all_that_its_line_holds(log_file: Path) -> None:
    setup_logging(log_file=log_file)
    try:
        int("broken")
    except ValueError as error:
        log("ERROR", "call failed", exception=error, agent_id="developer", duration_ms=1.5, attempt=2)

    ((entry,), _) = read_log_lines(log_file)

    assert (entry.level, entry.logger, entry.message) == ("ERROR", __name__, "call failed")
    assert (entry.agent_id, entry.task_id, entry.duration_ms) == ("developer", None, 1.5)
    assert entry.extra == {"attempt": 2}
    assert entry.exception is not None
    assert "ValueError: invalid literal" in entry.exception
    assert messages(log_file, text="valueerror") == ["call failed"]
    assert messages(log_file, text="attempt=2") == ["call failed"]


def test_following_a_log_gives_every_line_once(log_file: Path) -> None:
    setup_logging(log_file=log_file)
    seen: list[str] = []
    offset = 0
    for number in range(5):
        for part in range(number):
            log("INFO", f"{number}.{part}")
        entries, offset = read_log_lines(log_file, after_offset=offset)
        seen += [entry.message for entry in entries]

    assert seen == [f"{number}.{part}" for number in range(5) for part in range(number)]
    assert read_log_lines(log_file, after_offset=offset) == ([], offset)


def test_a_line_that_is_being_written_is_read_the_next_time(log_file: Path) -> None:
    setup_logging(log_file=log_file)
    log("INFO", "whole")
    line = log_file.read_bytes()
    log_file.write_bytes(line + line[:30])

    entries, offset = read_log_lines(log_file)
    assert ([entry.message for entry in entries], offset) == (["whole"], len(line))

    log_file.write_bytes(line + line)
    entries, offset = read_log_lines(log_file, after_offset=offset)
    assert ([entry.message for entry in entries], offset) == (["whole"], 2 * len(line))


@pytest.mark.parametrize("is_ours", [True, False])
def test_a_rotation_between_two_readings_loses_no_line(log_file: Path, is_ours: bool) -> None:
    file = LogFile(log_file, rotate_bytes=300, is_ours=is_ours)
    seen: list[str] = []
    offset = 0
    for number in range(20):
        file.write(f"2026-01-02T03:04:05.678Z INFO    core.test line {number:04}\n")
        if number % 2:
            entries, offset = read_log_lines(log_file, after_offset=offset)
            seen += [entry.message for entry in entries]
    file.stop()

    assert seen == [f"line {number:04}" for number in range(20)]


@pytest.mark.parametrize(
    "line",
    [
        '{"timestamp": "2026', "[1]", "{}", '{"level": "INFO"}', "Traceback", "", "\x00\x00", '{"level": "LOUD"}',
        '{"level": "INFO", "timestamp": "x", "logger": "x", "message": "x", "extra": 1}', "\udcff",
    ],
)  # fmt: skip
def test_what_is_no_line_of_ours_is_left_out(log_file: Path, line: str) -> None:
    setup_logging(log_file=log_file)
    log("INFO", "before")
    with log_file.open("ab") as file:
        file.write(line.encode("utf-8", "surrogateescape") + b"\n")
    log("INFO", "after")

    assert messages(log_file) == ["before", "after"]


def test_a_log_that_is_not_there_has_no_entries(log_file: Path) -> None:
    assert read_log_lines(log_file, after_offset=10) == ([], 0)


def test_a_long_log_gives_its_newest_entries(log_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_reader, "MAX_ENTRIES", 3)
    setup_logging(log_file=log_file)
    for number in range(10):
        log("INFO", str(number))

    assert messages(log_file) == ["7", "8", "9"]


@given(message=st.text(), agent=st.text(min_size=1))
def test_any_text_and_any_id_is_found_again(tmp_path_factory: pytest.TempPathFactory, message: str, agent: str) -> None:
    path = tmp_path_factory.mktemp("logs") / "x.jsonl"
    setup_logging(log_file=path)
    log("INFO", "other", agent_id="somebody else")
    log("INFO", message, agent_id=agent)
    stop_logging()

    (entry, *more), _ = read_log_lines(path, agent_id=agent)

    assert more == []
    assert entry.agent_id == agent
