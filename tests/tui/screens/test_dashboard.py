"""The dashboard shows what has been measured, says what is not known, and reads nothing as markup."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.command import CommandList, CommandPalette
from textual.pilot import Pilot
from textual.screen import Screen

from core.events import AlertFired, AlertResolved
from core.spending.costs import Cost
from core.state.status import EngineStatus
from core.telemetry.alerts.board import AlertStatus
from core.telemetry.metrics import use_registry
from core.telemetry.metrics.registry import NullRegistry, Registry
from tests.support.clock import VirtualClock
from tests.support.team import DELIVERED
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.busy_session import MODEL_NAME, NAMES, busy_data
from tests.support.tui.engine_app import working_app
from tests.support.tui.screen import palette_is_filled, screen_text, toasts, until
from tests.support.tui.scripted_run import IDLE, IN_THE_MIDDLE, NOW, breaker_opens, run_fields
from tests.support.tui.widget_host import WidgetHost
from tui.app import QuintetApp
from tui.screens.dashboard import DashboardPage, DashboardScreen
from tui.screens.help import HelpScreen
from tui.screens.log import LogScreen
from tui.widgets.dashboard.page import dashboard_page
from tui.widgets.dashboard.session_history import DashboardData, SessionHistory, read_dashboard_data
from tui.words.numbers import cost_words

Compare = Callable[..., bool]
ALERTS = (
    AlertStatus("success_rate_low", "critical", "only 62 % of the calls succeed, fewer than 80 %", 125.0),
    AlertStatus("pool_exhausted", "warning", "2 requests wait for a [bold]connection[/]", 7.0),
    AlertStatus("queue_deep", "info", "12 calls wait for their turn", 3605.0),
)
BUSY = replace(IN_THE_MIDDLE, alerts=ALERTS, run_cost=Cost(usd=Decimal("0.0123"), priced_calls=5))
sizes = pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)], ids=["80x24", "120x40", "200x60"])


async def open_page(pilot: Pilot[Any], read: Callable[[], DashboardData]) -> None:
    """Return when the page can be scrolled, if it is too long for the screen."""
    screen = DashboardScreen(read)
    await pilot.app.push_screen(screen)
    box = screen.query_one(DashboardPage)
    await until(pilot, lambda: box._shown is not None and box.virtual_size.height > box._shown.plain.count("\n"))
    await pilot.pause()


def page(data: DashboardData, width: int = 78) -> str:
    return dashboard_page(data, width).plain


@sizes
def test_the_page_of_a_busy_session(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_page(pilot, lambda: busy_data(BUSY))

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


def test_the_end_of_the_page_in_a_small_terminal(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_page(pilot, lambda: busy_data(BUSY))
        await pilot.press("G")
        await pilot.pause()

    assert snap_compare(frozen_app(), terminal_size=(80, 24), run_before=before)


def test_a_session_in_which_nothing_has_happened(snap_compare: Compare) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await open_page(pilot, lambda: untouched_data(IDLE))

    assert snap_compare(frozen_app(), terminal_size=(80, 24), run_before=before)


@pytest.mark.parametrize("size", [(80, 24), (120, 40)], ids=["80x24", "120x40"])
def test_alerts_and_cost_in_the_sidebar(snap_compare: Compare, size: tuple[int, int]) -> None:
    async def before(pilot: Pilot[Any]) -> None:
        await settle(pilot)
        await pilot.press("escape")
        if size[0] < 100:
            await pilot.press("f4")
        # The events of the calls are not shown here, so their panes know of none.
        no_calls = (replace(agent, model="", attempt=0, call_started_at=None) for agent in BUSY.agents)
        await settle(pilot, replace(BUSY, agents=tuple(no_calls)))

    assert snap_compare(frozen_app(), terminal_size=size, run_before=before)


def untouched_data(status: EngineStatus | None, registry: Registry | NullRegistry | None = None) -> DashboardData:
    with use_registry(registry or Registry(VirtualClock())):
        data = read_dashboard_data(status, SessionHistory(), NAMES, NOW)
    if data.metrics is not None:
        data.metrics["gauges"].clear()  # those of the test's own process
    return data


@pytest.mark.parametrize("width", range(20, 230, 7))
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    content = dashboard_page(busy_data(BUSY), width)

    assert max(line.cell_length for line in content.split("\n")) <= width


@pytest.mark.parametrize(
    "words",
    [
        "✗ critical 2:05  only 62 % of the calls succeed",
        "! warning 0:07  2 requests wait for a [bold]connection[/]",
        "i info 1:00:05  12 calls",
        "5.0/min  ok 90 %  failed 10 %  cancelled 0  over 4:00",
        "whole call       0.8    2.1    3.0",
        "first token      0.2    0.3    0.3",
        "✗ open 42 s  127.0.0.1:8080 SmolLM2-135M",
        "✓ closed  fails 2/5  gateway.example.com/[b]Qwen3[/b]",
        "2:05 ago closed → ✗ open",
        "1:35 ago open → ✓ closed",
        "1 waiting  running 1 of 5",
        "5 server",
        "retries 6 (0.30 a call)  truncations 1",
        "continuations 0  fallbacks 0",
        "cache hits 25 % of 12 calls",
        "38 tok/s  566 out  240 in",
        "cost $0.0123 this run",
        "DEV  ✓ done           -   412     1     2    8.0   61.0",
        "OPS  ⏸ waiting        -     -     -     -      -      -",
        "127.0.0.1:8080       26    24      2   2   1.2 s    10:05  ✓ healthy",
        "8     0      8   0       -     0:59  ✗ failing",
        "memory 123.4 MB  CPU 37 %  up 4:00",
    ],
)
def test_every_number_has_its_place(words: str) -> None:
    assert words in page(busy_data(BUSY))


@pytest.mark.parametrize("width", [78, 118, 198])
def test_every_block_is_there_at_every_width(width: int) -> None:
    text = page(busy_data(BUSY), width)

    for title in ("ALERTS", "CALLS", "LATENCY", "BREAKERS", "QUEUE", "FAULTS", "REPAIRS", "TOKENS", "AGENTS", "POOL"):
        assert text.count(title) == 1


def test_what_is_not_known_is_a_dash_and_never_a_zero() -> None:
    text = page(untouched_data(IDLE))

    for words in (
        "-/min  ok -  failed -",
        "whole call         -      -      -",
        "first token        -      -      -",
        "p95 of calls       -",
        "- none has been needed",
        "- tok/s",
        "cost - this run  - in all",
        "cache hits -",
        "- no client is open",
        "memory -  CPU -",
    ):
        assert words in text


def test_without_metrics_the_page_says_how_to_have_them() -> None:
    text = page(untouched_data(IDLE, NullRegistry()))

    assert "metrics are off: set ENABLE_METRICS=true" in text
    assert "retries -  truncations -" in text
    assert "up -" in text


def test_before_the_engine_is_there_the_page_says_so() -> None:
    assert "the engine is starting" in page(untouched_data(None))


def test_many_kinds_of_faults_are_cut_to_the_most_frequent() -> None:
    registry = Registry(VirtualClock())
    for number in range(1, 10):
        registry.record("llm.errors", "counter", number, {"agent": "developer", "kind": f"kind_{number}"})

    text = page(untouched_data(IDLE, registry))

    assert "9 kind_9" in text
    assert "6 of other kinds" in text


def test_a_model_with_a_strange_name_is_counted_as_what_it_did() -> None:
    registry = Registry(VirtualClock())
    registry.record("llm.request", "timing", 1.0, {"agent": "developer", "model": MODEL_NAME, "outcome": "error"})
    registry.record("llm.request", "timing", 1.0, {"agent": "developer", "model": "a", "outcome": "cancelled"})

    assert "ok 0 %  failed 100 %  cancelled 1" in page(untouched_data(IDLE, registry))


@pytest.mark.parametrize(
    ("cost", "words"),
    [
        (Cost(), "-"),
        (Cost(unknown_calls=2), "-"),
        (Cost(local_calls=2), "0 local"),
        (Cost(usd=Decimal("0.0123"), priced_calls=1), "$0.0123"),
        (Cost(usd=Decimal("0.5"), priced_calls=1, unknown_calls=1), "at least $0.5000"),
    ],
)
def test_a_cost_says_whether_it_is_known(cost: Cost, words: str) -> None:
    assert cost_words(cost) == words


async def test_one_key_opens_the_dashboard_of_the_running_engine_and_one_closes_it(tmp_path: Path) -> None:
    with use_registry(Registry()):
        shown = await dashboard_after_a_run(tmp_path)

    for words in ("ok 100 %", "✓ closed", "0 local", "✓ done", "memory"):
        assert words in shown


async def dashboard_after_a_run(folder: Path) -> str:
    async with working_app(folder) as (app, pilot, _):
        await pilot.press(*"slice", "enter")
        await until(pilot, lambda: f"run {DELIVERED}" in toasts(app))
        app.clear_notifications()  # they would cover the page
        await pilot.press("escape", "d")
        await until(pilot, lambda: "healthy" in screen_text(app))
        shown = screen_text(app)
        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.main)
    return shown


async def test_the_page_follows_the_engine_while_it_is_open() -> None:
    readings = [busy_data(BUSY), busy_data(replace(BUSY, requests=99, alerts=()))]
    async with WidgetHost().run_test(size=(80, 24)) as pilot:
        await open_page(pilot, lambda: readings[0])
        await until(pilot, lambda: "critical" in screen_text(pilot.app))
        del readings[0]
        await until(pilot, lambda: "✓ none" in screen_text(pilot.app))


async def test_the_page_scrolls_by_keys() -> None:
    async with WidgetHost().run_test(size=(80, 24)) as pilot:
        await open_page(pilot, lambda: busy_data(BUSY))
        at_top = screen_text(pilot.app)
        await pilot.press("G")
        await until(pilot, lambda: "PROCESS" in screen_text(pilot.app))
        await pilot.press("g")
        await until(pilot, lambda: screen_text(pilot.app) == at_top)


async def test_numbers_are_kept_while_the_screen_is_closed() -> None:
    app = frozen_app()
    async with app.run_test() as pilot:
        await settle(pilot)
        for at, requests in ((1000.0, 0), (1005.0, 10), (1010.0, 10), (1020.0, 30)):
            app.clock.at = at  # type: ignore[attr-defined]  # the frozen clock
            app.show_status(replace(IDLE, requests=requests))
        assert app._router is not None
        rates = app._router.history.samples.rates("requests", 1030.0, 120)

    assert rates[-6:] == [None, 2.0, 0.0, 2.0, 2.0, None]


async def test_an_alert_is_told_once_and_as_loud_as_it_is() -> None:
    app = frozen_app()
    async with app.run_test(notifications=True) as pilot:
        await settle(pilot)
        for name, severity in (("error_rate_high", "critical"), ("retry_rate_high", "warning"), ("queue_deep", "info")):
            app.receive(AlertFired(**run_fields(NOW), name=name, severity=severity, message=f"{name} [b]"))  # type: ignore[arg-type]
        app.receive(
            AlertResolved(**run_fields(NOW), name="queue_deep", severity="info", message="queue_deep has ended")  # type: ignore[arg-type]
        )
        await pilot.pause()
        told = [(toast.severity, toast.message) for toast in app._notifications]

    assert told == [
        ("error", "✗ critical: error_rate_high [b]"),
        ("warning", "! warning: retry_rate_high [b]"),
        ("information", "i info: queue_deep [b]"),
    ]


async def test_a_breaker_that_opens_has_one_toast_and_one_line() -> None:
    app = frozen_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await settle(pilot)
        app.receive(breaker_opens())
        app.receive(AlertFired(**run_fields(NOW), name="breaker_opened", severity="info", message="it is open"))  # type: ignore[arg-type]
        app.receive(AlertFired(**run_fields(NOW), name="breaker_recovered", severity="info", message="it is back"))  # type: ignore[arg-type]
        await pilot.pause()
        told = [toast.message for toast in app._notifications]
        lines = "\n".join(text.plain for _, text in app.main.team.activity._entries)

    assert len(told) == 2
    assert "its breaker is open" in told[0]
    assert told[1] == "i info: it is back"
    assert "alert" not in lines


async def test_the_dashboard_opens_only_over_the_panes() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        await pilot.press("f1")
        for command in ("dashboard", "show_log"):
            await app.action_command(command)
        await pilot.pause()

        assert isinstance(app.screen, HelpScreen)


@pytest.mark.parametrize(
    ("words", "title", "screen"),
    [("dashboard", "Dashboard  (d)", DashboardScreen), ("log", "Log  (L)", LogScreen)],
)
async def test_the_palette_opens_both_pages(words: str, title: str, screen: type[Screen[None]]) -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        await pilot.press("ctrl+p", *words)
        await until(pilot, lambda: palette_is_filled(app) and title in first_of_palette(app))
        async with asyncio.timeout(30):
            while isinstance(app.screen, CommandPalette):
                await pilot.press("enter")

        await until(pilot, lambda: isinstance(app.screen, screen))


def first_of_palette(app: QuintetApp) -> str:
    return str(app.screen.query_one(CommandList).get_option_at_index(0).prompt)
