"""Events reach their pane, late ones change nothing, and no text from outside is ever markup."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.events import (
    AlertFired,
    AttemptReset,
    AttemptStarted,
    BudgetReached,
    CallCancelled,
    Event,
    ReasoningReceived,
    RunFinished,
    SteeringReceived,
    TokensReceived,
    Warned,
)
from core.kinds import RunStatus
from core.state.status import AgentStatus, BreakerStatus, EndpointStatus, EngineStatus
from tests.support.tui.app import frozen_app, settle
from tests.support.tui.screen import screen_text
from tests.support.tui.scripted_run import (
    BRIEF,
    IN_THE_MIDDLE,
    FrozenClock,
    attempt,
    breaker_closes,
    breaker_holds_devops,
    breaker_opens,
    call,
    call_failed,
    call_fields,
    everybody_waits,
    fails,
    file_rejected,
    file_written,
    finishes,
    first_half,
    hand_off,
    run_fields,
    start,
    status_after,
    step,
    step_end,
    tokens,
    waits,
)
from tui.app import QuintetApp
from tui.widgets.stream.agent_pane import AgentPane

ATTACK = "[red]x[/] [@click=app.quit]y[/] \x1b[31mred\x1b]0;title\x07 \u202eabc"


def pane(app: QuintetApp, agent_id: str) -> AgentPane:
    found = app.main.team.pane_of(agent_id)
    assert found is not None
    return found


def token(text: str, *, offset: int, number: int = 1, call_id: str = "code") -> Event:
    return TokensReceived(
        **call_fields("developer", call_id, number, 1001.0),  # type: ignore[arg-type]
        seq=0,
        offset=offset,
        text=text,
    )


async def test_an_answer_is_shown_as_it_streams() -> None:
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)

        for event in (
            start(),
            step("business_analyst", "brief", 1000.0),
            *call("business_analyst", "b", 1000.0, BRIEF, 96),
            step_end("business_analyst", "brief", 1005.0),
        ):
            app.receive(event)
        await pilot.pause()

        assert pane(app, "business_analyst").view.answer_source == BRIEF
        title, subtitle = pane(app, "business_analyst").border_text()
        assert title == "1 Business Analyst ✓ done"
        assert subtitle == "SmolLM2-135M · 96 tok · 0:05 · try 1"


async def test_events_of_a_past_attempt_change_nothing() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "code", 1, 1000.0), token("old", offset=0)):
            app.receive(event)
        app.receive(AttemptReset(**call_fields("developer", "code", 2, 1001.0)))  # type: ignore[arg-type]
        for event in (*attempt("developer", "code", 2, 1002.0), token("new", offset=0, number=2)):
            app.receive(event)

        app.receive(token("late", offset=3))
        app.receive(finishes("code", 1, "oldlate"))
        app.receive(attempt("developer", "code", 1, 1003.0)[0])

        assert pane(app, "developer").view.answer_source == "new"
        assert pane(app, "developer").status.state == "streaming"


async def test_what_turned_out_to_be_thoughts_is_taken_back_within_an_attempt() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "code", 1, 1000.0), token("I could", offset=0)):
            app.receive(event)

        app.receive(AttemptReset(**call_fields("developer", "code", 1, 1001.0)))  # type: ignore[arg-type]
        app.receive(ReasoningReceived(**call_fields("developer", "code", 1, 1001.0), seq=0, text="I could"))  # type: ignore[arg-type]
        assert pane(app, "developer").border_text()[0].endswith("reasoning")

        app.receive(token("x = 1", offset=0))
        assert pane(app, "developer").view.answer_source == "x = 1"
        assert pane(app, "developer").status.state == "streaming"


@pytest.mark.parametrize(
    ("pieces", "shown"),
    [
        ([("abc", 0), ("def", 3)], "abcdef"),
        ([("abc", 0), ("abc", 0), ("def", 3)], "abcdef"),
        ([("abc", 0), ("bcdef", 1)], "abcdef"),
        ([("abc", 0), ("f", 5)], "abcf"),
    ],
    ids=["in order", "twice", "overlapping", "with a gap"],
)
async def test_no_character_is_shown_twice(pieces: list[tuple[str, int]], shown: str) -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        app.receive(attempt("developer", "code", 1, 1000.0)[0])

        for text, offset in pieces:
            app.receive(token(text, offset=offset))

        assert pane(app, "developer").view.answer_source == shown
        app.receive(finishes("code", 1, "abcdef"))
        assert pane(app, "developer").view.answer_source == "abcdef"


async def test_a_failed_call_says_why_in_the_pane() -> None:
    async with frozen_app().run_test(notifications=True) as pilot:
        app = await settle(pilot)
        for event in attempt("developer", "code", 1, 1000.0):
            app.receive(event)

        app.receive(call_failed("developer", "code", 1, 1001.0, "the key was refused", "set LLM_API_KEY"))

        assert "the key was refused - set LLM_API_KEY" in pane(app, "developer").view.source
        assert pane(app, "developer").border_text()[0] == "2 Developer ✗ failed"


async def test_what_the_call_has_said_is_not_said_again_by_its_step() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        app.receive(step("developer", "build", 1000.0))
        for event in attempt("developer", "build/code", 1, 1000.0):
            app.receive(event)

        app.receive(call_failed("developer", "build/code", 1, 1001.0, "the key was refused", "set LLM_API_KEY"))
        app.receive(step_end("developer", "build", 1002.0, "failed", "the key was refused - set LLM_API_KEY"))
        source = pane(app, "developer").view.source

        assert source.count("the key was refused") == 1
        assert "step build: failed" in source


async def test_what_a_step_has_to_tell_stands_in_its_pane_also_when_it_went_well() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        app.receive(step("qa_engineer", "test", 1000.0))

        app.receive(step_end("qa_engineer", "test", 1004.0, notes="no opinion: it said fail without a finding"))

        assert "no opinion: it said fail" in pane(app, "qa_engineer").view.source
        assert pane(app, "qa_engineer").border_text()[0] == "3 QA Engineer ✓ done"


async def test_a_call_that_ends_before_it_sent_anything_is_seen_to_end() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        for event in attempt("developer", "code", 1, 1000.0):
            app.receive(event)

        app.receive(CallCancelled(**call_fields("developer", "code", 0, 1001.0), partial=""))  # type: ignore[arg-type]

        assert pane(app, "developer").border_text()[0] == "2 Developer ■ stopped"


async def test_a_run_that_fails_is_told_in_the_pane_and_in_a_toast() -> None:
    async with frozen_app().run_test(size=(120, 40), notifications=True) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(step("developer", "code", 1000.0))
        app.receive(step_end("developer", "code", 1001.0, "failed", "no answer"))

        app.receive(
            RunFinished(
                **run_fields(1002.0),  # type: ignore[arg-type]
                status="failed",
                verdict="not_executed",
                reason="the developer got no answer",
                output_dir="output/x",
                files=(),
                duration_seconds=2.0,
            )
        )
        await settle(pilot)

        assert "run failed: the developer got no answer" in pane(app, "developer").view.source
        assert "Press Up to edit the task" in " ".join(screen_text(app).split())


def run_finished(status: RunStatus, files: tuple[str, ...] = (), reason: str = "") -> Event:
    return RunFinished(
        **run_fields(1066.0),  # type: ignore[arg-type]
        status=status,
        verdict="pass" if status == "passed" else "not_executed",
        reason=reason,
        output_dir=str(Path.cwd() / "output/x"),
        files=files,
        duration_seconds=66.0,
    )


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
@pytest.mark.parametrize(
    ("event", "words", "note"),
    [
        (
            run_finished("passed", ("a", "b", "c")),
            "✓ passed 1:06 · 3 files · tests prove it",
            "run passed: 3 files in output/x",
        ),
        (
            run_finished("failed", ("a",), "no answer"),
            "✗ failed 1:06 · 1 file · not executed",
            "run failed: no answer",
        ),
        (
            run_finished("unverified", ("a",), "nothing is proven"),
            "! unverified 1:06 · 1 file · not executed",
            "run unverified: nothing is proven",
        ),
        (
            run_finished("stopped"),
            "■ stopped 1:06 · 0 files · not executed",
            "run stopped: 0 files in output/x",
        ),
    ],
    ids=["passed", "failed", "unverified", "stopped"],
)
async def test_how_the_run_ended_stays_on_the_screen_until_the_next_one(
    event: Event, words: str, note: str, size: tuple[int, int]
) -> None:
    async with frozen_app().run_test(size=size) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(step("developer", "code", 1000.0))
        app.receive(event)
        await settle(pilot)

        assert words in screen_text(app).splitlines()[0]
        assert pane(app, "developer").view.source.count(note) == 1
        assert sum(note in other.view.source for other in app.main.team.panes) == 1
        assert note in screen_text(app)

        app.receive(start())
        await settle(pilot)
        assert words not in screen_text(app)


async def test_a_warning_that_stands_on_the_screen_anyway_makes_no_toast() -> None:
    note = "no key is sent: the address comes from a project's file"
    endpoint = EndpointStatus(label="server", kind="remote", model="m", state="ready", note=note)
    async with frozen_app().run_test(size=(80, 24), notifications=True) as pilot:
        app = await settle(pilot, EngineStatus(endpoint=endpoint))
        assert note[:40] in " ".join(screen_text(app).split())

        for message in (note, "the disk is nearly full"):
            app.receive(Warned(**run_fields(1001.0), message=message, hint=""))  # type: ignore[arg-type]
        await pilot.pause()

        assert [toast.message for toast in app._notifications] == ["the disk is nearly full"]


@pytest.mark.parametrize(
    ("task_id", "heading"),
    [
        ("test/test_reverse.py", "test_reverse.py"),
        ("package/.github/ci.yml", ".github/ci.yml"),
        ("test/verdict", "verdict"),
        ("verdict", "verdict"),
        ("verdict/", "verdict/"),
    ],
)
async def test_an_answer_is_headed_by_its_file_or_its_job(task_id: str, heading: str) -> None:
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(
            AttemptStarted(**call_fields("developer", "c", 1, 1000.0, task_id), model="m")  # type: ignore[arg-type]
        )
        await settle(pilot)

        assert heading in pane(app, "developer").view.source.splitlines()[0]
        assert pane(app, "developer").view.source.splitlines()[0].strip("# ") == heading


async def test_countdowns_of_retry_and_breaker_go_down() -> None:
    clock = FrozenClock()
    async with frozen_app(clock=clock).run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in first_half():
            app.receive(event)
        devops = pane(app, "devops_engineer")
        assert devops.border_text()[0] == "4 DevOps Engineer ↻ retry 2 in 1.8 s"

        app.receive(breaker_opens())
        assert devops.border_text()[0] == "4 DevOps Engineer ↻ retry 2 in 1.8 s"
        app.receive(breaker_holds_devops())
        assert devops.border_text()[0] == "4 DevOps Engineer ✗ breaker open 42 s"
        clock.at += 5
        app.main.tick()
        assert devops.border_text()[0] == "4 DevOps Engineer ✗ breaker open 37 s"
        clock.at += 40
        app.main.tick()
        assert devops.border_text()[0] == "4 DevOps Engineer ✗ breaker tries again"

        app.receive(breaker_closes())
        app.receive(attempt("devops_engineer", "Dockerfile", 2, 1090.0)[0])
        assert devops.border_text()[0] == "4 DevOps Engineer … thinking"


async def test_only_agents_that_wait_for_the_breaker_are_shown_to_wait() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*first_half(), breaker_opens(), breaker_holds_devops()):
            app.receive(event)

        held = [pane.card.agent_id for pane in app.main.team.panes if "breaker" in pane.border_text()[0]]

        assert held == ["devops_engineer"]


async def test_a_wait_in_mid_answer_keeps_the_text_and_the_attempt() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "code", 1, 1000.0), token("def ", offset=0)):
            app.receive(event)
        app.receive(waits("developer", "code", 1, 1040.0, "own_rate", until=1045.0))
        developer = pane(app, "developer")
        assert developer.border_text()[0] == "2 Developer ⏸ own limit 3.0 s"
        assert developer.view.answer_source == "def "

        app.receive(token("f()", offset=4))
        assert developer.view.answer_source == "def f()"
        assert developer.border_text()[0] == "2 Developer ▶ streaming"

        app.receive(waits("developer", "code", 1, 1041.0, "breaker"))
        app.receive(AttemptReset(**call_fields("developer", "code", 2, 1042.0)))  # type: ignore[arg-type]
        for event in (*attempt("developer", "code", 2, 1042.0), token("again", offset=0, number=2)):
            app.receive(event)
        app.receive(waits("developer", "code", 1, 1042.5, "breaker"))  # late: the attempt it was before has begun

        assert developer.view.answer_source == "again"
        assert developer.view.source.count("again") == 1
        assert developer.border_text()[0] == "2 Developer ▶ streaming"


async def test_a_call_that_comes_into_sight_while_it_waits_gets_an_answer_of_its_own() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "a", 1, 1000.0), token("first", offset=0, call_id="a")):
            app.receive(event)
        app.receive(finishes("a", 1, "first"))

        app.receive(waits("developer", "b", 3, 1041.0, "breaker", until=1050.0))
        for event in (*attempt("developer", "b", 4, 1050.0), token("second", offset=0, number=4, call_id="b")):
            app.receive(event)

        assert pane(app, "developer").view.answer_source == "second"
        assert "first" in pane(app, "developer").view.source


async def test_the_time_of_a_call_includes_its_waits() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "a", 1, 900.0), finishes("a", 1, "first")):
            app.receive(event)

        app.receive(waits("developer", "b", 0, 1032.0, position=1))
        assert "0:10" in pane(app, "developer").border_text()[1]
        app.receive(attempt("developer", "b", 1, 1040.0)[0])
        assert "0:10" in pane(app, "developer").border_text()[1]


async def test_a_model_that_loads_is_told_once_however_often_it_is_asked() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for at in range(1000, 1010):
            app.receive(attempt("developer", "code", 1, at)[0])
            app.receive(fails("developer", "code", 1, at, "loading", "localhost is still loading its model", 1.0))

        assert pane(app, "developer").border_text()[0] == "2 Developer ⏸ loading the model"
        assert pane(app, "developer").view.source.count("still loading") == 1


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_every_countdown_is_readable_at_every_size(size: tuple[int, int]) -> None:
    async with frozen_app().run_test(size=size) as pilot:
        app = await settle(pilot)
        for event in everybody_waits():
            app.receive(event)
        await settle(pilot, status_after(everybody_waits()))
        shown = screen_text(app)

    titles = ("queued 2 ahead", "breaker open 42 s", "rate limit 12 s", "retry 2 in 1.8 s", "own limit 3.0 s")
    briefs = ("2 ahead", "open 42s", "limit 12s", "retry 2s", "own 3s")
    assert [words for words in (briefs if size == (80, 24) else titles) if words not in shown] == []


async def test_a_fallback_has_a_badge_and_one_line_in_the_timeline() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        app.receive(start())
        for number in (1, 2):
            fields = call_fields("developer", "code", number, 1001.0)
            app.receive(AttemptStarted(**fields, model="b", endpoint="host/b", fallback=True))  # type: ignore[arg-type]
        assert "⇄ fallback" in pane(app, "developer").border_text()[1]
        assert "⇄ fallback" not in pane(app, "qa_engineer").border_text()[1]
        app.receive(attempt("developer", "code", 3, 1002.0)[0])
        assert "⇄ fallback" not in pane(app, "developer").border_text()[1]
        await settle(pilot)
        await pilot.press("escape", "6")
        await settle(pilot)

        assert screen_text(app).count("⇄ DEV uses the fallback host/b") == 1


@pytest.mark.parametrize(
    "events",
    [
        [finishes("code", 0, "kept", cached=True)],
        [waits("developer", "code", 0, 1001.0), finishes("code", 0, "kept", cached=True)],
        [*attempt("developer", "code", 1, 1001.0), token("kept", offset=0), finishes("code", 1, "kept", cached=True)],
    ],
    ids=["its end alone", "after a wait", "replayed as a stream"],
)
async def test_an_answer_from_the_cache_is_whole_and_says_where_it_comes_from(events: list[Event]) -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "before", 1, 1000.0), finishes("before", 1, "earlier"), *events):
            app.receive(event)
        source = pane(app, "developer").view.source
        app.main.navigation.leave_welcome()
        app.main.navigation.show_working(pane(app, "developer"))
        await settle(pilot)

        assert pane(app, "developer").view.answer_source == "kept"
        assert source.count("kept") == 1
        assert "earlier" in source
        assert "from the cache" in screen_text(app)


async def test_an_answer_that_was_cut_off_says_so() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        for event in (*attempt("developer", "code", 1, 1000.0), finishes("code", 1, "a", finish_reason="length")):
            app.receive(event)
        app.main.navigation.leave_welcome()
        app.main.navigation.show_working(pane(app, "developer"))
        await settle(pilot)

        assert "cut off at its length limit" in screen_text(app)


async def test_a_breaker_that_opens_says_what_it_waits_for_and_which_keys_retry_and_stop() -> None:
    async with frozen_app().run_test(notifications=True) as pilot:
        app = await settle(pilot)

        app.receive(breaker_opens())
        await pilot.press("escape")
        app.receive(breaker_opens())
        await settle(pilot)
        typing, in_panes = (notification.message for notification in app._notifications)

        assert typing.startswith("127.0.0.1:8080 SmolLM2-135M fails again and again: its breaker is open.")
        assert "Calls wait until it answers, next try in 43 s." in typing
        assert typing.endswith("Esc R retries now, ^C stops the run.")
        assert in_panes.endswith(" R retries now, ^C stops the run.")
        assert "Esc" not in in_panes


async def test_an_open_breaker_shows_no_count_of_failures_that_looks_like_health() -> None:
    breaker = BreakerStatus("127.0.0.1:8080", "open", 0, 5, 42.0)
    status = EngineStatus(EndpointStatus("127.0.0.1:8080", "local", "m", "ready"), breakers=(breaker,), running=True)
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot, status)

        assert "BREAKER  ✗ open 42 s" in screen_text(app)
        assert "0/5" not in screen_text(app)


async def test_a_toast_stays_for_as_long_as_it_takes_to_read() -> None:
    async with frozen_app().run_test(notifications=True) as pilot:
        app = await settle(pilot)

        for words in ("Developer is off", "a reason of some length, and what can be done about it now " * 2, "x" * 600):
            app.say(words)
        await settle(pilot)

        assert [round(toast.timeout) for toast in app._notifications] == [2, 8, 15]


async def test_files_are_listed_with_what_became_of_them() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)

        app.receive(start())
        app.receive(file_rejected("a.py", "no code in the answer", 1001.0))
        app.receive(file_written("a.py", 1002.0))
        app.receive(file_rejected("b.py", "cut off", 1003.0))

        assert [(row.path, row.why) for row in app.main.team.activity.files] == [("a.py", ""), ("b.py", "cut off")]


async def test_words_of_the_user_are_shown_where_they_go() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)

        for agent_id, text in (("developer", "use argparse"), ("", "be brief")):
            app.receive(SteeringReceived(**run_fields(1001.0), agent_id=agent_id, text=text))  # type: ignore[arg-type]

        assert "you: use argparse" in pane(app, "developer").view.source
        assert "you: use argparse" not in pane(app, "qa_engineer").view.source
        assert all("you: be brief" in pane.view.source for pane in app.main.team.panes)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
async def test_text_from_outside_is_never_markup_nor_an_escape_sequence(size: tuple[int, int]) -> None:
    endpoint = EndpointStatus(label=ATTACK, kind="remote", model=ATTACK, state="failed", note=ATTACK)
    status = EngineStatus(
        endpoint=endpoint, agents=(AgentStatus("developer", state="waiting", detail=ATTACK),), running=True
    )
    async with frozen_app().run_test(size=size, notifications=True) as pilot:
        app = await settle(pilot, status)
        for event in (
            start(ATTACK),
            step("developer", ATTACK, 1000.0),
            *attempt("developer", ATTACK, 1, 1000.0),
            *tokens("developer", ATTACK, 1, 1001.0, ATTACK),
            call_failed("developer", ATTACK, 1, 1002.0, ATTACK, ATTACK),
            step_end("developer", ATTACK, 1003.0, "failed", ATTACK),
            file_written(ATTACK, 1004.0),
            file_rejected(ATTACK + "2", ATTACK, 1004.0),
            hand_off(ATTACK, ATTACK, ATTACK, 1005.0),
            Warned(**run_fields(1006.0), message=ATTACK, hint=ATTACK),  # type: ignore[arg-type]
            AlertFired(**run_fields(1006.0), name=ATTACK, severity="warning", message=ATTACK),  # type: ignore[arg-type]
            BudgetReached(**run_fields(1006.0), what=ATTACK, limit=1.0, used=2.0),  # type: ignore[arg-type]
            SteeringReceived(**run_fields(1006.0), agent_id="", text=ATTACK),  # type: ignore[arg-type]
        ):
            app.receive(event)
        await settle(pilot, status)
        shown = screen_text(app)
        await pilot.press("escape", "6")
        await settle(pilot, status)
        shown += screen_text(app)

    assert "[red]x[/]" in shown
    assert "[@click=app.quit]" in shown
    assert not set(shown) & set("\x1b\x07\u202e")
    assert app.return_value is None


async def test_nothing_is_painted_while_nothing_changes() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot, IN_THE_MIDDLE)
        sidebar = app.main.query_one("#sidebar-text")
        await pilot.pause()
        painted = sidebar._dirty_regions.copy()

        app.show_status(IN_THE_MIDDLE)

        assert sidebar._dirty_regions == painted


async def test_a_pane_that_was_scrolled_up_stays_and_says_how_to_get_back() -> None:
    async with frozen_app().run_test(size=(80, 24)) as pilot:
        app = await settle(pilot)
        app.receive(start())
        app.receive(step("developer", "code", 1000.0))
        text = "".join(f"line {number}\n\n" for number in range(60))
        for event in (*attempt("developer", "code", 1, 1000.0), *tokens("developer", "code", 1, 1001.0, text)):
            app.receive(event)
        await settle(pilot)
        developer = pane(app, "developer")

        await pilot.press("pageup")
        await settle(pilot)
        top = developer.view.scroll_offset.y
        app.receive(token("more\n\nand more\n\n", offset=len(text)))
        await settle(pilot)

        assert "(End)" in developer.border_text()[1]
        assert developer.view.scroll_offset.y == top
        await pilot.press("escape", "G")
        await settle(pilot)
        assert "(End)" not in developer.border_text()[1]
