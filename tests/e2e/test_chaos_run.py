"""The main job in the app while the network breaks a third of the requests, and while the server is gone for good."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.clock import SystemClock
from core.events import AttemptFailed, AttemptStarted, CallQueued, Event, FileWritten, RunFinished
from core.llm.embedded.server import EmbeddedServer
from core.sessions.journal import CallContract, check_journal
from core.settings import Settings, load_config
from tests.support.chaos_proxy import BROKEN_SHARE, ChaosProxy
from tests.support.fault_server import FaultServer, chunk, error, stream, token
from tests.support.hypothesis_profiles import cases_of_profile
from tests.support.team import DELIVERED, ScriptedTeam, team_settings, write_team
from tests.support.tui.app import FROZEN_SETTINGS
from tests.support.tui.screen import until
from tui.app import QuintetApp
from tui.screens.help import HelpScreen

WAITS = {
    "slot": "queued",
    "server": "server gone",
    "breaker": "breaker",
    "rate_limit": "rate limit",
    "own_rate": "own limit",
}
PATIENT: Mapping[str, object] = {
    **FROZEN_SETTINGS,
    "llm.first_token_timeout": 1.0,
    "llm.stall_timeout": 1.0,
    "circuit_breaker.timeout": 0.3,
}
TASK = "Write a Python function that reverses a string, with tests"


class WitnessedApp(QuintetApp):
    """The app, and somebody who looks at the screen at every event.

    Attributes:
        unseen: waits that were told by an event and could not be read on the screen.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(overrides=FROZEN_SETTINGS, load_settings=lambda _overrides: settings)
        self.contract = CallContract()
        self.events: list[Event] = []
        self.unseen: list[str] = []

    def receive(self, event: Event) -> None:
        super().receive(event)
        self.contract.see(event)
        self.events.append(event)
        match event:
            case AttemptFailed(will_retry=True):
                self._expect(
                    event.agent_id, "loading" if event.kind == "loading" else f"retry {event.attempt + 1}", event
                )
            case CallQueued():
                self._expect(event.agent_id, WAITS[event.reason], event)
            case _:
                pass

    def _expect(self, agent_id: str, words: str, event: Event) -> None:
        pane = self.main.team.pane_of(agent_id)
        title = pane.border_text()[0] if pane is not None else "no pane"
        if words not in title:
            self.unseen.append(f"{title!r} does not say {words!r} for {event}")

    @property
    def finished(self) -> RunFinished | None:
        return next((event for event in self.events if isinstance(event, RunFinished)), None)

    @property
    def failed_attempts(self) -> list[AttemptFailed]:
        return [event for event in self.events if isinstance(event, AttemptFailed)]


def check_all_was_seen(app: WitnessedApp) -> None:
    """Assert that every failed attempt has its note in the pane of its agent, and every wait stood in its title."""
    assert app.unseen == []
    for event in app.failed_attempts:
        pane = app.main.team.pane_of(event.agent_id)
        assert pane is not None
        notes = [line for line in pane.view.source.splitlines() if f"try {event.attempt} failed: " in line]
        told = [
            other for other in app.failed_attempts if (other.agent_id, other.attempt) == (event.agent_id, event.attempt)
        ]
        assert len(notes) >= len(told), f"{pane.card.title} does not tell of {event}"


def check_no_token_is_lost(app: WitnessedApp) -> None:
    """Assert that the events, and the journal that was written of them, hold each token of the answers once."""
    app.contract.expect_ends()
    assert app.contract.violations == []
    (journal,) = Path.home().rglob("journal.jsonl")
    assert check_journal(journal) == ()


@asynccontextmanager
async def team_at(folder: Path, base_url: str, **settings: object) -> AsyncIterator[tuple[WitnessedApp, Pilot[int]]]:
    """Yield an app whose team asks this server."""
    dotted = {name.replace("__", "."): value for name, value in settings.items()}
    app = WitnessedApp(team_settings(folder, base_url, **{**PATIENT, **dotted}))
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: app.engine is not None)
        yield app, pilot


async def deliver(folder: Path, *, seed: int, broken_share: float) -> tuple[WitnessedApp, ChaosProxy]:
    """Let the scripted team deliver through a proxy, and return what was seen."""
    write_team(folder / "team")
    (folder / "project").mkdir()
    async with FaultServer() as server:
        server.answer_by(ScriptedTeam())
        async with ChaosProxy(server.base_url, seed, broken_share) as proxy:
            async with team_at(folder, proxy.base_url) as (app, pilot):
                await pilot.press(*"slice", "enter")
                await until(pilot, lambda: app.finished is not None)
                await pilot.pause()
                check_all_was_seen(app)
            assert await server.all_closed()
    return app, proxy


def delivered(app: WitnessedApp) -> dict[str, bytes]:
    assert app.finished is not None
    folder = Path(app.finished.output_dir)
    return {path: (folder / path).read_bytes() for path in app.finished.files}


@pytest.mark.parametrize("seed", cases_of_profile([4, 11, 14], by_default=1))
async def test_a_delivery_through_a_flaky_network_is_whole_and_correct(tmp_path: Path, seed: int) -> None:
    for name in ("calm", "flaky"):
        (tmp_path / name).mkdir()

    flaky, proxy = await deliver(tmp_path / "flaky", seed=seed, broken_share=BROKEN_SHARE)
    check_no_token_is_lost(flaky)
    calm, _ = await deliver(tmp_path / "calm", seed=seed, broken_share=0.0)

    assert flaky.finished is not None
    assert flaky.finished.status == DELIVERED
    assert flaky.finished.verdict == "not_executed"
    assert delivered(flaky) == delivered(calm)
    assert len(delivered(flaky)) >= 6
    assert len(proxy.broken) >= 2
    assert len([event for event in flaky.failed_attempts if event.will_retry]) >= len(proxy.broken)
    assert calm.failed_attempts == []


@pytest.mark.embedded
@pytest.mark.timeout(300)
async def test_the_embedded_model_behind_a_flaky_network_delivers_as_well(tmp_path: Path) -> None:
    async with AsyncExitStack() as around:
        model = EmbeddedServer(log_file=tmp_path / "model.log", clock=SystemClock())
        around.push_async_callback(model.stop)
        address = await model.ensure_started()
        # No stalls: on a busy machine a real model may be as slow as a short limit would allow.
        faults = ("closed", "reset", "503", "429", "cut", "error event", "no end mark")
        proxy = await around.enter_async_context(ChaosProxy(address.base_url, seed=5, broken_share=0.6, faults=faults))
        settings = load_config(
            overrides={
                **FROZEN_SETTINGS,
                "llm.base_url": proxy.base_url,
                "llm.api_key": address.api_key,
                "llm.model": address.model_label,
                "llm.context_tokens": address.context_tokens,
                "llm.max_concurrency": address.slots,
                "llm.max_retries": 10,  # which call meets how many of the faults depends on which agent is faster
                "llm.retry_initial_delay": 0.01,
                "llm.retry_max_delay": 0.02,
                "circuit_breaker.timeout": 0.3,
                "workspace.output_dir": tmp_path / "output",
            },
            cwd=tmp_path,
            env={},
            user_config=tmp_path / "none.toml",
        )
        app = WitnessedApp(settings)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.engine is not None)
            app.controller.start_run(TASK)
            async with asyncio.timeout(240):
                while app.finished is None:
                    await pilot.pause()
            await pilot.pause()
            check_all_was_seen(app)

    check_no_token_is_lost(app)
    assert app.finished is not None
    assert proxy.broken
    written = {event.path for event in app.events if isinstance(event, FileWritten)}
    assert set(app.finished.files) == written
    assert len(written) >= 3
    assert not [event for event in app.failed_attempts if not event.will_retry]


@pytest.mark.parametrize(
    ("death", "waits_for", "told"),
    [("off", "server gone", "cannot connect to"), ("sick", "breaker open", "had an internal error")],
)
async def test_a_server_that_is_gone_for_good_leaves_the_app_in_the_users_hands(
    tmp_path: Path, death: str, waits_for: str, told: str
) -> None:
    others = {task for task in asyncio.all_tasks() if not task.done()}
    write_team(tmp_path / "team")
    (tmp_path / "project").mkdir()
    dying = asyncio.Event()
    half = stream(chunk({"role": "assistant", "content": None}), token("```python\ndef rev"), dying, then="reset")
    async with AsyncExitStack() as power:
        server = await power.enter_async_context(FaultServer())
        server.answer_by(ScriptedTeam({"code_file": half}))
        patient = {"circuit_breaker__threshold": 3, "circuit_breaker__timeout": 60.0}
        async with team_at(tmp_path, server.base_url, **patient) as (app, pilot):
            developer = app.main.team.panes[1]
            await pilot.press(*"slice", "enter")
            await until(pilot, lambda: "def rev" in developer.view.source)

            if death == "off":
                await power.aclose()
            else:
                server.routes["/health"] = server.models_answer = error(503, "down")
                server.answer_by(lambda _body: error(503, "down"))
                dying.set()

            # It says what is wrong, what it waits for and until when.
            await until(pilot, lambda: developer.status.has_wait_to_end and "retry" not in developer.border_text()[0])
            app.status_poll.pull()
            await pilot.pause()
            sidebar = str(app.main.query_one("#sidebar-text").render())
            assert re.search(rf"{waits_for}.* \d+(\.\d)? s", developer.border_text()[0])
            assert f"127.0.0.1:{server.port}" in sidebar
            assert re.search(r"DEV +(✗ open|⏸ gone) \d+s", sidebar)
            assert ("✗ open" in sidebar) == (death == "sick")

            # Keys are answered.
            await pilot.press("f1")
            await until(pilot, lambda: isinstance(app.screen, HelpScreen))
            await pilot.press("escape")
            await until(pilot, lambda: not isinstance(app.screen, HelpScreen))

            # One of them makes an attempt at once, long before its time.
            await pilot.press("escape")
            tries = count(app, AttemptStarted)
            for _ in range(6):  # more often than a call may be retried: it is the user who asks
                await pilot.press("R")
                tries += 1
                await until(pilot, lambda: count(app, AttemptStarted) >= tries)  # noqa: B023 - awaited in this round
                await until(
                    pilot, lambda: developer.status.has_wait_to_end and "retry" not in developer.border_text()[0]
                )
            assert told in developer.view.source
            assert app.engine is not None
            assert app.engine.status().running

            # Another one ends it all.
            async with asyncio.timeout(30):
                await pilot.press("ctrl+c")
                await until(pilot, lambda: app.finished is not None and not app.controller.has_run)
            assert app.finished is not None
            assert app.finished.status == "stopped"
            pool = app.engine.status().pool
            assert (pool.in_flight, pool.waiting) == (0, 0)
            check_all_was_seen(app)
        assert await server.all_closed()

    check_no_token_is_lost(app)
    assert {task for task in asyncio.all_tasks() if not task.done()} == others


def count(app: WitnessedApp, event_class: type[Event]) -> int:
    return sum(isinstance(event, event_class) for event in app.events)
