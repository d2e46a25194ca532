"""The text of one agent's pane: streamed Markdown as cached lines, cheap at any length of history."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from typing import ClassVar, Protocol, cast

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from tui.markdown.code import colour_code
from tui.markdown.document import MarkdownDocument, TextPosition
from tui.markdown.inline import NOT_IN_SOURCE
from tui.markdown.lines import Line
from tui.markdown.painter import RowPainter
from tui.markdown.palette import COMPONENT_CLASSES, PALETTE_CSS, Palette
from tui.markdown.selection import selected_source
from tui.widgets.stream.frame_clock import FrameClock
from tui.words.signs import NoteKind

MOST_CHARACTERS_A_FRAME = 16_384  # a pane that catches up must not hold up the keys: about 10 ms


class HasFrameClock(Protocol):
    """An app with the one clock of all its views."""

    frame_clock: FrameClock


class StreamView(ScrollView, can_focus=True):
    """Shows the answers of one agent as they stream; every text fed is data, never markup.

    Needs a `FrameClock`: the one given, else `app.frame_clock`. Border, padding and the marker for unread lines belong
    to the container: a scrollbar or a border here would double the cost of a frame.
    """

    ALLOW_SELECT = True
    FOCUS_ON_CLICK = False  # selecting must not take the focus from the prompt

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENT_CLASSES

    DEFAULT_CSS = (
        PALETTE_CSS
        + """
    StreamView {
        overflow: hidden hidden;
        background: $surface;
        color: $foreground;
    }
    """
    )

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "scroll_home", "Top", show=False, id="view_top"),
        Binding("G", "scroll_end", "Bottom and follow", show=False, id="view_bottom"),
    ]

    class FollowChanged(Message):
        """The view began or ceased to follow, or the number of unread lines changed."""

        def __init__(self, view: StreamView, following: bool, unread_lines: int) -> None:
            super().__init__()
            self.view = view
            self.following = following
            self.unread_lines = unread_lines

        @property
        def control(self) -> StreamView:
            return self.view

    def __init__(
        self,
        *,
        clock: FrameClock | None = None,
        name: str | None = None,
        id: str | None = None,  # noqa: A002  # Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(name=name, id=id, classes=classes)
        self._clock = clock
        self._document = MarkdownDocument()
        self._fed: list[str] = []
        self._following = True
        self._unread_lines = 0
        self._announced = (True, 0)
        self._top = TextPosition(0, 0)
        self._is_shown = False
        self._is_placing = False
        self._is_colouring = False
        self._palette = Palette(self)
        self._painter = RowPainter(self._document, self._palette.style_of, self._filtered)

    # -- text comes in --

    def begin_answer(self, heading: str) -> None:
        """Start a new answer under `heading`; earlier answers stay as they are."""
        self._absorb()
        self._document.begin_answer(heading)
        self._mark()

    def feed(self, text: str) -> None:
        """Add tokens to the current answer; drawn with the next frame of the clock."""
        self._fed.append(text)
        if not (self._following and self._is_shown):
            self._unread_lines += text.count("\n")
        if self._is_shown:
            self._frame_clock.mark(self)

    def reset_answer(self) -> None:
        """Grey the current answer; the first text of the next attempt replaces it."""
        self._absorb()
        self._document.reset_answer()
        self._mark()

    def finish_answer(self, status: str = "") -> None:
        """Freeze the current answer; `status` is one dim line below it."""
        self._absorb()
        self._document.finish_answer(status)
        self._mark()

    def add_note(self, text: str, kind: NoteKind = "info") -> None:
        """Add a plain line outside the answers; it goes before an answer that is still open."""
        self._absorb()
        at, count = self._document.add_note(text, kind)
        if not self._following and at <= self._top.line:
            self._top = replace(self._top, line=self._top.line + count)
        elif not (self._following and self._is_shown):
            self._unread_lines += count
        self._mark()

    def clear(self) -> None:
        """Remove everything and follow again."""
        self._fed.clear()
        self._document.clear()
        self._following, self._unread_lines, self._top = True, 0, TextPosition(0, 0)
        self._mark()

    def scroll_to_end_and_follow(self) -> None:
        """Go to the bottom and stay there."""
        self._following = True
        if self._is_shown:
            self._unread_lines = 0
            self.render_now()

    # -- state --

    @property
    def following(self) -> bool:
        """Whether the view keeps to the bottom."""
        return self._following

    @property
    def unread_lines(self) -> int:
        """Lines that arrived while the view was hidden or scrolled away from the bottom."""
        return self._unread_lines

    @property
    def source(self) -> str:
        """The logical Markdown of everything shown."""
        self._absorb()
        return self._document.source

    @property
    def answer_source(self) -> str:
        """The text of the current or last answer, exactly as it was fed."""
        self._absorb()
        return self._document.answer_source

    @property
    def code_blocks(self) -> list[str]:
        """The code of the fences of the current or last answer; the last may still be open."""
        self._absorb()
        return self._document.code_blocks

    # -- frames --

    def render_now(self) -> None:
        """Draw what was fed so far without waiting for the clock."""
        self._absorb()
        self._place()
        self._announce()

    def paint_frame(self) -> None:
        """Draw what was fed so far, or its first part if it is long; called by the clock. Does nothing when hidden."""
        if self._is_shown:
            self._absorb(MOST_CHARACTERS_A_FRAME)
            self._place()
            self._announce()

    @property
    def _frame_clock(self) -> FrameClock:
        return self._clock or cast("HasFrameClock", self.app).frame_clock

    def _mark(self) -> None:
        if self._is_shown:
            self._frame_clock.mark(self)

    def _absorb(self, most_characters: int = sys.maxsize) -> None:
        if self._fed:
            text = "".join(self._fed)
            self._fed = [text[most_characters:]] if len(text) > most_characters else []
            self._document.feed(text[:most_characters])
            if self._fed:
                self._mark()

    def _announce(self) -> None:
        present = (self._following, self._unread_lines)
        if present != self._announced:
            self._announced = present
            self.post_message(self.FollowChanged(self, *present))

    # -- place on the screen --

    @property
    def allow_vertical_scroll(self) -> bool:
        """Scrolling works although there is no scrollbar."""
        return not self._check_disabled()

    @property
    def allow_horizontal_scroll(self) -> bool:
        return False

    def _size_updated(self, size: Size, virtual_size: Size, container_size: Size, layout: bool = True) -> bool:
        self._is_placing = True  # the old text in the new size is no scrolling of the user's
        try:
            changed = super()._size_updated(size, virtual_size, container_size, layout)
        finally:
            self._is_placing = False
        if size.width and (size.width != self._document.width or changed):
            if size.width != self._document.width:
                self._document.set_width(size.width)
            self._place()
        return changed

    def _place(self) -> None:
        """Bring rows, scroll position and the dirty part of the screen in line with the text."""
        document = self._document
        # Not through the reactive attribute: that would lay out the whole screen for every new line.
        self.set_reactive(Widget.virtual_size, Size(self.size.width, document.row_count))
        changed_from, document.changed_from = document.changed_from, None
        row = self.max_scroll_y if self._following else document.row_at(self._top)
        before = round(self.scroll_y)
        self._is_placing = True
        try:
            self.scroll_y = row
            self.scroll_target_y = row
        finally:
            self._is_placing = False
        top = round(self.scroll_y)
        if changed_from is not None and top == before and changed_from < top + self.size.height:
            first = max(0, changed_from - top)
            self.refresh(Region(0, first, self.size.width, self.size.height - first))
        if document.closed_fences and not self._is_colouring:
            self._is_colouring = True
            self.run_worker(self._colour_fences(), group="colour", exit_on_error=False)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if not self._is_placing:
            self._following = new_value >= self.max_scroll_y
            if self._following:
                self._unread_lines = 0
            self._top = self._document.position_at(round(new_value))
            self._announce()

    def _scroll_by(self, rows: int) -> None:
        self.scroll_to(y=self.scroll_y + rows, animate=False)
        if rows > 0:
            self._follow_at_bottom()

    def _follow_at_bottom(self) -> None:
        """Follow again if there was nothing left to scroll: a released view may have grown until its text fits."""
        if not self._following and self.scroll_y >= self.max_scroll_y:
            self.scroll_to_end_and_follow()

    def on_mouse_scroll_down(self) -> None:
        self._follow_at_bottom()

    def action_scroll_up(self) -> None:
        self._scroll_by(-1)

    def action_scroll_down(self) -> None:
        self._scroll_by(1)

    def action_page_up(self) -> None:
        self._scroll_by(1 - self.size.height)

    def action_page_down(self) -> None:
        self._scroll_by(self.size.height - 1)

    def action_scroll_home(self) -> None:
        self.scroll_to(y=0, animate=False)

    def action_scroll_end(self) -> None:
        self.scroll_to_end_and_follow()

    def on_show(self) -> None:
        self._is_shown = True
        if self._following:
            self._unread_lines = 0
        self._frame_clock.mark(self)

    def on_hide(self) -> None:
        self._is_shown = False
        self._frame_clock.forget(self)

    def on_unmount(self) -> None:
        self._is_shown = False
        self._frame_clock.forget(self)

    # -- looks --

    def render_lines(self, crop: Region) -> list[Strip]:
        if self.styles.gutter:
            return super().render_lines(crop)
        top = round(self.scroll_y) + crop.y
        strips = self._painter.paint(top, top + crop.height, self.text_selection, self._selection_style)
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def render_line(self, y: int) -> Strip:
        return self._painter.paint_with_offsets(round(self.scroll_y) + y)

    def _selection_style(self) -> Style:
        return self.screen.get_component_rich_style("screen--selection")

    def _filtered(self, strip: Strip) -> Strip:
        for line_filter in self.get_line_filters():
            strip = strip.apply_filter(line_filter, self.background_colors[1])
        return strip

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._palette.clear()
        self._painter.clear()

    async def _colour_fences(self) -> None:
        document = self._document
        try:
            while document.closed_fences:
                fence = document.closed_fences.pop()  # the newest is the one that is looked at
                lines: tuple[Line, ...] = fence.lines[1:]
                columns = [line.spans[0].source if line.spans else NOT_IN_SOURCE for line in lines]
                spans = await asyncio.to_thread(colour_code, fence.language, [line.text for line in lines], columns)
                if spans is not None and document.colour(fence, spans) is not None:
                    self.refresh()
        finally:
            self._is_colouring = False

    # -- selection --

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """Give the source under the selection, and what ends it."""
        text = selected_source(self._document, selection)
        return None if text is None else (text, "\n")

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002  # Textual's signature
        self.refresh()
