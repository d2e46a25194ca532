"""The response cache: what may be kept, for how long, how much of it, and that its file never breaks a call."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.call.cache import CachedAnswer, ResponseCache, cache_key
from core.llm.endpoint import Endpoint, make_endpoint
from core.llm.request import CallRequest, ChatMessage
from core.telemetry.logs import setup_logging, stop_logging
from tests.support.clock import VirtualClock
from tests.support.repository import ROOT

DAY_SECONDS = 24 * 60 * 60
ANSWER = CachedAnswer(
    text="Done.", reasoning="Hm.", finish_reason="stop", input_tokens=7, output_tokens=2, estimated=False
)
REQUEST = CallRequest(
    messages=(ChatMessage.of_text("system", "Be brief."), ChatMessage.of_text("user", "Write.")),
    run_id="run",
    correlation_id="correlation",
    agent_id="developer",
    task_id="task",
    temperature=0,
)
ENDPOINT = make_endpoint("https://api.example.com/v1", "model-a", api_key="key-one")


@asynccontextmanager
async def cache_at(path: Path, clock: VirtualClock | None = None, **options: int) -> AsyncIterator[ResponseCache]:
    cache = ResponseCache(path, clock or VirtualClock(), **options)
    try:
        yield cache
    finally:
        await cache.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "answers.sqlite"


@pytest.fixture
def warnings(tmp_path: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    log_file = tmp_path / "log.jsonl"
    setup_logging(log_file=log_file)

    def read() -> list[dict[str, Any]]:
        text = log_file.read_text(encoding="utf-8") if log_file.exists() else ""  # it begins with its first line
        lines = [json.loads(line) for line in text.splitlines()]
        return [line for line in lines if line["level"] == "WARNING"]

    yield read
    stop_logging()


# What is the same question


def test_the_same_question_has_the_same_key() -> None:
    assert cache_key(REQUEST, ENDPOINT) == cache_key(replace(REQUEST), replace(ENDPOINT))


@pytest.mark.parametrize("temperature", [None, 0.1, 1.0])
def test_an_answer_that_may_differ_next_time_has_no_key(temperature: float | None) -> None:
    assert cache_key(replace(REQUEST, temperature=temperature), ENDPOINT) is None


DECIDING: dict[str, st.SearchStrategy[object]] = {
    "messages": st.lists(
        st.builds(ChatMessage.of_text, st.sampled_from(["system", "user", "assistant"]), st.text()), max_size=3
    ).map(tuple),
    "prefill": st.text(),
    "continue_with": st.text(),
    "max_tokens": st.none() | st.integers(1),
    "stop": st.lists(st.text(), max_size=4).map(tuple),
    "prompt_name": st.text(),
}
INCIDENTAL: dict[str, st.SearchStrategy[object]] = {
    "run_id": st.text(),
    "correlation_id": st.text(),
    "agent_id": st.text(),
    "task_id": st.text(),
    "stream": st.booleans(),
    "priority": st.sampled_from(["user", "agent"]),
}


def test_every_field_of_a_request_is_known_to_take_part_or_not() -> None:
    assert set(CallRequest.__dataclass_fields__) == {*DECIDING, *INCIDENTAL, "temperature"}


def changed(request: CallRequest, **fields: object) -> CallRequest:
    return replace(request, **fields)  # type: ignore[arg-type]  # a field's strategy fits its type


@given(st.data())
def test_every_field_that_decides_the_answer_changes_the_key(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(DECIDING)))
    one, other = data.draw(DECIDING[name]), data.draw(DECIDING[name])

    same_key = cache_key(changed(REQUEST, **{name: one}), ENDPOINT) == cache_key(
        changed(REQUEST, **{name: other}), ENDPOINT
    )

    assert same_key == (one == other)


@given(st.fixed_dictionaries(INCIDENTAL), st.none() | st.text(alphabet="abc123", min_size=1))
def test_neither_ids_nor_the_key_change_the_key(incidental: dict[str, object], api_key: str | None) -> None:
    request, endpoint = changed(REQUEST, **incidental), replace(ENDPOINT, api_key=api_key)

    assert cache_key(request, endpoint) == cache_key(REQUEST, ENDPOINT)


@pytest.mark.parametrize(
    "other",
    [replace(ENDPOINT, model="model-b"), replace(ENDPOINT, base_url="https://api.example.org/v1")],
    ids=["model", "address"],
)
def test_another_model_or_server_is_another_question(other: Endpoint) -> None:
    assert cache_key(REQUEST, other) != cache_key(REQUEST, ENDPOINT)


def test_the_embedded_server_is_the_same_at_any_port() -> None:
    first, second = (make_endpoint(f"http://127.0.0.1:{port}/v1", "m", kind="embedded") for port in (4001, 4002))

    assert cache_key(REQUEST, first) == cache_key(REQUEST, second)


# What is kept


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        replace(ANSWER, text="", reasoning="", estimated=True),
        replace(ANSWER, text="\ud800 half a pair, \x00, 😀\r\n"),
    ],
    ids=["plain", "empty", "odd characters"],
)
async def test_an_answer_comes_back_as_it_was_given(path: Path, answer: CachedAnswer) -> None:
    async with cache_at(path) as cache:
        await cache.put("k", answer)

        assert await cache.get("k") == answer
        assert await cache.get("other") is None


async def test_an_answer_outlives_its_process(path: Path) -> None:
    async with cache_at(path) as cache:
        await cache.put("k", ANSWER)
    async with cache_at(path) as cache:
        assert await cache.get("k") == ANSWER


@pytest.mark.parametrize("finish_reason", ["length", "tool_calls", "content_filter", ""])
async def test_only_whole_answers_are_kept(path: Path, finish_reason: str) -> None:
    async with cache_at(path) as cache:
        with pytest.raises(ValueError, match="is not whole"):
            await cache.put("k", replace(ANSWER, finish_reason=finish_reason))

        assert await cache.get("k") is None


@pytest.mark.parametrize(
    ("seconds", "is_kept"),
    [(0, True), (DAY_SECONDS - 1, True), (DAY_SECONDS, False), (-DAY_SECONDS + 1, True), (-DAY_SECONDS, False)],
)
async def test_an_answer_lives_a_day(path: Path, seconds: float, is_kept: bool) -> None:
    clock = VirtualClock()
    async with cache_at(path, clock) as cache:
        await cache.put("k", ANSWER)
        clock.jump_wall(seconds)

        assert (await cache.get("k") is not None) == is_kept


async def test_using_an_answer_does_not_prolong_its_life(path: Path) -> None:
    clock = VirtualClock()
    async with cache_at(path, clock) as cache:
        await cache.put("k", ANSWER)
        clock.advance(DAY_SECONDS - 1)
        assert await cache.get("k") == ANSWER
        clock.advance(1)

        assert await cache.get("k") is None


def stored(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {key for (key,) in connection.execute("SELECT k FROM r").fetchall()}


async def test_a_full_file_grows_no_further_and_still_takes_answers(
    path: Path, warnings: Callable[[], list[dict[str, Any]]]
) -> None:
    limit = 400_000
    async with cache_at(path, max_bytes=limit) as cache:
        for number in range(300):
            answer = replace(ANSWER, text="x" * 3000, output_tokens=number)
            await cache.put(str(number), answer)
            assert await cache.get(str(number)) == answer
    assert path.stat().st_size <= limit
    assert 1 < len(stored(path)) < 150

    async with cache_at(path, max_bytes=limit) as cache:
        await cache.put("new", ANSWER)
        assert await cache.get("new") == ANSWER
    assert warnings() == []


async def test_a_file_of_an_earlier_version_is_used_on(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {0x51544331}")
        connection.execute("CREATE TABLE r (k TEXT PRIMARY KEY, v TEXT, at REAL, used REAL, n INTEGER) WITHOUT ROWID")
        connection.execute("CREATE INDEX r_used ON r (used, n)")
        connection.commit()
    async with cache_at(path) as cache:
        await cache.put("k", ANSWER)
        assert await cache.get("k") == ANSWER


async def test_what_is_too_old_leaves_the_file(path: Path) -> None:
    clock = VirtualClock()
    async with cache_at(path, clock) as cache:
        await cache.put("old", ANSWER)
    clock.advance(DAY_SECONDS)
    async with cache_at(path, clock) as cache:
        await cache.put("new", ANSWER)

    assert stored(path) == {"new"}


# The file and the thread


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
async def test_only_the_user_can_read_the_file_and_its_folder(path: Path) -> None:
    async with cache_at(path) as cache:
        await cache.put("k", ANSWER)
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}

    assert modes[path.name] == 0o600
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
async def test_a_file_that_others_could_read_is_closed_to_them(path: Path) -> None:
    async with cache_at(path) as cache:
        await cache.put("k", ANSWER)
    path.chmod(0o644)
    async with cache_at(path) as cache:
        assert await cache.get("k") == ANSWER

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_cache_that_is_not_used_makes_no_file(path: Path) -> None:
    async with cache_at(path):
        pass

    assert not path.parent.exists()


async def test_closing_ends_the_thread_and_a_closed_cache_answers_nothing(path: Path) -> None:
    before = set(threading.enumerate())
    cache = ResponseCache(path, VirtualClock())
    await cache.put("k", ANSWER)
    assert set(threading.enumerate()) != before

    await cache.close()
    await cache.close()
    await cache.put("k", ANSWER)

    assert set(threading.enumerate()) == before
    assert await cache.get("k") is None


@pytest.mark.parametrize("turns", range(4))
async def test_a_cancelled_put_leaves_the_cache_usable(path: Path, turns: int) -> None:
    async with cache_at(path) as cache:
        task = asyncio.create_task(cache.put("k", ANSWER))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await cache.put("other", ANSWER)

        assert await cache.get("other") == ANSWER


async def test_a_cancelled_close_still_keeps_what_was_put_and_ends_the_thread(path: Path) -> None:
    before = set(threading.enumerate())
    cache = ResponseCache(path, VirtualClock())
    await cache.get("k")
    thread = (set(threading.enumerate()) - before).pop()
    putting = asyncio.create_task(cache.put("k", ANSWER))
    await asyncio.sleep(0)
    task = asyncio.create_task(cache.close())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await putting

    thread.join(10)
    assert not thread.is_alive()
    assert stored(path) == {"k"}


async def test_many_calls_at_once_are_all_answered(path: Path) -> None:
    async with cache_at(path) as cache, asyncio.TaskGroup() as group:
        for number in range(100):
            group.create_task(cache.put(str(number), replace(ANSWER, output_tokens=number)))
    async with cache_at(path) as cache:
        answers = [await cache.get(str(number)) for number in range(100)]

    assert [answer and answer.output_tokens for answer in answers] == list(range(100))


PROCESS = """
import asyncio, sys
from pathlib import Path
from core.clock import SystemClock
from core.llm.call.cache import CachedAnswer, ResponseCache

async def main():
    cache = ResponseCache(Path(sys.argv[1]), SystemClock())
    for number in range(100):
        text = f"{sys.argv[2]} {number}"
        answer = CachedAnswer(text=text, reasoning="", finish_reason="stop", input_tokens=1, output_tokens=1,
                              estimated=False)
        await cache.put(text, answer)
        assert await cache.get(text) == answer, text
    await cache.close()

asyncio.run(main())
"""


def start_process(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_six_processes_share_a_file_that_none_of_them_has_seen_before(path: Path) -> None:
    processes = [start_process(PROCESS, str(path), name) for name in "abcdef"]
    ended = [(process.communicate(timeout=50)[1], process.returncode) for process in processes]

    assert ended == [("", 0)] * 6
    assert len(stored(path)) == 600


# A file that cannot be used


async def expect_nothing(cache: ResponseCache) -> None:
    for number in range(3):
        await cache.put(str(number), ANSWER)
        assert await cache.get(str(number)) is None


async def test_a_file_that_breaks_during_use_stays_and_ends_the_use_of_the_cache(
    path: Path, warnings: Callable[[], list[dict[str, Any]]]
) -> None:
    async with cache_at(path) as cache:
        for number in range(400):
            await cache.put(str(number), replace(ANSWER, text="x" * 3000))
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    async with cache_at(path) as cache:
        await expect_nothing(cache)

    assert path.read_bytes()[4096:5000] == b"\xff" * 904
    assert len(warnings()) == 1


def make_broken(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database " * 1000)


def make_folder(path: Path) -> None:
    path.mkdir(parents=True)


def make_file_of_the_folder(path: Path) -> None:
    path.parent.write_text("not a folder", encoding="utf-8")


def make_foreign(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
        connection.commit()


def make_marked_foreign(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")
        connection.commit()


def make_other_table(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {0x51544331}")
        connection.execute("CREATE TABLE r (x)")
        connection.commit()


@pytest.mark.parametrize(
    "spoil", [make_folder, make_broken, make_file_of_the_folder, make_foreign, make_marked_foreign, make_other_table]
)
async def test_a_file_that_cannot_be_used_answers_nothing_and_is_named_once(
    path: Path, warnings: Callable[[], list[dict[str, Any]]], spoil: Callable[[Path], None]
) -> None:
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    async with cache_at(path) as cache:
        await expect_nothing(cache)

    assert (path.read_bytes() if path.is_file() else b"")[100:] == before[100:]
    (warning,) = warnings()
    assert str(path) in str(warning)
    assert "LLM_CACHE=false" in str(warning)


async def test_another_programs_database_stays_as_it_is(path: Path) -> None:
    make_foreign(path)
    before = path.read_bytes()
    async with cache_at(path) as cache:
        await expect_nothing(cache)

    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


async def test_a_locked_file_costs_one_wait_and_answers_nothing(
    path: Path, warnings: Callable[[], list[dict[str, Any]]]
) -> None:
    async with cache_at(path) as cache:
        await cache.put("0", ANSWER)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with cache_at(path, busy_timeout_ms=20) as cache:
            await expect_nothing(cache)

    (warning,) = warnings()
    assert "locked" in str(warning)


async def test_a_read_only_file_answers_nothing(path: Path, warnings: Callable[[], list[dict[str, Any]]]) -> None:
    async with cache_at(path) as cache:
        await cache.put("0", ANSWER)
    path.chmod(0o400)
    if os.access(path, os.W_OK):
        pytest.skip("root may write everywhere")
    async with cache_at(path) as cache:
        await expect_nothing(cache)

    assert len(warnings()) == 1


FULL_DISK = """
import asyncio, json, resource, sys
from pathlib import Path
from core.clock import SystemClock
from core.llm.call.cache import CachedAnswer, ResponseCache
from core.telemetry.logs import setup_logging

async def main():
    cache = ResponseCache(Path(sys.argv[1]), SystemClock())
    answer = CachedAnswer(text="x" * 100_000, reasoning="", finish_reason="stop", input_tokens=1, output_tokens=1,
                          estimated=False)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    for number in range(10):
        await cache.put(str(number), answer)
    assert await cache.get("9") is None
    await cache.close()

setup_logging(log_file=Path(sys.argv[2]))
asyncio.run(main())
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_breaks_nothing(path: Path, tmp_path: Path) -> None:
    log_file = tmp_path / "log.jsonl"
    process = start_process(FULL_DISK, str(path), str(log_file))
    said, code = process.communicate(timeout=50)[1], process.returncode

    assert (said, code) == ("", 0)
    lines = [json.loads(line) for line in log_file.read_text(encoding="utf-8").splitlines()]
    assert len([line for line in lines if line["level"] == "WARNING"]) == 1


@pytest.mark.parametrize(
    "value", ["", "{", "[]", "null", '{"text": "x"}', '{"text": 1}', json.dumps({"unknown": 1}), None, 5]
)
async def test_an_answer_that_somebody_changed_is_none(path: Path, value: object) -> None:
    async with cache_at(path) as cache:
        await cache.put("k", ANSWER)
        with closing(sqlite3.connect(path)) as other:
            other.execute("UPDATE r SET v = ?", (value,))
            other.commit()

        assert await cache.get("k") is None
