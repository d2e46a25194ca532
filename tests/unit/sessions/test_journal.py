"""The journal of a run: everything in order, nothing twice, no key, and a kill loses a moment at most."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import events as happened
from core.errors import WorkspaceError
from core.events import (
    AttemptFailed,
    AttemptReset,
    AttemptStarted,
    CallCancelled,
    CallFinished,
    Event,
    ReasoningReceived,
    RunFinished,
    RunStarted,
    StepFinished,
    TokensReceived,
    Usage,
    Warned,
    event_to_json,
)
from core.sessions.journal import Journal, check_journal, read_journal, writer
from core.text.redaction import register_secret
from tests.support.repository import ROOT

KEY = "my-local-key-1234"
RUN: dict[str, Any] = {"run_id": "run", "correlation_id": "c1", "at": 1.0}
CHILD = """
import asyncio, os, signal, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from core.sessions.journal import Journal
from tests.unit.sessions.test_journal import started, tokens

async def main():
    path = Path(sys.argv[1])
    async with Journal(path, on_trouble=print) as journal:
        for event in started("a"):
            journal.feed(event)
        for number in range(400):
            journal.feed(tokens("a", offset=number * 5, seq=number, text="word "))
        while not path.exists() or b"word" not in path.read_bytes():
            threading.Event().wait(0.01)
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.jsonl"


def call_fields(call_id: str, attempt: int = 1) -> dict[str, Any]:
    return {**RUN, "agent_id": "developer", "task_id": "code/file", "call_id": call_id, "attempt": attempt}


def run_started() -> RunStarted:
    return RunStarted(**RUN, task="t", workflow="delivery", agents=("developer",), output_dir="o", model="m")


def run_finished() -> RunFinished:
    return RunFinished(
        **RUN, status="passed", verdict="pass", reason="", output_dir="o", files=(), duration_seconds=1.0
    )


def started(call_id: str, attempt: int = 1) -> list[Event]:
    return [AttemptStarted(**call_fields(call_id, attempt), model="m")]


def tokens(call_id: str, *, offset: int, seq: int, text: str, attempt: int = 1) -> TokensReceived:
    return TokensReceived(**call_fields(call_id, attempt), seq=seq, offset=offset, text=text)


def finished(call_id: str, text: str, attempt: int = 1) -> CallFinished:
    return CallFinished(
        **call_fields(call_id, attempt), text=text, finish_reason="stop", usage=Usage(1, 2), duration_seconds=1.0
    )


def streamed(call_id: str, pieces: list[str], attempt: int = 1) -> list[Event]:
    """Return the pieces of one attempt, from its start on."""
    events = started(call_id, attempt)
    offset = 0
    for seq, piece in enumerate(pieces):
        events.append(tokens(call_id, offset=offset, seq=seq, text=piece, attempt=attempt))
        offset += len(piece)
    return events


def whole_call(call_id: str, pieces: list[str], lost: list[str] | None = None) -> list[Event]:
    """Return a call that finishes, with `lost` as the pieces of a first attempt that failed."""
    if lost is None:
        return [*streamed(call_id, pieces), finished(call_id, "".join(pieces))]
    return [
        *streamed(call_id, lost),
        AttemptFailed(
            **call_fields(call_id),
            kind="cut",
            message="cut off",
            will_retry=True,
            wait_seconds=1.0,
            received_chars=len("".join(lost)),
        ),
        AttemptReset(**call_fields(call_id, 2)),
        *streamed(call_id, pieces, attempt=2),
        finished(call_id, "".join(pieces), attempt=2),
    ]


def interleaved(calls: list[list[Event]], order: list[int]) -> Iterator[Event]:
    """Give the events of all calls, each call's in its order; `order` says whose turn it is."""
    left = [list(call) for call in calls]
    for turn in order:
        if left[turn % len(left)]:
            yield left[turn % len(left)].pop(0)
    for rest in left:
        yield from rest


async def keep(path: Path, events: list[Event]) -> list[str]:
    """Write a journal and return what it was told to complain of."""
    troubles: list[str] = []
    async with Journal(path, on_trouble=troubles.append) as journal:
        for event in events:
            journal.feed(event)
    return troubles


def texts_of(path: Path, call_id: str, attempt: int) -> str:
    return "".join(
        event["text"]
        for event in read_journal(path)
        if (event["type"], event.get("call_id"), event.get("attempt")) == ("tokens_received", call_id, attempt)
    )


async def test_every_event_is_a_line_in_order_with_its_type_first(path: Path) -> None:
    events = [
        run_started(), *started("a"), finished("a", ""), happened.TestsRan(**RUN, report={"n": 1, "names": ["x"]}),
        run_finished(),
    ]  # fmt: skip

    assert await keep(path, events) == []

    assert list(read_journal(path)) == [event_to_json(event) for event in events]
    assert all(line.startswith(b'{"type": "') for line in path.read_bytes().splitlines())
    assert path.stat().st_mode & 0o777 == 0o600
    assert check_journal(path) == ()


async def test_neighbouring_pieces_share_a_line_and_no_other_event_is_overtaken(path: Path) -> None:
    events = [
        *started("a"), *started("b"),
        tokens("a", offset=0, seq=0, text="one "), tokens("b", offset=0, seq=0, text="eins "),
        tokens("a", offset=4, seq=1, text="two "), tokens("b", offset=5, seq=1, text="zwei "),
        Warned(**RUN, message="w", hint=""),
        ReasoningReceived(**call_fields("a"), seq=2, text="hm"), ReasoningReceived(**call_fields("a"), seq=3, text="!"),
        tokens("a", offset=8, seq=4, text="three"),
    ]  # fmt: skip

    await keep(path, events)

    assert [
        (event["type"], event.get("call_id"), event.get("seq"), event.get("offset"), event.get("text"))
        for event in read_journal(path)
    ][2:] == [
        ("tokens_received", "a", 0, 0, "one two "),
        ("tokens_received", "b", 0, 0, "eins zwei "),
        ("warned", None, None, None, None),
        ("reasoning_received", "a", 2, None, "hm!"),
        ("tokens_received", "a", 4, 8, "three"),
    ]


@given(
    calls=st.lists(
        st.tuples(st.lists(st.text(min_size=1), max_size=8), st.none() | st.lists(st.text(min_size=1), max_size=4)),
        min_size=1,
        max_size=5,
    ),
    order=st.lists(st.integers(0, 4), max_size=60),
)
async def test_no_token_is_missing_and_none_is_there_twice(
    tmp_path_factory: pytest.TempPathFactory,
    calls: list[tuple[list[str], list[str] | None]],
    order: list[int],
) -> None:
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    whole = [whole_call(str(number), pieces, lost) for number, (pieces, lost) in enumerate(calls)]

    await keep(path, [run_started(), *interleaved(whole, order), run_finished()])

    assert check_journal(path) == ()
    for number, (pieces, lost) in enumerate(calls):
        assert texts_of(path, str(number), 1 if lost is None else 2) == "".join(pieces)
        if lost is not None:
            assert texts_of(path, str(number), 1) == "".join(lost)


@given(
    before=st.text(max_size=10),
    after=st.text(max_size=10),
    cuts=st.lists(st.integers(0, 40), max_size=8),
    secret=st.sampled_from([KEY, "sk-proj-abcdefghij0123456789", "aab-aab-aaab", 'a"b\\c-key']),
    flush=st.lists(st.booleans(), min_size=9, max_size=9),
)
async def test_a_key_is_nowhere_in_the_journal_however_it_is_cut_into_pieces(
    tmp_path_factory: pytest.TempPathFactory,
    before: str,
    after: str,
    cuts: list[int],
    secret: str,
    flush: list[bool],
) -> None:
    path = tmp_path_factory.mktemp("run") / "journal.jsonl"
    register_secret(secret)
    text = f"{before} {secret} {after}"
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[start:end] for start, end in pairwise(places)]
    events: list[Event] = []
    for event, is_flushed in zip(streamed("a", pieces), [*flush, *flush], strict=False):
        # What stands between two pieces keeps them from sharing a line.
        events += [event, Warned(**RUN, message="w", hint="")] if is_flushed else [event]

    await keep(path, [*events, finished("a", text)])

    assert secret.encode() not in path.read_bytes()
    assert secret not in str(list(read_journal(path)))
    assert check_journal(path) == ()
    assert len(texts_of(path, "a", 1)) == len(text)
    assert texts_of(path, "a", 1).startswith(before[:-1])


async def test_a_key_is_masked_in_every_other_field_too(path: Path) -> None:
    register_secret(KEY)
    failed = AttemptFailed(
        **call_fields("a"), kind="auth", message=f"bad key {KEY}; Authorization: Bearer abcdef123456",
        will_retry=False, wait_seconds=0.0, received_chars=0,
    )  # fmt: skip

    await keep(path, [
        failed, happened.TestsRan(**RUN, report={KEY: [KEY], "deep": {"x": KEY}}), Warned(**RUN, message=KEY, hint=KEY),
        ReasoningReceived(**call_fields("a"), seq=0, text=KEY[:5]),
        ReasoningReceived(**call_fields("a"), seq=1, text=KEY[5:]),
        CallCancelled(**call_fields("a"), partial=""),
    ])  # fmt: skip

    assert KEY not in path.read_text()
    assert "abcdef123456" not in path.read_text()


async def test_code_that_speaks_of_passwords_is_kept_as_it_is(path: Path) -> None:
    code = 'def login(password: str, token="x"):\n    session_key = request.cookies\n    api_key = "EXAMPLE"\n'

    await keep(path, whole_call("a", [code]))

    assert texts_of(path, "a", 1) == code


@pytest.mark.parametrize("text", ["\x1b[31mred", "\u2028\u0085line", "\ud800 alone", "\x00", "ü 🎻", "\r\n"])
async def test_no_text_breaks_a_line_or_a_terminal(path: Path, text: str) -> None:
    await keep(path, whole_call("a", [text, text]))

    assert path.read_bytes().isascii()
    assert b"\x1b" not in path.read_bytes()
    assert texts_of(path, "a", 1) == text + text


async def test_a_killed_process_leaves_a_journal_that_can_be_read_and_continued(path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(path), str(ROOT), stdout=subprocess.PIPE
    )
    output, _ = await child.communicate()

    assert (child.returncode, output) == (-signal.SIGKILL, b"")
    assert check_journal(path) == ()
    assert texts_of(path, "a", 1) == "word " * 400

    with path.open("ab") as file:
        file.write(b'{"type": "tokens_received", "text": "to')
    assert check_journal(path) == ()
    await keep(path, [run_started(), *whole_call("b", ["x"]), run_finished()])
    assert check_journal(path) == ()
    assert [event["type"] for event in read_journal(path)].count("run_started") == 1
    assert texts_of(path, "b", 1) == "x"


async def test_a_journal_is_readable_while_it_is_written(path: Path) -> None:
    async with Journal(path, on_trouble=lambda *_: None) as journal:
        for event in whole_call("a", ["x" * 1000]):
            journal.feed(event)
        while not path.exists() or b"call_finished" not in path.read_bytes():
            await asyncio.to_thread(lambda: None)

        assert check_journal(path) == ()


async def test_a_journal_that_cannot_be_opened_is_told_once_and_costs_nothing_else(path: Path) -> None:
    path.mkdir()
    troubles: list[str] = []

    async with Journal(path, on_trouble=troubles.append) as journal:
        journal.feed(run_finished())
        while not troubles:
            journal.feed(run_finished())
            await asyncio.to_thread(lambda: None)
        journal.feed(run_finished())

    (message,) = troubles
    assert message == f"the run's journal {path} cannot be written: Is a directory"
    assert not [thread for thread in threading.enumerate() if thread.name == "journal"]


@pytest.mark.skipif(os.name != "posix", reason="needs a limit on the size of files")
async def test_a_full_disk_leaves_whole_lines_and_a_mark_at_the_end(path: Path) -> None:
    script = """
import asyncio, resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from core.sessions.journal import Journal
from tests.unit.sessions.test_journal import run_finished, tokens, whole_call

async def main():
    troubles = []
    async with Journal(Path(sys.argv[1]), on_trouble=troubles.append) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        for event in whole_call("a", ["x" * 1000]):
            journal.feed(event)
        while not troubles:
            for event in whole_call("b", ["y" * 1000]):
                journal.feed(event)
            await asyncio.to_thread(lambda: None)
        journal.feed(run_finished())
    print(troubles[0])

asyncio.run(main())
"""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(path), str(ROOT), stdout=subprocess.PIPE
    )
    output, _ = await child.communicate()

    assert output.decode() == f"the run's journal {path} cannot be written: File too large\n"
    *_, last = read_journal(path)
    assert last["type"] == "journal_incomplete"
    assert last["lost_events"] > 0
    assert path.read_bytes().endswith(b"\n")
    assert [problem for problem in check_journal(path) if "cannot be read" in problem] == []
    assert any("events are missing: the run's journal" in problem for problem in check_journal(path))


async def test_a_disk_that_has_stopped_takes_no_memory_without_bound(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MAX_PENDING_CHARS", 10_000)
    troubles: list[str] = []
    journal = Journal(path, on_trouble=troubles.append)
    for seq in range(20):  # its thread has not begun to write
        journal.feed(tokens("a", offset=seq * 1000, seq=seq, text="x" * 1000))

    async with journal:
        pass

    assert [message.split(": ")[1] for message in troubles] == ["the disk has stopped taking it"]
    (mark,) = read_journal(path)
    assert mark == {"type": "journal_incomplete", "lost_events": 20, "why": troubles[0]}


async def test_a_cancel_that_comes_after_the_end_does_not_change_how_a_run_ended(path: Path) -> None:
    fed = asyncio.Event()

    async def run() -> str:
        async with Journal(path, on_trouble=lambda *_: None) as journal:
            journal.feed(run_finished())
            fed.set()
        return "passed"

    task = asyncio.create_task(run())
    await fed.wait()
    task.cancel()

    assert await task == "passed"
    assert [event["type"] for event in read_journal(path)] == ["run_finished"]


async def test_a_cancelled_run_is_kept_to_its_end(path: Path) -> None:
    async def run() -> None:
        async with Journal(path, on_trouble=lambda *_: None) as journal:
            try:
                await asyncio.Event().wait()
            finally:
                journal.feed(run_finished())

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert [event["type"] for event in read_journal(path)] == ["run_finished"]


def test_a_journal_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read: No such file") as caught:
        check_journal(path)

    assert str(path) in str(caught.value)


def lines_of(*events: Event | dict[str, Any] | str) -> str:
    texts = []
    for event in events:
        record = event if isinstance(event, dict | str) else event_to_json(event)
        texts.append(record if isinstance(record, str) else json.dumps(record))
    return "".join(f"{text}\n" for text in texts)


GOOD = streamed("a", ["one", "two"])
STEP = StepFinished(
    **RUN, step="code", agent_id="developer", round=0, status="ok", notes="", duration_seconds=1.0
)  # fmt: skip


@pytest.mark.parametrize(
    ("content", "problems"),
    [
        (lines_of(*GOOD, finished("a", "onetwo"), STEP, run_finished()), []),
        ("", []),
        (lines_of(*GOOD), []),
        (lines_of(*GOOD) + '{"type": "call_fin', []),
        (lines_of(*GOOD, run_started(), run_finished()), []),
        (lines_of(*GOOD, run_finished()), ["call a has no end"]),
        (
            lines_of(*GOOD, finished("a", "onetwo"), finished("a", "onetwo")),
            ["call a goes on after its end: call_finished of attempt 1"],
        ),
        (
            lines_of(*GOOD[:2], tokens("a", offset=4, seq=1, text="two")),
            ["call a, attempt 1: a piece is at offset 4 where 3 characters are held"],
        ),
        (lines_of(*GOOD, GOOD[-1]), ["call a, attempt 1: a piece is at offset 3 where 6 characters are held"]),
        (
            lines_of(*GOOD, finished("a", "one")),
            ["call a, attempt 1: the text of call_finished is not what was streamed"],
        ),
        (
            lines_of(*GOOD, CallCancelled(**call_fields("a"), partial="one")),
            ["call a, attempt 1: the text of call_cancelled is not what was streamed"],
        ),
        (
            lines_of(*started("a"), *started("a", 2), tokens("a", offset=0, seq=0, text="x")),
            ["call a, attempt 1: tokens_received came during attempt 2"],
        ),
        (lines_of("{torn", *GOOD), ["line 1 cannot be read"]),
        (lines_of(*GOOD, "[1]"), ["line 4 cannot be read"]),
        (lines_of(*GOOD, '{"no": "type"}'), ["line 4 cannot be read"]),
        (lines_of(*GOOD, '{"type": "call_queued", "reason": "no such wait"}'), ["line 4 cannot be read"]),
        (
            lines_of({"type": "journal_incomplete", "lost_events": 3, "why": "the disk is full"}),
            ["3 events are missing: the disk is full"],
        ),
    ],
)
def test_what_is_wrong_with_a_journal_is_said_in_a_sentence_each(path: Path, content: str, problems: list[str]) -> None:
    path.write_text(content, encoding="utf-8")

    assert check_journal(path) == tuple(problems)
