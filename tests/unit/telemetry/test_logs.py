"""Logs: one line an event that always parses, with ids, without secrets, and never on the terminal."""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import logging
import os
import re
import shutil
import stat
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from core.events import AttemptFailed, BreakerChanged, CallQueued, Event, SteeringReceived, TokensReceived
from core.kinds import LogLevel
from core.telemetry.logs import (
    LEVELS,
    current_correlation_id,
    current_log_file,
    log,
    log_ids,
    set_correlation_id,
    set_log_level,
    setup_logging,
    stop_logging,
)
from core.telemetry.logs.sinks import KEEP, LogFile, default_log_path, remove_old_logs
from core.telemetry.logs.writing import log_event
from core.text.redaction import MASK, redact, redact_value, register_secret
from tests.support.clock import VirtualClock

KEYS = [
    "timestamp", "level", "logger", "message", "correlation_id", "agent_id", "task_id", "workflow_id", "duration_ms",
    "extra",
]  # fmt: skip
SECRET = "my-local-key-1234"


@pytest.fixture(autouse=True)
def _quiet(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    yield
    stop_logging()
    assert capfd.readouterr() == ("", ""), "something was written to the terminal"


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "quintet.jsonl"


@contextmanager
def callers_sink(level: str = "TRACE") -> Iterator[list[str]]:
    """Be a caller who has a loguru sink of his own, in place of the one that loguru starts with."""
    with suppress(ValueError):
        logger.remove(0)
    written: list[str] = []
    number = logger.add(written.append, level=level, format="{message} {extra}", diagnose=True)
    yield written
    logger.remove(number)  # a ValueError if it did not survive


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def test_a_line_has_exactly_the_documented_keys(log_file: Path) -> None:
    assert setup_logging(log_file=log_file) is None

    log("INFO", "call finished", agent_id="developer", task_id="t1", duration_ms=12.5, attempt=2)

    (line,) = lines(log_file)
    assert list(line) == KEYS
    assert line["timestamp"].endswith("Z")
    assert len(line["timestamp"]) == len("2026-11-22T12:27:39.777Z")
    del line["timestamp"]
    assert line == {
        "level": "INFO", "logger": __name__, "message": "call finished", "correlation_id": None,
        "agent_id": "developer", "task_id": "t1", "workflow_id": None, "duration_ms": 12.5, "extra": {"attempt": 2},
    }  # fmt: skip


def test_lines_below_the_level_are_left_out_and_the_level_can_change(log_file: Path) -> None:
    setup_logging(level="warning", log_file=log_file)
    log("INFO", "not kept")
    log("WARNING", "kept")
    setup_logging(level="DEBUG", log_file=log_file)
    log("DEBUG", "kept too")

    assert [line["message"] for line in lines(log_file)] == ["kept", "kept too"]


def test_the_level_changes_live_and_in_the_same_file(log_file: Path) -> None:
    setup_logging(level="ERROR", log_file=log_file)
    log("INFO", "not kept")
    set_log_level("debug")
    log("DEBUG", "kept")
    set_log_level("WARNING")
    log("INFO", "not kept either")

    assert [line["message"] for line in lines(log_file)] == ["kept"]


def test_a_level_that_does_not_exist_is_refused_and_changes_nothing(log_file: Path) -> None:
    setup_logging(log_file=log_file)

    with pytest.raises(ValueError, match="no log level 'LOUD' - the levels are DEBUG, INFO, WARNING, ERROR"):
        set_log_level("LOUD")

    log("INFO", "kept")
    assert len(lines(log_file)) == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("debug", "DEBUG"),
        ("trace", "DEBUG"),
        ("NOTSET", "DEBUG"),
        (logging.NOTSET, "DEBUG"),
        (logging.DEBUG, "DEBUG"),
        ("10", "DEBUG"),
        (15, "INFO"),
        (" info ", "INFO"),
        ("Success", "INFO"),
        ("warn", "WARNING"),
        ("WARN", "WARNING"),
        ("Warning", "WARNING"),
        (logging.WARNING, "WARNING"),
        ("fatal", "ERROR"),
        ("CRITICAL", "ERROR"),
        (logging.CRITICAL, "ERROR"),
        ("error", "ERROR"),
        (99, "ERROR"),
    ],
)
def test_a_level_may_be_written_as_elsewhere(log_file: Path, given: str | int, kept: LogLevel) -> None:
    setup_logging(level=given, log_file=log_file)
    for level in LEVELS:
        log(level, level)

    assert [line["message"] for line in lines(log_file)] == [*LEVELS[LEVELS.index(kept) :]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("LOUD", "no log level 'LOUD' - the levels are"),
        ("infoo", r"did you mean INFO\?"),
        ("", "no log level ''"),
        (None, "None is no log level"),
        (True, "True is no log level"),
        (1.5, "1.5 is no log level"),
    ],
)
def test_what_is_no_level_is_refused_in_one_line(log_file: Path, given: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        setup_logging(level=given, log_file=log_file)


def test_the_level_may_be_given_by_its_place(log_file: Path) -> None:
    setup_logging("ERROR", log_file=log_file)
    log("WARNING", "not kept")

    assert not log_file.exists()


def test_the_callers_own_sinks_survive_and_see_nothing_of_ours(log_file: Path) -> None:
    register_secret(SECRET)
    with callers_sink() as written:
        setup_logging(level="DEBUG", log_file=log_file)
        logger.info("mine")
        log("ERROR", f"ours {SECRET}", key=SECRET, exception=ValueError(SECRET))
        stop_logging()
        setup_logging(log_file=log_file)
        logger.info("mine again")
        stop_logging()
        logger.info("and after the end")

    assert [text.split(" {")[0] for text in written] == ["mine", "mine again", "and after the end"]
    assert [line["message"] for line in lines(log_file)] == ["mine", f"ours {MASK}", "mine again"]


def test_what_the_caller_logs_with_loguru_is_kept_with_ids_levels_and_without_secrets(log_file: Path) -> None:
    register_secret(SECRET)
    with callers_sink():
        setup_logging(level="INFO", log_file=log_file)
        with log_ids(correlation_id="request-123"):
            logger.debug("below the level")
            logger.bind(order=7).success("sent {}", SECRET)
            logger.opt(exception=ValueError(SECRET)).critical("failed")

    sent, failed = lines(log_file)
    assert (sent["level"], sent["message"], sent["extra"]) == ("INFO", f"sent {MASK}", {"order": 7})
    assert (sent["logger"], sent["correlation_id"]) == (__name__, "request-123")
    assert failed["level"] == "ERROR"
    assert failed["exception"].endswith(f"ValueError: {MASK}\n")


def test_a_caller_who_removes_all_sinks_takes_only_his_own_lines_away(log_file: Path) -> None:
    setup_logging(log_file=log_file)
    logger.remove()
    log("INFO", "ours")
    stop_logging()

    assert [line["message"] for line in lines(log_file)] == ["ours"]


def test_a_start_without_a_line_leaves_no_file_behind(log_file: Path) -> None:
    setup_logging(log_file=log_file)
    assert not log_file.exists()
    stop_logging()
    setup_logging()
    default = current_log_file()
    stop_logging()

    assert default is not None
    assert not log_file.exists()
    assert not default.exists()
    log_file.write_text("of an earlier process\n")
    setup_logging(log_file=log_file)
    stop_logging()
    assert log_file.read_text() == "of an earlier process\n"


@pytest.mark.parametrize("given", ["~/x.log", "x.log", "deep/er/x.log"])
@pytest.mark.parametrize("kind", [str, Path])
def test_a_file_may_be_given_in_any_way_a_path_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: type[str | Path], given: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert setup_logging(log_file=kind(given)) is None

    log("INFO", "x")

    assert len(lines(tmp_path / given.removeprefix("~/"))) == 1


@pytest.mark.parametrize(
    ("given", "kept"), [("request-1", "request-1"), (17, "17"), (" x ", "x"), ("", None), (None, None)]
)
def test_a_correlation_id_is_text_and_an_empty_one_is_none(log_file: Path, given: object, kept: str | None) -> None:
    setup_logging(log_file=log_file)
    set_correlation_id("before")
    assert set_correlation_id(given) == current_correlation_id() == (kept or "")
    log("INFO", "x")

    assert lines(log_file)[0]["correlation_id"] == kept
    set_correlation_id(None)


CALL: dict[str, Any] = {
    "run_id": "r1", "correlation_id": "c1", "at": 10.0, "agent_id": "developer", "task_id": "t1", "call_id": "k1",
    "attempt": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("event", "message", "facts"),
    [
        (
            CallQueued(**CALL, position=0, reason="breaker", until=52.5),
            "call queued",
            {"reason": "breaker", "left_seconds": 42.5},
        ),
        (
            AttemptFailed(
                **CALL, kind="stall", message="silent", will_retry=True, wait_seconds=1.5, received_chars=3
            ),
            "attempt decided",
            {"decision": "retry in 1.50 s", "kind": "stall", "attempt": 2},
        ),
        (
            AttemptFailed(**CALL, kind="auth", message="no", will_retry=False, wait_seconds=0, received_chars=0),
            "attempt decided",
            {"decision": "no further attempt here"},
        ),
        (
            BreakerChanged(run_id="r1", correlation_id="c1", at=10.0, name="x/m", old="open", new="half-open", retry_at=None),
            "breaker changed",
            {"old": "open", "new": "half-open"},
        ),
        (
            SteeringReceived(run_id="r1", correlation_id="c1", at=10.0, agent_id="", text="the user's words"),
            "steering received",
            {},
        ),
    ],
)  # fmt: skip
def test_an_event_is_a_line_of_level_debug_without_anybodys_words(
    log_file: Path, event: Event, message: str, facts: dict[str, object]
) -> None:
    setup_logging(level="INFO", log_file=log_file)
    log_event(event)
    set_log_level("DEBUG")
    log_event(event)
    log_event(TokensReceived(**CALL, seq=0, offset=0, text="a token"))

    [line] = lines(log_file)
    assert (line["level"], line["message"], line["correlation_id"]) == ("DEBUG", message, "c1")
    assert line["agent_id"] in {"developer", None}
    assert facts.items() <= line["extra"].items()
    assert "words" not in log_file.read_text()


@pytest.mark.parametrize("is_wanted", [True, False])
def test_prompts_and_answers_are_kept_only_when_that_is_asked_for(log_file: Path, is_wanted: bool) -> None:
    setup_logging(level="DEBUG", log_file=log_file, content=is_wanted)
    register_secret(SECRET)

    log(
        "INFO",
        "call ended",
        attempts=1,
        content={"prompt": [{"role": "user", "content": f"{SECRET} {'x' * 20_000}"}], "answer": "Hello"},
    )

    (line,) = lines(log_file)
    assert ("Hello" in log_file.read_text()) is is_wanted
    assert SECRET not in log_file.read_text()
    assert line["extra"]["attempts"] == 1
    if is_wanted:
        assert line["extra"]["answer"] == "Hello"
        assert line["extra"]["prompt"][0]["content"].endswith("characters more)")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_a_headless_run_can_show_its_log_in_colours(
    log_file: Path, monkeypatch: pytest.MonkeyPatch, level: LogLevel
) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    setup_logging(level="DEBUG", log_file=log_file, colored_console=True)
    register_secret(SECRET)

    log(level, f"retry\x1b[2J\nFORGED {SECRET}", agent_id="developer")

    shown = terminal.getvalue()
    assert len(lines(log_file)) == 1
    assert re.fullmatch(rf"\x1b\[2m\S+Z\x1b\[0m \x1b\[[0-9;]+m{level} *\x1b\[0m {__name__} .*\n", shown)
    assert shown.endswith(rf"retry\x1b[2J\nFORGED {MASK} agent_id=developer" "\n")


def test_a_console_that_is_no_terminal_or_wants_no_colours_gets_none(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", plain := io.StringIO())
    setup_logging(log_file=log_file, colored_console=True)
    log("INFO", "one")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("NO_COLOR", "1")
    setup_logging(log_file=log_file, colored_console=True)
    log("INFO", "two")

    assert "one\n" in plain.getvalue()
    assert "two\n" in terminal.getvalue()
    assert "\x1b" not in plain.getvalue() + terminal.getvalue()


def test_an_exception_on_the_console_is_indented_so_that_it_forges_no_line(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", plain := io.StringIO())
    setup_logging(log_file=log_file, colored_console=True)

    log("ERROR", "failed", exception=ValueError("x\n2026-01-01T00:00:00.000Z ERROR forged\x1b[2J"))

    head, *rest = plain.getvalue().splitlines()
    assert head.endswith(f"ERROR   {__name__} failed")
    assert all(line.startswith("    ") for line in rest)
    assert "\x1b" not in plain.getvalue()


def test_a_console_that_nobody_reads_any_more_does_not_stop_the_log(
    log_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", gone := io.StringIO())
    setup_logging(log_file=log_file, colored_console=True)
    gone.close()

    log("INFO", "kept")

    assert len(lines(log_file)) == 1


def test_a_console_shows_what_a_file_cannot_take(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", plain := io.StringIO())

    assert setup_logging(log_file=tmp_path, colored_console=True) is not None
    log("INFO", "shown")

    assert "shown\n" in plain.getvalue()


def test_a_log_before_the_set_up_and_after_the_end_does_nothing(log_file: Path) -> None:
    log("ERROR", "too early")
    setup_logging(log_file=log_file)
    assert current_log_file() == log_file
    stop_logging()
    log("ERROR", "too late")

    assert current_log_file() is None
    assert not log_file.exists()


async def test_every_task_and_its_threads_keep_their_own_ids(log_file: Path) -> None:
    setup_logging(log_file=log_file)

    async def work(name: str) -> None:
        set_correlation_id(name)
        with log_ids(agent_id=f"agent of {name}"):
            await asyncio.sleep(0)
            log("INFO", name)
            await asyncio.to_thread(log, "INFO", name)

    assert set_correlation_id("parent") == "parent"
    async with asyncio.TaskGroup() as group:
        for name in ("a", "b", "c"):
            group.create_task(work(name))
    log("INFO", "parent")

    found = lines(log_file)
    assert len(found) == 7
    assert all(line["correlation_id"] == line["message"] for line in found)
    assert {line["agent_id"] for line in found} == {"agent of a", "agent of b", "agent of c", None}


def test_an_unknown_id_is_a_programming_error() -> None:
    with (
        pytest.raises(ValueError, match="no log line has run_id - the ids are correlation_id, agent_id"),
        log_ids(run_id="1"),
    ):
        pass


@given(message=st.text(), value=st.text(), json_format=st.booleans())
def test_no_text_can_forge_or_break_a_line(
    tmp_path_factory: pytest.TempPathFactory, message: str, value: str, json_format: bool
) -> None:
    file = tmp_path_factory.mktemp("logs") / "x.jsonl"
    setup_logging(json_format=json_format, log_file=file)
    log("INFO", message, value=value, nested={"deep": [value]})
    stop_logging()

    content = file.read_text(encoding="utf-8")
    assert content.endswith("\n")
    assert len(content.splitlines()) == 1
    assert not any(ord(character) < 32 or 127 <= ord(character) < 160 for character in content[:-1])
    if json_format:
        (line,) = lines(file)
        assert list(line) == KEYS
        assert line["message"] == redact(message)
        assert line["extra"] == redact_value({"value": value, "nested": {"deep": [value]}})


@pytest.mark.parametrize(
    "message", ["{} {0} {name} {extra[_line]}", "<red>text</red>", "%s %d", 'a "quoted" \\ text', "emoji 🎻 über"]
)
def test_braces_and_markup_of_a_message_stay_as_they_are(log_file: Path, message: str) -> None:
    setup_logging(log_file=log_file)

    log("INFO", message)

    assert lines(log_file)[0]["message"] == message


def test_plain_text_is_one_readable_line(log_file: Path) -> None:
    setup_logging(json_format=False, log_file=log_file)

    log("WARNING", "retry\nFORGED", agent_id="developer", attempt=2, duration_ms=3)

    line = log_file.read_text()
    assert line.split("Z ", 1)[1] == f"WARNING {__name__} retry\\nFORGED agent_id=developer attempt=2 duration_ms=3\n"


def test_an_exception_is_one_more_key_without_local_variables(log_file: Path) -> None:
    setup_logging(log_file=log_file)

    def fail() -> None:
        password = "hidden-in-a-local"
        raise ValueError("no " + password[:0] + SECRET)

    register_secret(SECRET)
    try:
        fail()
    except ValueError as error:
        log("ERROR", "call failed", exception=error)

    (line,) = lines(log_file)
    assert list(line) == [*KEYS, "exception"]
    assert line["exception"].endswith(f"ValueError: no {MASK}\n")
    assert "hidden-in-a-local" not in line["exception"].replace('password = "hidden-in-a-local"', "")


def test_libraries_are_heard_from_warning_on(log_file: Path) -> None:
    setup_logging(level="DEBUG", log_file=log_file)

    logging.getLogger("httpx2").info("HTTP Request: POST https://user:password@host")
    logging.getLogger("openai._base_client").warning("retrying %s", "soon")
    logging.getLogger("faulty").error("%d", "no number")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("old API", DeprecationWarning, stacklevel=1)

    found = lines(log_file)
    assert [(line["logger"], line["level"]) for line in found] == [
        ("openai._base_client", "WARNING"),
        ("faulty", "ERROR"),
        ("py.warnings", "WARNING"),
    ]
    assert found[0]["message"] == "retrying soon"
    assert "DeprecationWarning: old API" in found[2]["message"]


def test_the_levels_that_the_caller_gave_to_libraries_survive(log_file: Path) -> None:
    chosen, untouched = logging.getLogger("httpx2"), logging.getLogger("openai")
    before = chosen.level, untouched.level
    try:
        chosen.setLevel(logging.DEBUG)
        untouched.setLevel(logging.NOTSET)
        for _ in range(2):
            setup_logging(log_file=log_file)
            assert (chosen.level, untouched.level) == (logging.DEBUG, logging.WARNING)
        stop_logging()
        assert (chosen.level, untouched.level) == (logging.DEBUG, logging.NOTSET)
    finally:
        chosen.setLevel(before[0])
        untouched.setLevel(before[1])


def test_a_registered_secret_is_nowhere_in_the_file(log_file: Path) -> None:
    secret = 'a"b\\c' + SECRET
    register_secret(secret)
    setup_logging(log_file=log_file)

    log("INFO", f"key {secret}", value=secret, nested={secret: [secret, {"x": secret}]}, path=Path(secret))
    logging.getLogger("openai").warning("sent %s", {"api_key": secret})
    logging.getLogger(f"library.{secret}").warning("named after what it was given")

    content = log_file.read_text()
    assert SECRET not in content
    assert len(lines(log_file)) == 3


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Incorrect API key provided: sk-proj-abcdefghij0123456789.", f"Incorrect API key provided: {MASK}."),
        ("Authorization: Bearer abcdef123456", f"Authorization: Bearer {MASK}"),
        ("authorization=Basic dXNlcjpwYXNz", f"authorization=Basic {MASK}"),
        ("api_key=abc123, model=x", f"api_key={MASK}, model=x"),
        ("{'api-key': 'abc123', 'n': 1}", f"{{'api-key': '{MASK}', 'n': 1}}"),
        ('{\\"apiKey\\": \\"abc123\\"}', f'{{\\"apiKey\\": \\"{MASK}\\"}}'),
        ("OPENAI_API_KEY: abc123", f"OPENAI_API_KEY: {MASK}"),
        ("password = hunter2", f"password = {MASK}"),
        ("Set-Cookie: id=1", f"Set-Cookie: {MASK}"),
        ("http://me:secret@host/v1", f"http://{MASK}@host/v1"),
        ("max_tokens=512 tokens: 3", "max_tokens=512 tokens: 3"),
        ("author: somebody, authentication: failed", "author: somebody, authentication: failed"),
        ("X-Auth: abc", f"X-Auth: {MASK}"),
        ("api_key: none", "api_key: none"),
        ("ask-for-more-than-twelve", "ask-for-more-than-twelve"),
        ("a basic question, basic Authentication", "a basic question, basic Authentication"),
        ("sent Bearer abcdefgh1 to it", f"sent Bearer {MASK} to it"),
        ("authorization: bearer onlylowercase", f"authorization: bearer {MASK}"),
        ('"secret": "it\'s here", "x": 1', f'"secret": "{MASK}", "x": 1'),
    ],
)
def test_what_looks_like_a_key_is_masked_and_nothing_else(text: str, expected: str) -> None:
    assert redact(text) == expected
    assert redact(redact(text)) == expected


def test_values_are_masked_by_their_name() -> None:
    value = {"api_key": 12345, "Authorization": ["x"], "author": "me", "tokens": 3, "odd": float("nan"), "none": None}

    assert redact_value(value) == {
        "api_key": MASK, "Authorization": MASK, "author": "me", "tokens": 3, "odd": "nan", "none": None,
    }  # fmt: skip


def test_a_short_secret_does_not_make_texts_unreadable() -> None:
    register_secret("a")

    assert redact("a cat") == "a cat"


def test_a_value_that_cannot_be_printed_does_not_stop_a_line(log_file: Path) -> None:
    class Rude:
        def __str__(self) -> str:
            raise RuntimeError

    endless: list[object] = []
    endless.append(endless)
    setup_logging(log_file=log_file)

    log("INFO", "x", rude=Rude(), endless=endless, long="y" * 100_000)

    (line,) = lines(log_file)
    assert line["extra"]["rude"] == "<Rude>"
    assert line["extra"]["long"].endswith("(83616 characters more)")


@pytest.mark.parametrize("obstacle", ["folder", "file as folder", "pipe"])
def test_a_log_that_cannot_be_written_is_a_warning_and_no_more(tmp_path: Path, obstacle: str) -> None:
    path = tmp_path / "x.jsonl"
    match obstacle:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case _:
            (tmp_path / "file").touch()
            path = tmp_path / "file" / "x.jsonl"

    warning = setup_logging(log_file=path)
    log("ERROR", "lost")
    logging.getLogger("openai").error("lost too")

    assert warning is not None
    assert warning.startswith(f"no log is written: {path} cannot be opened (")
    assert warning.endswith("set LOG_FILE to a file you may write")
    assert current_log_file() is None


def test_without_a_file_every_process_has_its_own_in_the_users_folder() -> None:
    clock = VirtualClock()

    assert setup_logging(clock=clock) is None
    log("INFO", "x")

    path = current_log_file()
    assert path == default_log_path(clock)
    assert path.name == f"quintet-{os.getpid()}-2026-01-02.jsonl"
    assert Path.home() in path.parents
    assert len(lines(path)) == 1
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_rotates_and_loses_no_line_to_another_process(log_file: Path) -> None:
    # Each line takes 12 bytes; two processes share the file, as happens with LOG_FILE.
    first, second = LogFile(log_file, rotate_bytes=120), LogFile(log_file, rotate_bytes=120)
    for number in range(40):
        (first, second)[number % 2].write(f"line {number:06}\n")
    first.stop()
    second.stop()

    files = sorted(log_file.parent.iterdir())
    written = [line for file in files for line in file.read_text().splitlines()]
    assert 1 < len(files) <= KEEP + 1
    assert sorted(written) == [f"line {number:06}" for number in range(40)]


def test_writers_that_rotate_one_file_at_the_same_moment_lose_no_line(log_file: Path) -> None:
    lines, together = 5_000, threading.Barrier(4)

    def write(writer: int) -> None:
        file = LogFile(log_file, rotate_bytes=5_000, keep=1000)  # one each, as every process has
        together.wait()
        for number in range(lines):
            file.write(f"{writer} {number:06}\n")
        file.stop()

    writers = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    written = [line for file in log_file.parent.iterdir() for line in file.read_text().splitlines()]
    assert len(written) == len(set(written)) == 4 * lines


def test_only_so_many_rotated_files_are_kept(log_file: Path) -> None:
    file = LogFile(log_file, rotate_bytes=10)
    for number in range(50):
        file.write(f"line {number:04}\n")
    file.stop()

    assert len(list(log_file.parent.iterdir())) == KEEP + 1
    assert log_file.read_text() == "line 0049\n"


def test_a_rotated_file_is_packed_when_no_other_process_writes_it(log_file: Path) -> None:
    for number in range(4):
        file = LogFile(log_file, rotate_bytes=15, is_ours=True)
        file.write(f"line {number:04}\n")
        file.stop()

    files = {path.name: path for path in log_file.parent.iterdir()}
    assert sorted(files) == [log_file.name, *(f"{log_file.name}.{number}.gz" for number in (1, 2, 3))]
    packed = [gzip.decompress(files[f"{log_file.name}.{number}.gz"].read_bytes()) for number in (3, 2, 1)]
    assert [*packed, log_file.read_bytes()] == [b"line 0000\n", b"line 0001\n", b"line 0002\n", b"line 0003\n"]
    if os.name == "posix":
        assert {stat.S_IMODE(path.stat().st_mode) for path in files.values()} == {0o600}


def test_size_and_number_of_files_follow_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = VirtualClock()
    setup_logging(clock=clock, rotation_megabytes=1, retention_files=2)
    path = current_log_file()
    assert path is not None
    for _ in range(5):
        for _ in range(70):
            log("INFO", "x" * 16_000)
        stop_logging()  # waits for the file that is being packed
        setup_logging(clock=clock, rotation_megabytes=1, retention_files=2)

    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.1.gz", f"{path.name}.2.gz"}


def test_a_line_that_cannot_be_written_is_dropped(log_file: Path) -> None:
    file = LogFile(log_file)
    file.stop()

    file.write("x\n")

    assert not log_file.exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device that is always full")
def test_a_full_disk_reaches_neither_the_caller_nor_the_terminal() -> None:
    assert setup_logging(log_file=Path("/dev/full")) is None

    log("ERROR", "lost", exception=ValueError())
    with callers_sink():
        logger.error("lost too: the line of a program that uses loguru itself")


def test_the_file_may_be_given_as_text(log_file: Path) -> None:
    assert setup_logging(log_file=str(log_file)) is None

    log("INFO", "x")

    assert current_log_file() == log_file
    assert len(lines(log_file)) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be deleted there")
@pytest.mark.parametrize("with_folder", [False, True])
def test_a_log_that_is_deleted_while_it_is_written_is_begun_anew(tmp_path: Path, with_folder: bool) -> None:
    path = tmp_path / "logs" / "log.jsonl"
    setup_logging(log_file=path)
    log("INFO", "first")
    if with_folder:
        shutil.rmtree(path.parent)
    else:
        path.unlink()

    log("INFO", "second")
    log("INFO", "third")

    assert [json.loads(line)["message"] for line in path.read_text().splitlines()] == ["second", "third"]


def test_old_logs_go_but_those_of_running_processes_stay(tmp_path: Path) -> None:
    clock = VirtualClock()
    now = clock.now().timestamp()
    for age in range(15):
        path = tmp_path / f"quintet-{age}-2026-01-01.jsonl"
        path.touch()
        os.utime(path, (now, now - age * timedelta(hours=1).total_seconds()))
    (tmp_path / "notes.txt").touch()

    remove_old_logs(tmp_path, clock)
    assert len(list(tmp_path.iterdir())) == 16

    clock.advance(timedelta(days=2).total_seconds())
    remove_old_logs(tmp_path, clock)

    kept = {path.name for path in tmp_path.iterdir()}
    assert kept == {"notes.txt", *(f"quintet-{age}-2026-01-01.jsonl" for age in range(KEEP))}


def test_threads_write_whole_lines(log_file: Path) -> None:
    setup_logging(log_file=log_file)

    def work() -> None:
        for number in range(100):
            log("INFO", "x" * 500, number=number)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(lines(log_file)) == 400
