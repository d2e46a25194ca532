"""The log screen: what is shown of a log, how it is filtered and followed, and that its lines stay data."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from core.telemetry.logs import current_log_file, log, stop_logging
from tests.support.team import DELIVERED
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.busy_session import CID, NAMES, log_line, write_log
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import screen_text, toasts, until
from tests.support.tui.widget_host import WidgetHost
from tui.app import QuintetApp
from tui.screens.log import LogScreen, LogSource
from tui.screens.log_entry import LogEntryScreen
from tui.widgets.logs.view import MOST_ENTRIES, LogView

Compare = Callable[..., bool]
sizes = pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
HOSTILE = "[red]not red[/]\x1b[31m\x07 next\nline \u202eback"


def a_run(path: Path) -> Path:
    """Write the story of a run with a failure."""
    return write_log(
        path,
        [
            log_line(0, message="run started", agent_id=None, duration_ms=None, extra={"model": "SmolLM2-135M"}),
            log_line(1, agent_id="business_analyst"),
            log_line(2, level="DEBUG", message="the connection broke after the end of the answer", extra={}),
            log_line(3, level="WARNING", message="attempt failed", extra={"kind": "stall", "reason": HOSTILE}),
            log_line(4, level="WARNING", message="fell back to another model", extra={"model": "[b]Qwen3[/b]"}),
            log_line(5),
            log_line(
                6,
                level="ERROR",
                message="a call ended by an unexpected error",
                agent_id="qa_engineer",
                exception='Traceback (most recent call last):\n  File "a.py", line 1\nValueError: [b]no[/b]',
            ),
            log_line(7, correlation_id="0ther00000000002", agent_id="developer", message="another run"),
        ],
    )


@asynccontextmanager
async def opened(
    path: Path | None, *, agent_id: str | None = None, size: tuple[int, int] = (120, 40), structured: bool = True
) -> AsyncIterator[tuple[Pilot[Any], LogView]]:
    async with WidgetHost().run_test(size=size, notifications=True) as pilot:
        yield pilot, await open_log(pilot, path, agent_id=agent_id, structured=structured)


async def open_log(
    pilot: Pilot[Any], path: Path | None, *, agent_id: str | None = None, structured: bool = True
) -> LogView:
    screen = LogScreen(
        lambda: LogSource(path, structured),
        names=NAMES,
        agent_id=agent_id,
        correlation_id=lambda: CID,
        cursor_blink=False,
    )
    await pilot.app.push_screen(screen)
    view = screen.query_one(LogView)
    if path is not None and path.exists() and path.stat().st_size:
        await until(pilot, lambda: bool(view.entries))
    await pilot.pause()
    return view


def messages(view: LogView) -> list[str]:
    return [entry.message for entry in view.entries]


async def press(pilot: Pilot[Any], *keys: str) -> None:
    """Press keys and wait until what they ask for has been read."""
    await pilot.press(*keys)
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


@sizes
def test_the_log_of_a_run(snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_log(pilot, a_run(tmp_path / "quintet.jsonl"))
        await press(pilot, "up")

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


@sizes
def test_a_whole_entry(snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_log(pilot, a_run(tmp_path / "quintet.jsonl"), agent_id="qa_engineer")
        await press(pilot, "enter")

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


@sizes
def test_a_filter_while_it_is_typed(
    snap_compare: Compare, tmp_path: Path, size: tuple[int, int], monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)

    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_log(pilot, a_run(tmp_path / "quintet.jsonl"))
        await press(pilot, "r", "w", "slash", *"model")

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


def test_without_a_log_the_screen_says_what_to_set(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_log(pilot, None)

    assert snap_compare(frozen_app(), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("d", 8),
        ("i", 7),
        ("w", 3),
        ("e", 1),
        ("a", 1),  # the business analyst's
        ("aa", 5),  # the developer's
        ("aaaaaa", 8),  # all again
        ("r", 7),
        ("c", 1),  # the run of the newest entry
        ("cc", 8),
        ("gc", 7),
        ("rr", 8),
        ("rew", 3),
        ("rewx", 8),
    ],
)
async def test_keys_choose_what_is_shown(tmp_path: Path, keys: str, expected: int) -> None:
    async with opened(a_run(tmp_path / "log.jsonl")) as (pilot, view):
        await press(pilot, *keys)

        assert len(view.entries) == expected


@pytest.mark.parametrize(
    ("label", "expected"),
    [("Level", "level INFO+"), ("Agent", "agent BA"), ("Run", f"run {CID} only"), ("Follow", "■ stands")],
)
async def test_a_click_on_a_label_does_what_its_key_does(tmp_path: Path, label: str, expected: str) -> None:
    async with opened(a_run(tmp_path / "log.jsonl")) as (pilot, _):
        column = screen_text(pilot.app).splitlines()[-1].index(f" {label}") + 1
        await pilot.click(offset=(column, 39))

        await until(pilot, lambda: expected in screen_text(pilot.app))


async def test_a_line_of_no_run_says_so(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(1, correlation_id=None)])
    async with opened(path) as (pilot, _):
        await pilot.press("c")

        await until(pilot, lambda: "belongs to no run" in "".join(note.message for note in pilot.app._notifications))


async def test_words_filter_while_they_are_typed_and_stay_when_the_list_has_the_focus(tmp_path: Path) -> None:
    async with opened(a_run(tmp_path / "log.jsonl")) as (pilot, view):
        await press(pilot, "slash", *"FELL")
        while_typing = messages(view)
        await press(pilot, "escape")
        box = pilot.app.screen.query_one(Input)

        assert while_typing == ["fell back to another model"]
        assert view.has_focus
        assert box.display
        assert "text “FELL”" in screen_text(pilot.app)
        await press(pilot, "x")
        assert len(view.entries) == 8
        assert not box.display


async def test_letters_in_the_words_are_no_keys(tmp_path: Path) -> None:
    async with opened(a_run(tmp_path / "log.jsonl")) as (pilot, _):
        await press(pilot, "slash", *"weqarL")

        assert pilot.app.screen.query_one(Input).value == "weqarL"


async def test_the_log_opens_with_the_focused_agent_and_names_the_run(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: f"run {DELIVERED}" in toasts(app))
        await pilot.press("escape", "2", "L")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: bool(view.entries))
        await until(pilot, lambda: view.entries[0].correlation_id is not None)
        of_developer = {entry.agent_id for entry in view.entries}
        run = view.entries[0].correlation_id
        shown = screen_text(app)
        await pilot.press("x", "r")
        await until(pilot, lambda: {entry.correlation_id for entry in view.entries} == {run})
        of_run = messages(view)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)

    assert of_developer == {"developer"}
    assert f"now {run}" in shown
    assert "agent DEV" in shown
    assert "run started" in of_run


async def test_new_lines_come_in_by_themselves_and_the_newest_stays_in_view(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(100)])
    async with opened(path, size=(80, 24)) as (pilot, _):
        assert "call 99 ended" in screen_text(pilot.app)
        write_log(path, [log_line(100, message="the newest")])
        await until(pilot, lambda: "the newest" in screen_text(pilot.app))
        await until(pilot, lambda: "▼ follows 101/101" in screen_text(pilot.app))


async def test_a_view_that_stands_does_not_move_when_lines_arrive(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(100)])
    async with opened(path, size=(80, 24)) as (pilot, view):
        await press(pilot, "pageup", "up")
        marked, top = view.marked, view.scroll_y
        write_log(path, [log_line(number) for number in range(100, 150)])
        await until(pilot, lambda: len(view.entries) == 150)

        assert (view.marked, view.scroll_y) == (marked, top)
        assert "■ stands" in screen_text(pilot.app)
        await press(pilot, "G")
        assert view.following
        assert "call 149 ended" in screen_text(pilot.app)
        await press(pilot, "f")
        assert not view.following


@pytest.mark.parametrize(
    ("keys", "cursor"),
    [("up", 98), ("g", 0), ("g down", 1), ("g pagedown up", 19), ("k k j", 98), ("home", 0), ("home end", 99)],
)
async def test_the_cursor_moves_and_stays_in_view(tmp_path: Path, keys: str, cursor: int) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(100)])
    async with opened(path, size=(80, 24)) as (pilot, view):
        await press(pilot, *keys.split())

        assert view.cursor == cursor
        assert any("▶" in line and f"call {cursor} ended" in line for line in screen_text(pilot.app).splitlines())


async def test_the_mouse_marks_and_opens(tmp_path: Path) -> None:
    async with opened(a_run(tmp_path / "log.jsonl")) as (pilot, view):
        await pilot.click(LogView, offset=(20, 3))
        assert view.cursor == 3
        await pilot.click(LogView, offset=(20, 3), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, LogEntryScreen))


async def test_the_wheel_stops_the_following(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(100)])
    async with opened(path, size=(80, 24)) as (pilot, view):
        view.scroll_to(y=10, animate=False, immediate=True)
        await pilot.pause()

        assert not view.following
        assert "■ stands" in screen_text(pilot.app)


async def test_an_entry_opens_to_its_whole_json(tmp_path: Path) -> None:
    async with opened(a_run(tmp_path / "log.jsonl"), agent_id="qa_engineer") as (pilot, _):
        await press(pilot, "enter")
        shown = screen_text(pilot.app)
        await press(pilot, "escape")

        for words in (
            '"agent_id": "qa_engineer"',
            f'"correlation_id": "{CID}"',
            '"outcome": "ok"',
            "ValueError: [b]no",
        ):
            assert words in shown
        assert isinstance(pilot.app.screen, LogScreen)


async def test_lines_are_data(tmp_path: Path) -> None:
    async with opened(a_run(tmp_path / "log.jsonl"), size=(200, 30)) as (pilot, view):
        row = screen_text(pilot.app)
        view.cursor = 3
        await press(pilot, "enter")
        whole = screen_text(pilot.app)

    assert "reason=[red]not red[/] [31m next line back" in row
    assert "[b]Qwen3[/b]" in row
    for shown in (row, whole):
        assert not {"\x1b", "\x07", "\u202e"} & set(shown)


async def test_torn_and_foreign_lines_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"timestamp": "torn\nnot a log line at all\n[]\n')
    write_log(path, [log_line(1)])
    async with opened(path) as (_, view):
        assert messages(view) == ["call 1 ended"]


async def test_plain_text_is_shown_with_what_to_set_for_more(tmp_path: Path) -> None:
    path = tmp_path / "log.txt"
    path.write_text(
        "2026-11-22T12:00:00.000Z WARNING core.llm.call.endpoint_call attempt failed agent_id=developer kind=stall\n"
    )
    async with opened(path, agent_id="developer", structured=False) as (pilot, view):
        assert messages(view) == ["attempt failed agent_id=developer kind=stall"]
        assert "STRUCTURED_LOGGING=true" in screen_text(pilot.app)


async def test_a_log_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "folder.jsonl"
    folder.mkdir()
    async with WidgetHost().run_test(size=(120, 40)) as pilot:
        screen = LogScreen(
            lambda: LogSource(folder), names=NAMES, agent_id=None, correlation_id=lambda: "", cursor_blink=False
        )
        await pilot.app.push_screen(screen)
        await until(pilot, lambda: "cannot be read: Is a directory" in screen_text(pilot.app))


async def test_a_log_that_begins_later_is_shown_then(tmp_path: Path) -> None:
    path = tmp_path / "late.jsonl"
    async with opened(path) as (pilot, view):
        assert "no lines" in screen_text(pilot.app)
        a_run(path)
        await until(pilot, lambda: len(view.entries) == 8)


async def test_without_a_run_the_key_for_it_says_so(tmp_path: Path) -> None:
    async with frozen_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await settle(pilot)
        await pilot.press("escape", "L", "r")
        await until(pilot, lambda: "no run yet" in toasts(app))


async def test_ten_thousand_lines_cost_little_to_move_in(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(5000)])
    async with opened(path, size=(120, 40)) as (pilot, view):
        view.append(view.entries)
        await pilot.pause()
        assert len(view.entries) == 10_000
        started = time.process_time()
        for _ in range(20):
            view.action_page(-1)
            view.render_lines(view.size.region)
        spent = time.process_time() - started

    assert spent / 20 < 0.05  # a page of a list that formats all its lines takes seconds


async def test_the_oldest_lines_leave_when_there_are_too_many(tmp_path: Path) -> None:
    path = write_log(tmp_path / "log.jsonl", [log_line(number) for number in range(100)])
    async with opened(path) as (_, view):
        view.follow(on=False)
        view.action_move(-10)
        marked = view.marked
        view.append(view.entries[:1] * (MOST_ENTRIES - 50))

        assert len(view.entries) == MOST_ENTRIES
        assert view.marked == marked


async def test_lines_that_the_app_writes_are_read_back(tmp_path: Path) -> None:
    async with working_app(tmp_path) as (app, pilot, _):
        await pilot.press("escape", "6", "L")
        await until(pilot, lambda: isinstance(app.screen, LogScreen))
        log("WARNING", "something happened", place="here")
        view = app.screen.query_one(LogView)
        await until(pilot, lambda: "something happened" in messages(view))
        path = current_log_file()
        stop_logging()
        assert path is not None
        await until(pilot, lambda: "No log is written" in screen_text(app))
        last = json.loads(path.read_text().splitlines()[-1])

    assert last["extra"] == {"place": "here"}
    assert isinstance(app, QuintetApp)
