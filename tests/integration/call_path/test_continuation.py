"""Answers cut off at a length limit: gone on with twice, joined without a seam, and never taken for whole ones."""

from __future__ import annotations

import pytest

from core.events import AttemptFailed, AttemptReset, AttemptStarted, CallFinished
from tests.support.call_harness import CallHarness
from tests.support.fault_server import Step, error, finish, hang_up, ok, status, stream, token, usage

GO_ON = "Go on exactly where you stopped."
FIRST = "The first half of a long answer that stops in the mid"
REST = "dle of a word, and goes on."


def cut_off(text: str) -> Step:
    return ok(text, reason="length")


async def test_a_cut_off_answer_is_gone_on_with(harness: CallHarness) -> None:
    harness.server.script([cut_off(FIRST), ok(REST)])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.text, reply.finish_reason, reply.complete) == (FIRST + REST, "stop", True)
    assert reply.attempts == 1
    assert (reply.usage.input_tokens, reply.usage.output_tokens) == (22, 14)
    assert [message["content"] for message in harness.server.journal[1].body["messages"]][-2:] == [FIRST, GO_ON]
    assert len(harness.recorder.of(AttemptStarted)) == 1


async def test_what_the_rest_repeats_is_shown_once(harness: CallHarness) -> None:
    harness.server.script([cut_off(FIRST), ok("a long answer that stops in the mid" + REST)])

    assert (await harness.call(continue_with=GO_ON)).text == FIRST + REST


async def test_it_is_gone_on_twice_and_then_the_answer_is_marked_as_cut_off(harness: CallHarness) -> None:
    harness.server.script([cut_off(FIRST), cut_off("dle of a word, then "), cut_off("another piece, and")])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.finish_reason, reply.complete) == ("length", False)
    assert reply.text == FIRST + "dle of a word, then another piece, and"
    assert len(harness.server.journal) == 3


async def test_the_embedded_model_goes_on_after_the_text_in_its_mouth(harness: CallHarness) -> None:
    harness.server.script([cut_off(" def f():\n    return"), ok("```python\n def f():\n    return 1\n")])

    reply = await harness.call(continue_with=GO_ON, prefill="```python\n", endpoint=harness.endpoint(kind="embedded"))

    assert reply.text == "```python\n def f():\n    return 1\n"
    last = harness.server.journal[1].body["messages"][-1]
    assert last == {"role": "assistant", "content": "```python\n def f():\n    return"}


@pytest.mark.parametrize(
    ("text", "words"), [(FIRST, ""), ("again and " * 60, GO_ON), ("", GO_ON)], ids=["not asked", "a loop", "nothing"]
)
async def test_what_is_not_worth_it_is_not_gone_on_with(harness: CallHarness, text: str, words: str) -> None:
    harness.server.script([cut_off(text)])

    reply = await harness.call(continue_with=words)

    assert (reply.finish_reason, len(harness.server.journal)) == ("length", 1)


async def test_a_rest_that_breaks_is_asked_for_again_without_losing_the_first_half(harness: CallHarness) -> None:
    harness.server.script([cut_off(FIRST), stream(token("dle of"), then="reset"), ok(REST)])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.text, reply.attempts) == (FIRST + REST, 2)
    assert len(harness.recorder.of(AttemptReset)) == 1
    [failure] = harness.recorder.of(AttemptFailed)
    assert (failure.kind, failure.will_retry) == ("cut", True)


@pytest.mark.parametrize(
    "step",
    [error(401, "the key has expired"), error(400, "exceeds the available context size (1500 tokens)"), status(422)],
    ids=["auth", "context", "bad_request"],
)
async def test_a_rest_that_cannot_be_had_leaves_a_cut_off_answer(harness: CallHarness, step: Step) -> None:
    harness.server.script([cut_off(FIRST), step])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.text, reply.finish_reason, reply.complete) == (FIRST, "length", False)
    assert len(harness.server.journal) == 2
    assert harness.recorder.of(CallFinished)[0].finish_reason == "length"


async def test_a_rest_that_never_comes_costs_its_retries_and_leaves_a_cut_off_answer(harness: CallHarness) -> None:
    harness.configure(max_retries=1)
    harness.server.script([cut_off(FIRST), hang_up(), hang_up(), hang_up()])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.text, reply.finish_reason) == (FIRST, "length")


async def test_an_empty_rest_ends_a_cut_off_answer(harness: CallHarness) -> None:
    harness.server.script([cut_off(FIRST), stream(finish(), usage())])

    reply = await harness.call(continue_with=GO_ON)

    assert (reply.text, reply.finish_reason) == (FIRST, "stop")
