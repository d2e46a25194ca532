"""How late the event loop is, and how long a key waits for its repaint, while five panes stream; next to the idle app.

    python -m benchmarks.loop_lateness [--seconds 10] [--tokens-per-second 40] [--history 10000]

Prints one JSON line: percentiles in milliseconds, the CPU share of each phase, and the frame rate the clock chose.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import platform
import time
from importlib.metadata import version

from textual import events
from textual.app import App, ComposeResult
from textual.containers import Grid
from textual.strip import Strip
from textual.widgets import Input

from benchmarks.panes import PANES, SIZE, tokens
from tui.widgets.stream.frame_clock import FrameClock
from tui.widgets.stream.stream_view import StreamView

TICK_SECONDS = 0.010
KEY_EVERY_SECONDS = 0.17  # no multiple of a tick or a frame


class TimedInput(Input):
    """An input that notes when the text of the latest key is painted."""

    pressed_at: float | None = None

    def on_mount(self) -> None:
        self.waits_ms: list[float] = []
        self.cursor_blink = False

    def render_line(self, y: int) -> Strip:
        if self.pressed_at is not None and y == 0 and self.value.endswith("x"):
            self.waits_ms.append((time.perf_counter() - self.pressed_at) * 1000)
            self.pressed_at = None
        return super().render_line(y)


class Streaming(App[None]):
    """Five panes and a prompt."""

    CSS = "Grid { grid-size: 3 2; height: 1fr; } StreamView { height: 1fr; } Input { border: none; height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self.frame_clock = FrameClock()

    def compose(self) -> ComposeResult:
        with Grid():
            for _ in range(PANES):
                yield StreamView()
        yield TimedInput()


async def phase(app: Streaming, seconds: float, tokens_per_second: float) -> dict[str, object]:
    """Run one phase; with no tokens a second the app is idle but for the keys."""
    prompt = app.query_one(TimedInput)
    prompt.waits_ms.clear()
    ends_at = time.perf_counter() + seconds
    late_ms: list[float] = []
    cpu_began = time.process_time()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_tick(late_ms, ends_at))
        tasks.create_task(_type(prompt, ends_at))
        if tokens_per_second:
            for view in app.query(StreamView):
                tasks.create_task(_stream(view, tokens_per_second, ends_at))
    return {
        "loop_late_ms": percentiles(late_ms),
        "key_to_repaint_ms": percentiles(prompt.waits_ms),
        "keys": len(prompt.waits_ms),
        "cpu_share": round((time.process_time() - cpu_began) / seconds, 3),
        "frame_hz": round(1 / app.frame_clock.period_seconds, 1),
    }


async def _tick(late_ms: list[float], ends_at: float) -> None:
    due = time.perf_counter()
    while due < ends_at:
        due += TICK_SECONDS
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        late_ms.append(max(0.0, time.perf_counter() - due) * 1000)
        due = max(due, time.perf_counter() - TICK_SECONDS)


async def _type(prompt: TimedInput, ends_at: float) -> None:
    while time.perf_counter() < ends_at:
        await asyncio.sleep(KEY_EVERY_SECONDS)
        prompt.pressed_at = time.perf_counter()
        prompt.post_message(events.Key("x", "x"))
        if len(prompt.value) > SIZE[0] - 10:
            prompt.value = ""


async def _stream(view: StreamView, tokens_per_second: float, ends_at: float) -> None:
    stream = tokens()
    due = time.perf_counter()
    while due < ends_at:
        due += 1 / tokens_per_second
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        view.feed(next(stream))


def percentiles(values: list[float]) -> dict[str, float]:
    """Give p50, p95, p99 and the largest."""
    ordered = sorted(values)
    ranks = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(ordered[min(len(ordered) - 1, int(rank * len(ordered)))], 2) for name, rank in ranks.items()}


async def measure(seconds: float, tokens_per_second: float, history: int) -> dict[str, object]:
    """Measure the idle app, the streaming app, and the streaming app with history, in this order."""
    app = Streaming()
    phases: dict[str, object] = {}
    async with app.run_test(size=SIZE) as pilot:
        app.query_one(TimedInput).focus()
        await pilot.pause()
        await phase(app, 1.0, tokens_per_second)
        for view in app.query(StreamView):
            view.clear()
        await asyncio.sleep(0.5)
        phases["idle"] = await phase(app, seconds, 0)
        phases["streaming"] = await phase(app, seconds, tokens_per_second)
        for view in app.query(StreamView):
            view.finish_answer()
            view.begin_answer("next.md")
            view.feed("".join(itertools.islice(tokens(), history)))
        await pilot.pause()
        await app.workers.wait_for_complete()
        phases[f"streaming_after_{history}_tokens"] = await phase(app, seconds, tokens_per_second)
    return {
        "benchmark": "loop_lateness",
        "panes": PANES,
        "tokens_per_second_a_pane": tokens_per_second,
        "screen": SIZE,
        "seconds": seconds,
        **phases,
        "versions": {"python": platform.python_version(), "textual": version("textual"), "rich": version("rich")},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--tokens-per-second", type=float, default=40.0)
    parser.add_argument("--history", type=int, default=10_000)
    given = parser.parse_args()
    print(json.dumps(asyncio.run(measure(given.seconds, given.tokens_per_second, given.history))))


if __name__ == "__main__":
    main()
