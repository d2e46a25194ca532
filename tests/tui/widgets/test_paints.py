"""Whatever happens to a view, the compositor may paint it at that very moment: rows of full width, never a crash."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest
from textual.geometry import Region
from textual.selection import Selection

from tests.tui.widgets.test_stream_view import TwoPanes
from tui.widgets.stream.stream_view import StreamView

PIECES = (
    *("word ", "**bold", "** ", "\n", "\n\n", "# head\n", "- item\n", "```python\n", "def f():\n", "```\n", "~~~\n"),
    *(
        "| a | b |\n",
        "|---|---|\n",
        "| 1 | long cell |\n",
        "> quote\n",
        "`code` ",
        "[text](http://x)\n",
        "日本語 ",
        "é",
    ),
    *("x" * 300, "---\n", "\x1b[31m", "[red]", "\u200d", "\t", "1. one\n"),
)
THEMES = ("textual-light", "textual-dark", "ansi-dark")


def paint(view: StreamView) -> None:
    """Paint the whole view and some of its parts, as the compositor does, and check what it gets."""
    width, height = view.size
    for crop in (
        Region(0, 0, width, height),
        Region(0, height // 2, width, height - height // 2),
        Region(width // 3, 0, width - width // 3, height),
    ):
        strips = view.render_lines(crop)
        assert len(strips) == crop.height
        assert all(strip.cell_length == crop.width for strip in strips)
    for row in range(height):
        assert view.render_line(row).cell_length == width


@pytest.mark.parametrize("seed", range(4))
async def test_a_view_can_be_painted_after_every_operation(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - reproducible disorder, not cryptography
    app = TwoPanes()
    async with app.run_test(size=(60, 12)) as pilot:
        view = app.query(StreamView).first()

        def select() -> None:
            app.screen.selections = {view: Selection(None, None)} if rng.random() < 0.6 else {}

        def resize_document() -> None:
            # What a layout does in the middle of everything, without waiting for the next message.
            view._document.set_width(rng.choice((1, 7, 20, 58, 60)))
            view._document.set_width(view.size.width)

        operations: list[Callable[[], object]] = [
            *([lambda: view.feed("".join(rng.choices(PIECES, k=rng.randint(1, 6))))] * 6),
            lambda: view.begin_answer("file.py"),
            lambda: view.finish_answer("done"),
            view.reset_answer,
            lambda: view.add_note("a note", rng.choice(("info", "warning", "error"))),
            view.clear,
            lambda: view.source,
            lambda: view.answer_source,
            lambda: view.code_blocks,
            lambda: view.scroll_to(y=rng.randint(0, 40), animate=False),
            view.action_page_up,
            view.action_page_down,
            view.scroll_to_end_and_follow,
            app.frame_clock.paint_now,
            view.render_now,
            lambda: setattr(app, "theme", rng.choice(THEMES)),
            lambda: setattr(view, "display", not view.display),
            select,
            resize_document,
        ]
        for _ in range(150):
            rng.choice(operations)()
            paint(view)
            if rng.random() < 0.3:
                await pilot.resize_terminal(rng.randint(4, 90), rng.randint(3, 30))
                paint(view)
            elif rng.random() < 0.5:
                await asyncio.sleep(0)
                paint(view)
            elif rng.random() < 0.3:
                await pilot.pause()
                paint(view)
        app.screen.selections = {}
        view.display = True
        await pilot.resize_terminal(60, 12)
        await pilot.pause()
        view.scroll_to_end_and_follow()
        app.frame_clock.paint_now()
        paint(view)
