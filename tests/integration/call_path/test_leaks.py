"""Thoughts and the marks of chat templates that leak into the content: split off in the call, for listeners and callers alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from core.events import AttemptReset, CallFinished, ReasoningReceived, TokensReceived
from core.llm.call.cache import ResponseCache
from tests.support.call_harness import CallHarness
from tests.support.fault_server import DONE, Step, finish, ok, stream, thought, token, whole

THOUGHTS = "I could make server.py, but a plan is asked for."
ANSWER = "R1: it adds numbers\n"
LEAKS = {
    "tags": f"<think>\n{THOUGHTS}\n</think>\n\n{ANSWER}",
    "brackets": f"[THINK]{THOUGHTS}[/THINK]{ANSWER}",
    "channels": f"<|channel|>analysis<|message|>{THOUGHTS}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
    "no beginning": f"{THOUGHTS}\n</think>\n\n{ANSWER}",
    "no beginning of the channel": f"{THOUGHTS}<|end|><|start|>assistant<|channel|>final<|message|>{ANSWER}<|return|>",
    "a turn's end": f"<thinking>{THOUGHTS}</thinking>{ANSWER}<|im_end|>\n<|im_start|>assistant\n",
}


@pytest.fixture
async def cached(harness: CallHarness, tmp_path: Path) -> AsyncIterator[CallHarness]:
    cache = ResponseCache(tmp_path / "answers.sqlite", harness.clock)
    harness.configure(cache=cache)
    yield harness
    await cache.close()


def by_character(text: str) -> Step:
    return stream(*map(token, text), finish(), DONE)


@pytest.mark.parametrize("answer", LEAKS.values(), ids=LEAKS.keys())
@pytest.mark.parametrize("step", [ok, by_character, whole])
async def test_thoughts_in_the_content_go_out_as_thoughts(
    harness: CallHarness, answer: str, step: Callable[[str], Step]
) -> None:
    harness.server.script([step(answer)])

    reply = await harness.call(stream=step is not whole)

    assert (reply.text, reply.attempts, reply.complete) == (ANSWER, 1, True)
    assert THOUGHTS in reply.reasoning
    assert THOUGHTS in "".join(event.text for event in harness.recorder.of(ReasoningReceived))
    assert harness.recorder.of(CallFinished)[0].text == ANSWER


async def test_thoughts_in_a_field_and_in_the_content_are_both_thoughts(harness: CallHarness) -> None:
    harness.server.script([stream(thought("First. "), token("<think>Then."), token("</think>Done"), finish(), DONE)])

    reply = await harness.call()

    assert (reply.text, reply.reasoning) == ("Done", "First. Then.")


async def test_what_was_shown_before_it_turned_out_to_be_thoughts_is_void(harness: CallHarness) -> None:
    shown = asyncio.Event()
    harness.server.script([stream(token(THOUGHTS), shown, token("\n</think>\n\n"), token(ANSWER), finish(), DONE)])
    heard: list[tuple[str, bool]] = []

    def listen(text: str, restarted: bool) -> None:
        heard.append((text, restarted))
        shown.set()

    await harness.call(stream_callback=listen)

    assert heard == [(THOUGHTS, False), ("", True), (ANSWER, False)]
    assert [event.attempt for event in harness.recorder.of(AttemptReset)] == [1]
    assert [event.offset for event in harness.recorder.of(TokensReceived)] == [0, 0]


ONLY_THOUGHTS = {
    "never closed": f"<think>\n{THOUGHTS}\n# Title\n",
    "closed": f"<think>{THOUGHTS}</think>\n",
    "not opened": f"{THOUGHTS}\n</think>\n<|im_end|>",
    "a channel": f"<|channel|>analysis<|message|>{THOUGHTS}<|end|>",
    "nothing but a turn's end": "<|im_end|>",
}


@pytest.mark.parametrize("answer", ONLY_THOUGHTS.values(), ids=ONLY_THOUGHTS.keys())
@pytest.mark.parametrize("prefill", ["", "VERDICT:"])
async def test_thoughts_alone_are_no_answer_and_it_is_asked_again(
    harness: CallHarness, answer: str, prefill: str
) -> None:
    harness.server.script([ok(answer), ok("VERDICT: PASS")])
    assert (await harness.call(prefill=prefill)).text == "VERDICT: PASS"

    harness.server.script([ok(answer), ok(answer)])
    failed = await harness.fail(prefill=prefill)
    assert (failed.kind, failed.partial, failed.attempts) == ("empty", "", 2)
    assert failed.message.endswith("only its thoughts came") == (THOUGHTS in answer)


async def test_thoughts_before_a_prefill_do_not_double_it(harness: CallHarness) -> None:
    harness.server.script(
        [ok("<think>hm</think>VERDICT: PASS"), ok("Hm, it is fine.</think> PASS"), ok("<think>hm</think> PASS")]
    )

    for _ in range(3):
        assert (await harness.call(prefill="VERDICT:")).text.replace(" ", "") == "VERDICT:PASS"


async def test_thoughts_before_the_rest_of_a_cut_off_answer_are_none_of_it(harness: CallHarness) -> None:
    first, rest = "The first half of a long answer that stops in the mid", "dle of a word, and goes on."
    for leak in (
        f"<think>I go on.</think>{rest}",
        f"I go on.\n</think>\n{rest}",
        f"<think>Hm.</think>\n{first[-20:]}{rest}<|im_end|>",
    ):
        harness.server.script([ok(f"<think>{THOUGHTS}</think>{first}<|im_end|>", reason="length"), ok(leak)])

        reply = await harness.call(continue_with="Go on.")

        assert reply.text == first + rest
        assert harness.server.journal[-1].body["messages"][-2]["content"] == first


async def test_a_cached_answer_is_kept_without_thoughts_and_given_as_it_is(cached: CallHarness) -> None:
    cached.server.script([ok(f"<think>{THOUGHTS}</think>\n# T\n\nSee:\n<think>\nx\n</think>\n\n" + ANSWER)])

    first, second = [await cached.call(temperature=0) for _ in range(2)]

    assert (second.cached, second.text, second.reasoning) == (True, first.text, first.reasoning)
    assert THOUGHTS not in second.text


async def test_a_failed_attempts_thoughts_are_none_of_the_next(harness: CallHarness) -> None:
    harness.server.script([stream(token("<think>half a thou"), then="reset"), ok(ANSWER)])

    reply = await harness.call()

    assert (reply.text, reply.reasoning, reply.attempts) == (ANSWER, "", 2)
