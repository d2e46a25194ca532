"""Refusals, stops by a content filter and tool calls in place of an answer: named, in the server's own words."""

from __future__ import annotations

import json

import pytest

from core.events import CallFailed
from tests.support.call_harness import MODEL, CallHarness
from tests.support.fault_server import DONE, Step, chunk, error, event, finish, ok, status, stream, token, whole

WORDS = "I cannot help with that."
FILTERED = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": True, "severity": "high"}}
CALL = {"name": "read_file", "arguments": {"path": "a.py"}}


def message(finish_reason: str = "stop", **fields: object) -> Step:
    """Answer with one JSON completion that holds this message."""
    choice = {"index": 0, "message": {"role": "assistant", "content": None, **fields}, "finish_reason": finish_reason}
    return status(200, {"object": "chat.completion", "choices": [choice]})


def filtered_chunk(results: object) -> bytes:
    choice = {"index": 0, "delta": {}, "finish_reason": "content_filter", "content_filter_results": results}
    return event({"choices": [choice]})


REFUSALS = {
    "streamed": stream(chunk({"refusal": "I cannot "}), chunk({"refusal": "help with that."}), finish(), DONE),
    "whole": message(refusal=WORDS),
    "as a part": message(content=[{"type": "refusal", "refusal": WORDS}]),
    "after a word": stream(token("Well. "), chunk({"refusal": WORDS}), finish(), DONE),
    "by its ending": ok(WORDS, reason="refusal"),
}


@pytest.mark.parametrize("step", REFUSALS.values(), ids=REFUSALS.keys())
async def test_a_refusal_is_told_in_the_models_own_words(harness: CallHarness, step: Step) -> None:
    harness.server.script([step])

    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("refused", 1)
    assert failed.message == f"{MODEL!r} at {harness.endpoint().host} refused to answer: {WORDS}"
    assert failed.hint
    assert harness.recorder.of(CallFailed)[0].message == failed.message
    assert harness.counted_failures == 0


FILTERS = {
    "finish_reason": (ok("x" * 1000, reason="content_filter"), "finish_reason content_filter"),
    "the names of the filters": (stream(filtered_chunk(FILTERED), DONE), "filtered for violence"),
    "its own words as text": (ok(WORDS, reason="content_filter"), WORDS),
    "its own words as a refusal": (message("content_filter", refusal=WORDS), WORDS),
    "refused before": (error(400, WORDS, code="content_filter", status=400), WORDS),
    "refused before, inside": (
        error(400, WORDS, type="invalid_request_error", innererror={"code": "ResponsibleAIPolicyViolation"}),
        WORDS,
    ),
    "another provider": (error(400, WORDS, code="data_inspection_failed"), WORDS),
    "inside the stream": (stream(event({"error": {"message": WORDS, "code": "content_filter"}})), WORDS),
}


@pytest.mark.parametrize(("step", "words"), FILTERS.values(), ids=FILTERS.keys())
async def test_a_stop_by_a_filter_is_told_in_the_servers_own_words(
    harness: CallHarness, step: Step, words: str
) -> None:
    harness.server.script([step])

    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("content_filter", 1)
    assert words in failed.message
    assert "xxx" not in failed.message


TOOL_CALLS = {
    "streamed": stream(
        chunk({"tool_calls": [{"index": 0, "function": {"name": "read_file", "arguments": ""}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}),
        finish("tool_calls"),
        DONE,
    ),
    "streamed, ended by stop": stream(chunk({"tool_calls": [{"function": {"name": "read_file"}}]}), finish(), DONE),
    "whole": message("tool_calls", tool_calls=[{"function": {"name": "read_file", "arguments": "{}"}}]),
    "a tag": ok(f"<tool_call>\n{json.dumps(CALL)}\n</tool_call>"),
    "a tag after a word": ok(f"I will look first.\n\n<tool_call>{json.dumps(CALL)}</tool_call>"),
    "a tag with its name": ok("<function=read_file>\n<parameter=path>a.py</parameter>\n</function>"),
    "an invocation": ok('<function_calls>\n<invoke name="read_file">\n</invoke>\n</function_calls>'),
    "a mark": ok(f"[TOOL_CALLS][{json.dumps(CALL)}]"),
    "a mark of another family": ok(f"<|python_tag|>{json.dumps(CALL)}"),
    "a section": ok(
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>{}<|tool_call_end|>"
        "<|tool_calls_section_end|>"
    ),
    "a section between marks": ok('<|open|>tools<|sep|><|open|>call tool="read_file" index="0"<|sep|>'),
    "bars on one side": ok('<|tool_call>call:read_file{path:<|"|>a.py<|"|>}<tool_call|>'),
    "an action": ok(f"<|START_ACTION|>[{json.dumps(CALL)}]<|END_ACTION|>"),
    "a start": ok('<|tool_call_start|>[read_file(path="a.py")]<|tool_call_end|>'),
    "a name space": ok('<minimax:tool_call>\n<invoke name="read_file">\n</invoke>\n</minimax:tool_call>'),
    "one word": ok(f"<TOOLCALL>[{json.dumps(CALL)}]</TOOLCALL>"),
    "full-width bars": ok(
        '<\uff5cDSML\uff5cfunction_calls>\n<\uff5cDSML\uff5cinvoke name="read_file">\n</\uff5cDSML\uff5cinvoke>'
    ),
    "a list of functions": ok(f"functools[{json.dumps(CALL)}]"),
    "flowers": ok('\u273fFUNCTION\u273f: read_file\n\u273fARGS\u273f: {"path": "a.py"}'),
    "a request": ok(f"[TOOL_REQUEST]{json.dumps(CALL)}[END_TOOL_REQUEST]"),
    "bare": ok(json.dumps(CALL)),
    "bare, in a block": ok(f"```json\n{json.dumps(CALL, indent=2)}\n```"),
    "bare, with its type": ok(json.dumps({"type": "function", "function": CALL})),
    "bare, in a list": ok(json.dumps([CALL, CALL])),
    "after thoughts": ok(f"<think>I need the file.</think><tool_call>{json.dumps(CALL)}</tool_call><|im_end|>"),
}


@pytest.mark.parametrize("step", TOOL_CALLS.values(), ids=TOOL_CALLS.keys())
async def test_a_tool_call_is_no_answer_and_it_is_asked_again(harness: CallHarness, step: Step) -> None:
    harness.server.script([step, ok("Done.")])
    assert (await harness.call()).text == "Done."

    harness.server.script([step, step])
    failed = await harness.fail()

    assert (failed.kind, failed.attempts) == ("empty", 2)
    assert failed.message.endswith("it answered with a tool call (read_file), which this job does not take")


async def test_a_tool_call_without_a_name_is_one_too(harness: CallHarness) -> None:
    harness.server.script([message("function_call", function_call={}), message("tool_use")])

    assert "it answered with a tool call, which this job does not take" in (await harness.fail()).message


ANSWERS = {
    "a file of JSON": json.dumps({"name": "app", "version": "1.0", "arguments": {}}),
    "a list of names": json.dumps([{"name": "a"}, {"name": "b"}]),
    "a document about tool calls": '# Tools\n\nA call:\n\n```\n<tool_call>\n{"name": "x"}\n</tool_call>\n```\n',
    "code that parses them": '```python\nTAG = "<tool_call>"\n\n<tool_call>\n```\n',
    "a sentence": "It writes <tool_call> and waits.",
    "an empty list": "[]",
}


@pytest.mark.parametrize("text", ANSWERS.values(), ids=ANSWERS.keys())
async def test_what_only_speaks_of_tool_calls_is_an_answer(harness: CallHarness, text: str) -> None:
    harness.server.script([ok(text)])

    assert (await harness.call()).text == text


@pytest.mark.parametrize("step", [ok(reason="tool_calls"), whole(reason="tool_calls")])
async def test_a_text_beside_a_tool_call_is_an_answer(harness: CallHarness, step: Step) -> None:
    harness.server.script([step])

    assert (await harness.call()).text == "Hello there"


async def test_thoughts_as_parts_of_the_content_are_thoughts(harness: CallHarness) -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, {"type": "text", "text": "Done."}]
    reasoned = [{"type": "reasoning", "text": "Hm."}, {"type": "text", "text": "Done."}]
    steps = [message(content=parts), stream(chunk({"content": parts}), finish(), DONE), message(content=reasoned)]
    harness.server.script([*steps, message(content="Done.", thinking="Hm.")])

    for _ in range(4):
        reply = await harness.call()
        assert (reply.text, reply.reasoning) == ("Done.", "Hm.")
