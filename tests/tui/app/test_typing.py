"""The prompt: Enter sends, a paste does not, and no draft is ever lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.widgets import TextArea

from core.roster import AgentCard, read_roster
from tests.support.tui.app import frozen_app, settle
from tui.control.addressing import read_address
from tui.widgets.prompt.history import PromptHistory
from tui.widgets.prompt.prompt import Prompt


async def test_enter_sends_and_the_replay_gives_the_text_back() -> None:
    sent: list[str] = []

    def hook(message: object) -> None:
        if isinstance(message, Prompt.Sent):
            sent.append(message.text)

    async with frozen_app().run_test(message_hook=hook) as pilot:
        app = await settle(pilot)
        await pilot.press(*"hello", "enter")
        await pilot.pause()

        assert sent[:1] == ["hello"]
        assert app.main.prompt.text == "hello"


async def test_control_j_makes_a_line_and_the_prompt_grows_to_eight() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        heights = []
        for _ in range(10):
            await pilot.press("a", "ctrl+j")
            await pilot.pause()
            heights.append(app.main.prompt.size.height)

        assert heights[:3] == [2, 3, 4]
        assert max(heights) == 8
        assert app.main.prompt.text.count("\n") == 10


async def test_a_paste_never_sends_and_brings_no_escape_sequences() -> None:
    sent: list[object] = []
    async with frozen_app().run_test(
        message_hook=lambda m: sent.append(m) if isinstance(m, Prompt.Sent) else None
    ) as pilot:
        app = await settle(pilot)

        app.main.prompt.post_message(events.Paste("one\r\ntwo\n\x1b[31mthree\n"))
        await pilot.pause()

        assert app.main.prompt.text == "one\ntwo\n[31mthree\n"
        assert sent == []


async def test_up_and_down_walk_through_what_was_sent() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        prompt = app.main.prompt
        prompt.sent.add("first")
        prompt.sent.add("second\nline")

        await pilot.press(*"draft", "up")
        assert prompt.text == "second\nline"
        await pilot.press("up")
        assert prompt.text == "second\nline"  # the cursor was on the last of two lines
        await pilot.press("up")
        assert prompt.text == "first"
        await pilot.press("down", "down")
        assert prompt.text == "draft"


@given(sent=st.lists(st.text(min_size=1), max_size=12), draft=st.text(), steps=st.lists(st.booleans(), max_size=40))
def test_the_draft_is_always_at_the_end_of_the_history(sent: list[str], draft: str, steps: list[bool]) -> None:
    history = PromptHistory()
    for text in sent:
        history.add(text)
    shown = draft
    for is_up in steps:
        found = history.previous(shown) if is_up else history.next(shown)
        shown = shown if found is None else found

    while (found := history.next(shown)) is not None:
        shown = found
    assert shown == draft


async def test_the_draft_survives_everything_but_sending() -> None:
    async with frozen_app().run_test(size=(120, 40)) as pilot:
        app = await settle(pilot)
        await pilot.press(*"draft")

        await pilot.press("escape", "t", "l", "z", "f1", "escape", "ctrl+p", "escape", "i", "ctrl+c", "tab", "f4")
        await pilot.resize_terminal(40, 10)
        await pilot.resize_terminal(200, 60)
        await pilot.pause()

        assert app.main.prompt.text == "draft"


async def test_any_letter_without_a_meaning_goes_to_the_prompt() -> None:
    async with frozen_app().run_test() as pilot:
        app = await settle(pilot)
        await pilot.press("escape")
        was_typing = app.main.prompt.has_focus

        await pilot.press("H", "e", "y")

        assert (was_typing, app.main.prompt.has_focus) == (False, True)
        assert app.main.prompt.text == "Hey"


def test_the_prompt_has_no_language_because_the_parser_may_crash() -> None:
    prompt = Prompt(placeholder="", cursor_blink=False)

    assert isinstance(prompt, TextArea)
    assert prompt.language is None


@pytest.mark.parametrize(
    ("text", "agent_id", "words"),
    [
        ("use argparse", None, "use argparse"),
        ("@dev use argparse", "developer", "use argparse"),
        ("@DEV: use argparse", "developer", "use argparse"),
        ("@qa_engineer test it", "qa_engineer", "test it"),
        ("@property is missing", None, "@property is missing"),
        ("write to me@dev", None, "write to me@dev"),
        ("@", None, "@"),
    ],
)
def test_whom_a_prompt_is_for(text: str, agent_id: str | None, words: str) -> None:
    cards = (AgentCard("developer", "Developer", "DEV", 2), AgentCard("qa_engineer", "QA Engineer", "QA", 3))

    assert read_address(text, cards) == (agent_id, words)


def test_the_shipped_team_can_be_addressed_by_short_label() -> None:
    cards = read_roster()

    assert [read_address(f"@{card.short.lower()} hi", cards)[0] for card in cards] == [card.agent_id for card in cards]


async def test_a_replay_gives_back_what_cannot_be_sent() -> None:
    async with frozen_app().run_test(notifications=True) as pilot:
        app = await settle(pilot)

        await pilot.press(*"slice", "enter")
        await pilot.pause()

        assert app.main.prompt.text == "slice"
        assert [toast.message for toast in app._notifications] == ["this is a replay: nothing can be sent"]
