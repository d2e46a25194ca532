"""The live text of a pane: it shows the last words, follows only when asked, and holds still while it is read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Offset, Region
from textual.pilot import Pilot
from textual.selection import SELECT_ALL, Selection

from tests.support.tui.screen import until
from tests.tui.widgets.test_frame_clock import Timeline
from tui.widgets.stream.stream_view import StreamView

FENCE = "```python\ndef greet(name):\n    return name\n```\n"
TABLE = "| name | count |\n|---|--:|\n| a | 1 |\n"


class TwoPanes(App[None]):
    """Two views on one clock that only the test moves."""

    AUTO_FOCUS = None

    def __init__(self) -> None:
        super().__init__()
        self.timeline = Timeline()
        self.frame_clock = self.timeline.clock()
        self.heard: list[tuple[bool, int]] = []

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield StreamView(id="left")
            yield StreamView(id="right")

    def on_stream_view_follow_changed(self, message: StreamView.FollowChanged) -> None:
        if message.view.id == "left":
            self.heard.append((message.following, message.unread_lines))

    @property
    def left(self) -> StreamView:
        return self.query_one("#left", StreamView)

    @property
    def right(self) -> StreamView:
        return self.query_one("#right", StreamView)


class Screen:
    """What the terminal shows, and the means to move frames on."""

    def __init__(self, app: TwoPanes, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    async def next_frame(self) -> None:
        await self.pilot.pause()
        while self.app.timeline.timers:
            self.app.timeline.run_next()
            await self.pilot.pause()

    @property
    def rows(self) -> list[str]:
        """The left pane as the compositor shows it."""
        width = self.app.left.size.width
        return [strip.crop(0, width).text.rstrip() for strip in self.app.screen._compositor.render_strips()]


@asynccontextmanager
async def panes(width: int = 60, height: int = 10) -> AsyncIterator[tuple[TwoPanes, Screen]]:
    app = TwoPanes()
    async with app.run_test(size=(width, height)) as pilot:
        screen = Screen(app, pilot)
        await screen.next_frame()
        yield app, screen
        await app.workers.wait_for_complete()


def numbered(first: int, last: int) -> str:
    return "".join(f"line {number}\n" for number in range(first, last + 1))


async def test_the_last_words_are_on_the_screen() -> None:
    async with panes() as (app, screen):
        app.left.begin_answer("brief.md")
        for token in (numbered(1, 50) + "the very last words").split(" "):
            app.left.feed(token + " ")
        await screen.next_frame()

        assert screen.rows[-1] == "the very last words"
        assert app.left.following


async def test_tokens_wait_for_one_frame_of_the_shared_clock() -> None:
    async with panes() as (app, screen):
        for number in range(100):
            app.left.feed(f"{number} ")
            app.right.feed(f"{number} ")

        assert len(app.timeline.timers) == 1
        await screen.next_frame()
        assert app.timeline.timers == []
        assert app.frame_clock.is_idle
        assert app.right.answer_source == app.left.answer_source


async def test_overlapping_feeds_keep_every_word_once() -> None:
    async with panes() as (app, screen):
        app.left.feed("# Ti")
        app.right.feed("other")
        await screen.next_frame()
        app.left.feed("tle\n- a")
        app.left.render_now()
        app.left.feed("\n- b")
        await screen.next_frame()

        assert [row for row in screen.rows if row] == ["Title", "• a", "• b"]


async def test_one_line_up_releases_and_the_view_then_holds_still() -> None:
    async with panes() as (app, screen):
        app.left.begin_answer("brief.md")
        app.left.feed(numbered(1, 40) + "```python\ndef f():\n")
        await screen.next_frame()
        app.left.focus()

        await screen.pilot.press("up")
        held = screen.rows
        assert app.heard == [(False, 0)]

        app.left.feed("    return 1\n```\n" + TABLE + numbered(1, 194))
        app.right.feed(numbered(1, 200))
        await screen.next_frame()
        await app.workers.wait_for_complete()
        app.left.finish_answer("done")
        await screen.next_frame()

        assert screen.rows == held
        assert app.left.unread_lines == 199
        assert app.heard[-1] == (False, 199)

        await screen.pilot.press("end")
        await screen.next_frame()
        assert screen.rows[-1] == "done"
        assert app.left.following
        assert app.left.unread_lines == 0
        assert app.heard[-1] == (True, 0)


async def test_a_released_view_whose_text_fits_follows_again_with_one_line_down() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 20))
        await screen.next_frame()
        app.left.focus()
        await screen.pilot.press("up")
        await screen.pilot.resize_terminal(60, 60)
        await screen.next_frame()
        assert app.heard == [(False, 0)]

        await screen.pilot.press("down")

        assert app.left.following


async def test_scrolling_down_to_the_bottom_follows_again() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 40))
        await screen.next_frame()
        app.left.focus()

        await screen.pilot.press("pageup", "down")
        assert not app.left.following
        await screen.pilot.press("pagedown")

        assert app.left.following


@pytest.mark.parametrize(("key", "top"), [("up", 30), ("pageup", 22), ("home", 0), ("g", 0), ("G", 31), ("end", 31)])
async def test_each_key_scrolls_by_its_step(key: str, top: int) -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 40) + "end")
        await screen.next_frame()
        app.left.focus()

        await screen.pilot.press(key)

        assert app.left.scroll_offset.y == top


async def test_the_wheel_releases_and_follows_again() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 40))
        await screen.next_frame()

        await screen.pilot._post_mouse_events([_wheel("up")], app.left, offset=(2, 2))
        assert not app.left.following
        for _ in range(3):
            await screen.pilot._post_mouse_events([_wheel("down")], app.left, offset=(2, 2))

        assert app.left.following


def _wheel(direction: str) -> type:
    from textual import events

    return events.MouseScrollUp if direction == "up" else events.MouseScrollDown


async def test_a_resize_keeps_the_top_line_that_was_read() -> None:
    async with panes(80, 10) as (app, screen):
        app.left.feed("".join(f"line {number} {'word ' * 12}\n" for number in range(200)))
        await screen.next_frame()
        app.left.focus()
        await screen.pilot.press("home", "pagedown", "pagedown")
        top = screen.rows[0]

        for size in ((200, 60), (44, 12), (80, 10)):
            await screen.pilot.resize_terminal(*size)
            await screen.next_frame()
            assert not app.left.following
            assert screen.rows[0].startswith(top[:8])

        assert screen.rows[0] == top


async def test_a_resize_while_following_stays_at_the_bottom() -> None:
    async with panes(80, 10) as (app, screen):
        app.left.feed("word " * 400 + "\nthe end")
        await screen.next_frame()

        for size in ((200, 60), (44, 12), (80, 24)):
            await screen.pilot.resize_terminal(*size)
            await screen.next_frame()

            assert app.left.following
            assert "the end" in screen.rows


async def test_a_hidden_view_only_counts_and_catches_up_when_shown() -> None:
    async with panes() as (app, screen):
        app.left.display = False
        await until(screen.pilot, lambda: not app.left._is_shown)

        app.left.begin_answer("brief.md")
        app.left.feed(numbered(1, 30) + "last")

        assert app.timeline.timers == []
        assert app.left.unread_lines == 30

        app.left.display = True
        await screen.next_frame()
        assert screen.rows[-1] == "last"
        assert app.left.unread_lines == 0


async def test_a_long_text_to_catch_up_with_is_spread_over_frames() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 5000) + "last")
        app.timeline.run_next()
        assert len(app.timeline.timers) == 1

        await screen.next_frame()

        assert screen.rows[-1] == "last"
        assert app.frame_clock.is_idle


async def test_a_hidden_view_has_its_whole_source_and_may_be_finished() -> None:
    async with panes() as (app, screen):
        app.left.display = False
        await until(screen.pilot, lambda: not app.left._is_shown)
        app.left.begin_answer("a.md")
        app.left.feed("text")
        app.left.finish_answer("stopped")

        assert app.left.source == "## a.md\n\ntext"

        app.left.display = True
        await screen.next_frame()
        assert screen.rows[:3] == ["a.md", "text", "stopped"]


async def test_a_retry_greys_the_old_text_until_the_first_new_token() -> None:
    async with panes() as (app, screen):
        app.left.begin_answer("brief.md")
        app.left.feed("half an ans")
        await screen.next_frame()
        whole_colour = _colour_of(app.left, 1)

        app.left.reset_answer()
        await screen.next_frame()
        assert screen.rows[1] == "half an ans"
        assert _colour_of(app.left, 1) != whole_colour

        app.left.feed("A whole")
        await screen.next_frame()
        assert screen.rows[:3] == ["brief.md", "A whole", ""]
        assert _colour_of(app.left, 1) == whole_colour


def _colour_of(view: StreamView, y: int) -> object:
    style = next(iter(view.render_line(y))).style
    return style.color if style else None


async def test_escape_sequences_and_markup_reach_the_screen_as_text() -> None:
    async with panes(120) as (app, screen):
        app.left.feed("\x1b[2J[red]x[/red] [@click=app.quit]q[/] [l](http://evil)\n")
        app.left.finish_answer("[b]stopped[/b] \x1b[0m")
        app.left.add_note("[blink]note", "error")
        await screen.next_frame()

        assert screen.rows[:3] == [
            "␛[2J[red]x[/red] [@click=app.quit]q[/] l (http://evil)",
            "[b]stopped[/b] ␛[0m",
            "[blink]note",
        ]
        for strip in app.screen._compositor.render_strips():
            assert all(style is None or (style.link is None and "@click" not in style.meta) for _, style, _ in strip)


async def test_a_closed_fence_is_coloured_without_moving() -> None:
    async with panes() as (app, screen):
        app.left.feed(FENCE.removesuffix("```\n") + "``")
        await screen.next_frame()
        plain_colours = _colours(app.left, 1)

        app.left.feed("`\nafter")
        await screen.next_frame()
        before = screen.rows
        await app.workers.wait_for_complete()
        await screen.next_frame()

        assert screen.rows == before
        assert len(_colours(app.left, 1)) > len(plain_colours)


async def test_a_fence_left_open_by_the_end_of_the_answer_is_coloured_too() -> None:
    async with panes() as (app, screen):
        app.left.begin_answer("greet.py")
        app.left.feed("```Python\ndef greet(name):\n    return name")
        await screen.next_frame()
        plain_colours = _colours(app.left, 3)
        before = screen.rows

        app.left.finish_answer()
        await screen.next_frame()
        await app.workers.wait_for_complete()
        await screen.next_frame()

        assert [row for row in screen.rows if row] == [row for row in before if row]
        assert any(len(_colours(app.left, y)) > len(plain_colours) for y in range(4))


def _colours(view: StreamView, y: int) -> set[object]:
    return {style.color for _, style, _ in view.render_line(y) if style}


async def test_a_theme_change_repaints_what_was_cached() -> None:
    async with panes() as (app, screen):
        app.left.feed("# Title\n")
        await screen.next_frame()
        before = _colour_of(app.left, 0)

        app.theme = "textual-light"
        await screen.next_frame()

        assert _colour_of(app.left, 0) != before


async def test_no_color_reaches_the_cached_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with panes() as (app, screen):
        app.left.feed("# Title\n" + FENCE)
        await screen.next_frame()

        for strip in app.screen._compositor.render_strips():
            for _, style, _ in strip:
                assert style is None or style.color is None or len(set(style.color.get_truecolor())) == 1


@pytest.mark.parametrize(("start", "end"), [((3, 1), (9, 2)), ((9, 5), (2, 1)), ((0, 0), (20, 9)), ((1, 4), (2, 4))])
async def test_a_drag_gives_source_text(start: tuple[int, int], end: tuple[int, int]) -> None:
    async with panes() as (app, screen):
        app.left.feed("# Title **bold**\n- item one\n" + FENCE + TABLE + "live tail")
        await screen.next_frame()

        await screen.pilot.mouse_down(app.left, offset=start)
        await screen.pilot.hover(app.left, offset=end)
        await screen.pilot.mouse_up(app.left, offset=end)
        text = app.screen.get_selected_text()

        assert text
        assert all(line in app.left.source for line in text.split("\n"))
        assert app.focused is not app.left


async def test_selecting_everything_gives_the_whole_source() -> None:
    async with panes() as (app, screen):
        source = "# Title **bold**\n- item one\n" + FENCE + TABLE + "live tail"
        app.left.feed(source)
        await screen.next_frame()

        selected = app.left.get_selection(SELECT_ALL)

        assert selected == (source, "\n")


async def test_selected_text_is_marked_on_the_screen() -> None:
    async with panes() as (app, screen):
        app.left.feed("some words here")
        await screen.next_frame()

        app.screen.selections = {app.left: Selection(Offset(5, 0), Offset(10, 0))}
        await screen.pilot.pause()

        (marked,) = [
            text
            for text, style, _ in app.screen._compositor.render_strips()[0]
            if style and style.bgcolor == app.screen.get_component_rich_style("screen--selection").bgcolor
        ]
        assert marked == "words"


async def test_a_new_line_does_not_lay_out_the_screen() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 20))
        await screen.next_frame()
        laid_out = app.screen._layout_updates

        app.left.feed(numbered(21, 60))
        await screen.next_frame()

        assert app.screen._layout_updates == laid_out
        assert not app.screen._layout_required


async def test_clear_removes_everything_and_follows() -> None:
    async with panes() as (app, screen):
        app.left.feed(numbered(1, 60))
        await screen.next_frame()
        app.left.focus()
        await screen.pilot.press("home")

        app.left.clear()
        app.left.feed("new")
        await screen.next_frame()

        assert screen.rows[0] == "new"
        assert app.left.following
        assert app.left.source == "new"


async def test_a_narrow_or_flat_pane_does_no_harm() -> None:
    async with panes(60, 10) as (app, screen):
        app.left.feed("# Title\n> - deep item\n" + FENCE + TABLE + "日本語\n")
        for size in ((4, 10), (2, 1), (60, 1), (60, 10)):
            await screen.pilot.resize_terminal(*size)
            await screen.next_frame()

        assert "日本語" in screen.rows


@pytest.mark.parametrize("reader", ["source", "answer_source", "code_blocks"])
async def test_a_screen_painted_between_frames_shows_the_text_as_it_is(reader: str) -> None:
    async with panes() as (app, screen):
        view = app.left
        view.feed("one line that is wrapped into rows, ")
        await screen.next_frame()
        view.render_lines(Region(0, 0, *view.size))
        view.feed("and which grows by many words until it needs several rows more than it has needed before; " * 3)
        getattr(view, reader)  # takes in what was fed, before the clock's next frame

        strips = view.render_lines(Region(0, 0, *view.size))

        assert "it has needed before;" in " ".join("".join(strip.text for strip in strips).split())
