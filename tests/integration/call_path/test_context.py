"""Prompts that are too long: scenarios 25-35."""

from __future__ import annotations

import pytest

from core.events import AttemptFailed, ContextTruncated, Warned
from tests.integration.call_path.scripts import HELLO
from tests.support.call_harness import CallHarness
from tests.support.fault_server import (
    DONE,
    Step,
    error,
    event,
    finish,
    ok,
    status,
    stream,
    usage,
)

LONG = "word " * 6000


VLLM = (
    "This model's maximum context length is 4096 tokens. However, you requested 4596 tokens (596 in the messages, "
    "4000 in the completion). Please reduce the length of the messages or completion."
)


CONTEXT = [
    ("25 llama.cpp", error(400, "request (9031 tokens) exceeds the available context size (4096 tokens), try increasing it",
                           code=400, type="exceed_context_size_error", n_prompt_tokens=9031, n_ctx=4096)),
    ("26 OpenAI", error(400, "This model's maximum context length is 4097 tokens. However, your messages resulted in 9294 "
                        "tokens. Please reduce the length of the messages.", code="context_length_exceeded")),
    ("26 OpenAI, newer", error(400, "Your input exceeds the context window of this model", code="context_length_exceeded")),
    ("28 Azure", error(400, "Input tokens exceed the configured limit of 4000 tokens. Your messages resulted in 9178 tokens.")),
    ("29 OpenRouter", error(400, "This endpoint's maximum context length is 4000 tokens. However, you requested about 9606 "
                            "tokens (9510 of text input, 96 in the output).", code=400)),
    ("30 Anthropic", error(400, "prompt is too long: 9000 tokens > 4000 maximum")),
    ("31 Groq", error(413, "Request too large for model `x` on tokens per minute (TPM): Limit 4000, Requested 11814, please "
                      "reduce your message size", type="tokens", code="rate_limit_exceeded")),
    ("31 OpenAI 429", error(429, "Request too large for x on tokens per min (TPM): Limit 4000, Requested 11814")),
    ("32 LM Studio a", error(400, "Trying to keep the first 9857 tokens when context the overflows. However, the model is "
                             "loaded with context length of only 4096 tokens")),
    ("32 LM Studio b", error(400, "The number of tokens to keep from the initial prompt is greater than the context length")),
    ("32 LM Studio c", error(400, "Cannot truncate prompt with n_keep (15028) >= n_ctx (4424)")),
    ("TGI", error(422, "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 3474 `inputs`")),
    ("inside the stream", stream(event({"error": {"code": 400, "message": "exceeds the available context size (4096)"}}))),
]  # fmt: skip


@pytest.mark.parametrize("step", [step for _, step in CONTEXT], ids=[name for name, _ in CONTEXT])
async def test_a_prompt_that_is_too_long_is_cut_in_the_middle_and_sent_again_at_once(
    harness: CallHarness, step: Step
) -> None:
    harness.server.script([step, ok()])

    reply = await harness.call(f"HEAD {LONG} TAIL", max_tokens=900)

    first, second = (request.body["messages"][1]["content"] for request in harness.server.journal)
    assert len(second) < len(first) * 0.9
    assert second.startswith("HEAD word")
    assert second.endswith("word  TAIL")
    assert "left out" in second
    assert reply.text == "Hello there"
    [cut] = harness.recorder.of(ContextTruncated)
    assert cut.after < cut.before
    assert harness.clock.sleeps == []
    assert harness.counted_failures == 0


async def test_27_the_answer_is_shortened_before_the_prompt(harness: CallHarness) -> None:
    harness.server.script([error(400, VLLM, type="invalid_request_error"), ok()])

    await harness.call(max_tokens=4000)

    first, second = harness.server.journal
    assert first.body["messages"] == second.body["messages"]
    assert second.body["max_tokens"] == 4096 - 596 - 1


async def test_33_a_prompt_is_cut_twice_at_most(harness: CallHarness) -> None:
    too_long = error(400, "exceeds the available context size (1500 tokens)")
    harness.server.script([too_long] * 5)

    failed = await harness.fail(LONG)

    assert (failed.kind, failed.attempts, len(harness.server.journal)) == ("context", 3, 3)
    assert len(harness.recorder.of(ContextTruncated)) == 2
    assert harness.counted_failures == 0


async def test_34_an_empty_answer_to_a_prompt_of_the_windows_size_means_too_long(harness: CallHarness) -> None:
    harness.server.script([stream(finish(), usage(16_300, 0), DONE), ok()])

    await harness.call(f"HEAD {LONG} TAIL", endpoint=harness.endpoint(context_tokens=16_384))

    first, second = (request.body["messages"][1]["content"] for request in harness.server.journal)
    assert len(second) < len(first) * 0.9
    assert len(harness.recorder.of(ContextTruncated)) == 1


async def test_35_a_prompt_that_was_cut_in_silence_is_told_once_and_its_window_learned(harness: CallHarness) -> None:
    harness.server.answer_by(lambda _body: stream(*HELLO, finish(), usage(4096, 3), DONE))

    reply = await harness.call(LONG)
    assert reply.text == "Hello there"
    [warning] = harness.recorder.of(Warned)
    assert "4096" in warning.message
    assert "OLLAMA_CONTEXT_LENGTH" in warning.hint
    assert not harness.recorder.of(ContextTruncated)

    await harness.call(LONG)

    first, second = harness.server.journal
    assert len(second.body["messages"][1]["content"]) < len(first.body["messages"][1]["content"]) / 2
    assert len(harness.recorder.of(ContextTruncated)) == 1
    assert len(harness.recorder.of(Warned)) == 1


async def test_a_prompt_known_to_be_too_long_is_cut_before_it_is_sent(harness: CallHarness) -> None:
    reply = await harness.call(f"HEAD {LONG} TAIL", endpoint=harness.endpoint(context_tokens=4096))

    [request] = harness.server.journal
    sent = request.body["messages"][1]["content"]
    assert len(sent) < 4096 * 3
    assert sent.startswith("HEAD word")
    assert sent.endswith("word  TAIL")
    assert reply.attempts == 1
    [cut] = harness.recorder.of(ContextTruncated)
    assert cut.attempt == 0
    assert not harness.recorder.of(AttemptFailed)


async def test_the_servers_own_count_decides_whether_a_prompt_is_cut(harness: CallHarness) -> None:
    harness.server.routes = {
        "/props": status(200, {"total_slots": 2, "default_generation_settings": {"n_ctx": 8192}}),
        "/apply-template": status(200, {"prompt": "<s>" + LONG}),
        "/tokenize": status(200, {"tokens": list(range(6010))}),
    }

    await harness.call(LONG, max_tokens=1000)

    [request] = harness.server.journal
    assert request.body["messages"][1]["content"] == LONG
    assert not harness.recorder.of(ContextTruncated)
    assert harness.caller.pool_status().slots == 2


async def test_a_window_that_a_refusal_has_named_is_remembered(harness: CallHarness) -> None:
    harness.server.script([error(400, "exceeds the available context size (4000 tokens)")])
    await harness.call(LONG)
    assert len(harness.server.journal) == 2

    await harness.call(LONG)

    assert len(harness.server.journal) == 3
    assert len(harness.recorder.of(ContextTruncated)) == 2
