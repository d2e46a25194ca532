"""CPU per painted step of five live panes: our StreamView against Textual's Markdown.append, in one run.

    python -m benchmarks.panes [--tokens 1000 10000] [--own-only 50000] [--repeats 3]

Prints one JSON line: milliseconds of CPU a step (median of the repeats) and the ratio of the two sides. The other side
needs minutes for 10,000 tokens; `--tokens 1000` gives the first row in half a minute.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import platform
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from importlib.metadata import version

from textual.app import App, ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.widgets import Markdown

from tui.widgets.stream.frame_clock import FrameClock
from tui.widgets.stream.stream_view import StreamView

PANES = 5
SIZE = (120, 40)
TOKENS_A_STEP = 7  # what 200 tokens a second bring to a pane in a frame of 30 Hz
SETTLE_SECONDS = 0.05  # longer than the screen waits before it paints

PASSAGE = """## Section

The service stores **short links** in a `dict` and answers with a redirect, or with *404* when there is none.

- first point about the storage layer and its limits
  - a nested point
- second point with `inline code` and a [link](https://example.org)

| field | type | note |
|-------|------|------|
| id | int | primary key |
| url | str | checked before it is stored |

```python
def shorten(url: str) -> str:
    key = hash_of(url)
    return f"https://s.example/{key}"
```

1. Run the tests and read what they say before anything else is changed.

"""


def tokens() -> Iterator[str]:
    """Give mixed Markdown without end, a word or a few characters at a time."""
    words = [word for line in PASSAGE.splitlines(keepends=True) for word in line.replace(" ", " \0").split("\0")]
    return itertools.cycle(words)


class Panes(App[None]):
    """Five panes of one kind in a grid."""

    CSS = "Grid { grid-size: 3 2; } StreamView, VerticalScroll { height: 1fr; }"

    def __init__(self, own: bool) -> None:
        super().__init__()
        self.own = own
        self.frame_clock = FrameClock()

    def compose(self) -> ComposeResult:
        with Grid():
            for _ in range(PANES):
                if self.own:
                    yield StreamView()
                else:
                    with VerticalScroll():
                        yield Markdown()

    async def load(self, text: str) -> None:
        if self.own:
            for view in self.query(StreamView):
                view.feed(text)
        else:
            for scroll in self.query(VerticalScroll):
                scroll.anchor()
            for markdown in self.query(Markdown):
                await markdown.update(text)

    async def add(self, text: str) -> None:
        if self.own:
            for view in self.query(StreamView):
                view.feed(text)
            self.frame_clock.paint_now()
        else:
            for markdown in self.query(Markdown):
                await markdown.append(text)


async def cpu_ms_a_step(own: bool, loaded_tokens: int, steps: int) -> float:
    """Load five panes, then measure the CPU of adding and painting a few tokens; checks that they are on the screen."""
    app = Panes(own)
    async with app.run_test(size=SIZE) as pilot:
        stream = tokens()
        await app.load("".join(itertools.islice(stream, loaded_tokens)))
        await pilot.pause()
        await app.add("warm up ")
        await app.workers.wait_for_complete()
        await asyncio.sleep(SETTLE_SECONDS)
        began = time.process_time()
        for _ in range(steps):
            await app.add("".join(itertools.islice(stream, TOKENS_A_STEP)))
            await asyncio.sleep(SETTLE_SECONDS)
        spent = time.process_time() - began
        await app.add("\n\nvery-last-words")
        await pilot.pause()
        await _until(lambda: sum("very-last-words" in row for row in _rows(app)) >= 2, pilot.pause)
        return spent / steps * 1000


def _rows(app: App[None]) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


async def _until(condition: Callable[[], bool], pause: Callable[[], Awaitable[None]]) -> None:
    for _ in range(100):
        if condition():
            return
        await pause()
    raise SystemExit(
        "panes: the last words are not on the screen, so the figures mean nothing; check that panes follow"
    )


async def measure(
    sizes: list[int], own_sizes: list[int], repeats: int, steps: int, slow_steps: int
) -> dict[str, object]:
    """Measure all sizes, the two sides in turn."""
    rows: list[dict[str, object]] = []
    own_by_size: dict[int, float] = {}
    for size in [*sizes, *own_sizes]:
        own: list[float] = []
        other: list[float] = []
        for _ in range(repeats):
            own.append(await cpu_ms_a_step(True, size, steps))
            if size in sizes:
                other.append(await cpu_ms_a_step(False, size, slow_steps))
        own_by_size[size] = statistics.median(own)
        row: dict[str, object] = {"tokens": size, "stream_view_ms": round(own_by_size[size], 2)}
        if other:
            row["markdown_append_ms"] = round(statistics.median(other), 2)
            row["markdown_to_stream_view"] = round(statistics.median(other) / own_by_size[size], 1)
        rows.append(row)
    smallest, largest = min(own_by_size), max(own_by_size)
    return {
        "benchmark": "panes",
        "panes": PANES,
        "screen": SIZE,
        "tokens_a_step": TOKENS_A_STEP,
        "rows": rows,
        "largest_to_smallest_history": round(own_by_size[largest] / own_by_size[smallest], 2),
        "repeats": repeats,
        "versions": {"python": platform.python_version(), "textual": version("textual"), "rich": version("rich")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, nargs="*", default=[1000, 10_000])
    parser.add_argument("--own-only", type=int, nargs="*", default=[50_000], help="sizes too large for the other side")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--slow-steps", type=int, default=6)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.tokens, given.own_only, given.repeats, given.steps, given.slow_steps))))


if __name__ == "__main__":
    main()
