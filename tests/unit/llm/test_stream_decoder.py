"""The stream decoder: how bytes are cut makes no difference, and nothing broken passes for whole."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.http.stream_decoder import (
    MAX_EVENT_BYTES,
    ReportedUsage,
    StreamDecoder,
    StreamDelta,
    ToolCallDelta,
    usual_chunk,
)


class Result(NamedTuple):
    text: str
    reasoning: str
    finish_reason: str | None
    done: bool
    complete: bool
    usage: ReportedUsage | None
    fault: str | None


def decode(*segments: bytes, event_stream: bool = True) -> Result:
    decoder = StreamDecoder(event_stream=event_stream)
    reads = [*(decoder.feed(segment) for segment in segments), decoder.end()]
    deltas = [delta for delta in reads if delta is not None]
    return Result(
        "".join(delta.text for delta in deltas),
        "".join(delta.reasoning for delta in deltas),
        decoder.finish_reason,
        decoder.done,
        decoder.complete,
        decoder.usage,
        None if decoder.fault is None else decoder.fault.kind or "by its code",
    )


def data(payload: object) -> bytes:
    return b"data: " + json.dumps(payload, ensure_ascii=False).encode() + b"\n\n"


def delta(finish_reason: str | None = None, **fields: object) -> bytes:
    return data({"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]})


DONE = b"data: [DONE]\n\n"
WHOLE = b"".join(
    [
        b": hello\n\n",
        delta(role="assistant", content=None),
        delta(reasoning_content="Hm, größer"),
        delta(content="Grüße "),
        b"event: ping\n\n",
        delta(content="an Jürgen 🎉\u2028!"),
        delta("stop"),
        data({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}}),
        DONE,
    ]
)
EXPECTED = Result("Grüße an Jürgen 🎉\u2028!", "Hm, größer", "stop", True, True, ReportedUsage(5, 9), None)
MULTI_LINE = b'data: {"choices":\ndata: [{"delta": {"content": "ab"}}]}\n\n'
FAULTY = delta(content="abc") + data({"error": {"code": 503, "message": "gone"}}) + delta(content="never seen")
JSON_BODY = json.dumps({"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}).encode()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (WHOLE, EXPECTED),
        (WHOLE.replace(b"\n", b"\r\n"), EXPECTED),
        (WHOLE.replace(b"\n", b"\r"), EXPECTED),
        (WHOLE.replace(b"data: ", b"data:"), EXPECTED),
        (b"\xef\xbb\xbf" + WHOLE, EXPECTED),
        (b"\n\r\n" + WHOLE, EXPECTED),
        (MULTI_LINE + DONE, Result("ab", "", None, True, True, None, None)),
        ((MULTI_LINE + DONE).replace(b"\n", b"\r\n"), Result("ab", "", None, True, True, None, None)),
        (FAULTY, Result("abc", "", None, False, False, None, "by its code")),
        (JSON_BODY, Result("whole", "", "stop", False, True, None, None)),
        (b"\xef\xbb\xbf " + JSON_BODY, Result("whole", "", "stop", False, True, None, None)),
        (b"<html>", Result("", "", None, False, False, None, "not_sse")),
    ],
    ids=[
        "LF",
        "CRLF",
        "CR",
        "no space",
        "BOM",
        "blank first",
        "multi-line",
        "multi-line CRLF",
        "error",
        "JSON",
        "JSON with BOM",
        "html",
    ],
)
class TestSegmentation:
    def test_one_piece(self, raw: bytes, expected: Result) -> None:
        assert decode(raw) == expected

    def test_byte_by_byte(self, raw: bytes, expected: Result) -> None:
        assert decode(*[raw[place : place + 1] for place in range(len(raw))]) == expected

    def test_every_cut_into_two(self, raw: bytes, expected: Result) -> None:
        assert all(decode(raw[:place], raw[place:]) == expected for place in range(len(raw)))


PIECES = st.sampled_from(
    [
        WHOLE, MULTI_LINE, FAULTY, DONE, JSON_BODY, b"\r", b"\n", b"\r\n", b"data:", b"data: {", b"error: x\n", b"event: error\n",
        b"\xef\xbb\xbf", b"\xff", b"{", b"<", delta(content="x"), delta("error"), data(None), data([1]), b": c\n", b"id: 1\n",
    ]
)  # fmt: skip


@given(raw=st.lists(PIECES, max_size=8).map(b"".join), cuts=st.lists(st.integers(0, 2000), max_size=12))
def test_any_segmentation_of_any_bytes_gives_the_same_result(raw: bytes, cuts: list[int]) -> None:
    places = sorted({0, len(raw), *(cut % (len(raw) + 1) for cut in cuts)})
    segments = [raw[start:end] for start, end in pairwise(places)]

    assert decode(*segments) == decode(raw)


@pytest.mark.parametrize(
    "raw", [WHOLE, WHOLE.replace(b"\n", b"\r\n"), JSON_BODY, FAULTY], ids=["LF", "CRLF", "JSON", "error"]
)
@pytest.mark.parametrize("event_stream", [True, False])
def test_a_stream_cut_at_any_byte_is_whole_or_a_fault_and_never_wrong_text(raw: bytes, event_stream: bool) -> None:
    uncut = decode(raw)
    for place in range(len(raw)):
        result = decode(raw[:place], event_stream=event_stream)

        assert result.complete == (result.fault is None)
        assert uncut.text.startswith(result.text)
        if result.complete:
            assert result.text == uncut.text
        else:
            assert result.fault in {"truncated_stream", "by its code"}


@given(st.binary(max_size=400))
def test_no_bytes_whatever_raise_an_exception(raw: bytes) -> None:
    for prefix in (b"", b"data: ", b"error: ", b'{"choices": '):
        result = decode(prefix + raw)
        assert result.complete == (result.fault is None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["choices", "delta", "content", "index", "error", "usage", "object", "finish_reason", "text"]),
        inner, max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@given(JSON_VALUES)
def test_no_json_whatever_raises_an_exception(payload: object) -> None:
    for raw in (data(payload) + DONE, json.dumps(payload).encode()):
        result = decode(raw)
        assert result.complete == (result.fault is None)
        assert isinstance(result.text, str)


ODD = st.sampled_from([None, True, False, 0, 1, 0.0, -1, 10**30, 1e300, "", "x", "error", [], [1], {}, {"a": 1}])
TEXTS = st.none() | st.text(max_size=4) | st.sampled_from(["\ud83c", "\udf89", "a\ud83c", "\x00", "\u2028", "größer"])
DELTAS = st.fixed_dictionaries(
    {},
    optional={
        "content": TEXTS | ODD | st.lists(st.fixed_dictionaries({"text": TEXTS | ODD}), max_size=2),
        "reasoning_content": TEXTS | ODD,
        "reasoning": TEXTS | ODD,
        "tool_calls": ODD,
    },
)
CHOICES = st.fixed_dictionaries(
    {},
    optional={
        "index": st.just(0) | ODD,
        "delta": DELTAS | ODD,
        "message": DELTAS,
        "text": TEXTS,
        "finish_reason": st.sampled_from([None, "stop", "error"]) | ODD,
        "error": ODD,
    },
)
USAGES = st.dictionaries(st.sampled_from(["prompt_tokens", "completion_tokens"]), st.integers(-1, 10**20) | ODD)
CHUNKS = st.fixed_dictionaries(
    {"choices": st.lists(CHOICES | ODD, min_size=1, max_size=2)},
    optional={"usage": USAGES | ODD, "error": ODD, "object": st.just("chat.completion.chunk") | ODD, "id": ODD | TEXTS},
)
MUTATIONS = st.tuples(
    st.integers(0, 500),
    st.integers(0, 2),
    st.sampled_from([b"", b'"', b"\\", b"\xff", b"\xed\xa0\x80", b"\x00", b"\x01", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\t",
                     b"\x0c", b"\r", b"\n", b"\r\n", b"NaN", b"-", b"1", b"e", b".", b"\\ud83c", b"\\u0041", b"\xef\xbb\xbf"]),
)  # fmt: skip


def mutated(raw: bytes, mutations: list[tuple[int, int, bytes]]) -> bytes:
    for place, cut, put in mutations:
        start = place % (len(raw) + 1)
        raw = raw[:start] + put + raw[start + cut :]
    return raw


@given(
    chunks=st.lists(st.tuples(CHUNKS | JSON_VALUES, st.booleans(), st.lists(MUTATIONS, max_size=3)), max_size=4),
)
def test_the_quick_way_through_the_decoder_leads_to_the_same_result_as_the_thorough_one(
    chunks: list[tuple[object, bool, list[tuple[int, int, bytes]]]],
) -> None:
    payloads = [
        mutated(json.dumps(payload, ensure_ascii=escaped).encode("utf-8", "surrogatepass"), mutations)
        for payload, escaped, mutations in chunks
    ]
    quick = [b"data: " + payload + b"\n\n" for payload in payloads]
    thorough = [b"event: message\n" + event for event in quick]  # an event with a name is never a usual one

    assert decode(b": hello\n\n", *quick, DONE) == decode(*thorough, DONE)
    assert decode(b"".join([*quick, DONE])) == decode(*thorough, DONE)


@pytest.mark.parametrize(
    "payload",
    [
        {"choices": [{"index": 0, "delta": {"content": "x"}, "logprobs": None, "finish_reason": None}], "model": "m"},
        {"choices": [{"delta": {"role": "assistant", "content": None}}], "usage": None, "error": None},
        {"choices": [{"delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 9}},
        {},
    ],
)
def test_what_all_servers_send_goes_the_quick_way(payload: object) -> None:
    assert usual_chunk(json.dumps(payload).encode()) is not None


@pytest.mark.parametrize(
    "raw",
    [
        b"[DONE]",
        b"",
        b"null",
        b"{oops",
        b"[" * 100_000,
        b'{"error": {"code": 503}}',
        b'{"object": "error"}',
        b'{"choices": {}}',
        b'{"choices": [{"text": "x"}]}',
        b'{"choices": [{"delta": {"content": ["x"]}}]}',
        b'{"choices": [{"delta": {"content": "\\ud83c"}}]}',
        b'{"choices": [{"delta": {}, "finish_reason": "error"}]}',
        b'{"choices": [{"delta": {"content": "\xff"}}]}',
    ],
)
def test_whatever_else_is_looked_at_thoroughly(raw: bytes) -> None:
    assert usual_chunk(raw) is None


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", "truncated_stream"),
        (b"\n\n", "truncated_stream"),
        (delta(content="x"), "truncated_stream"),
        (delta(content="x") + DONE[:-1], "truncated_stream"),
        (b"data: {oops\n\n", "malformed"),
        (b"data: " + b"[" * 100_000 + b"\n\n", "malformed"),
        (b"event: error\ndata: boom\n\n", "stream_error"),
        (b'event: error\ndata: {"why": 1}\n\n', "stream_error"),
        (b"event: error\ndata: [1]\n\n", "stream_error"),
        (b"error: boom\n\n", "server"),
        (delta("error"), "stream_error"),
        (data({"error": "boom"}), "by its code"),
        (data({"object": "error", "code": 400}), "by its code"),
        (b'{"status": "ok"}', "not_sse"),
        (b'{"choices": []}', "not_sse"),
        (b'{"choices": [{"message": {"content": "x"', "truncated_stream"),
        (b'{"a": 1}\n{"b": 2}', "malformed"),
        (b'[{"error": {"code": 429}}]', "by its code"),
        (b"<!doctype html>", "not_sse"),
    ],
)
def test_what_is_no_answer_has_a_name(raw: bytes, fault: str) -> None:
    result = decode(raw)

    assert (result.fault, result.complete) == (fault, False)


def test_plain_text_is_no_stream_unless_the_server_says_so() -> None:
    assert decode(b"Service moved.", event_stream=False).fault == "not_sse"
    assert decode(b"dat", event_stream=False).fault == "truncated_stream"
    assert decode(b"Service moved.", event_stream=True).fault == "truncated_stream"


@pytest.mark.parametrize("index", [[], {}, "0", 1, True])
def test_only_the_first_of_several_answers_is_read(index: object) -> None:
    other = data({"choices": [{"index": index, "delta": {"content": "y"}}]})

    assert decode(delta(content="x"), other, DONE).text == "x"


def test_errors_that_say_there_is_none_are_ignored() -> None:
    raw = data({"error": None, "choices": [{"delta": {"content": "x"}}]}) + DONE

    assert decode(raw).text == "x"


def test_a_character_that_is_written_as_two_escapes_in_two_chunks_is_one_character() -> None:
    halves = [b'data: {"choices": [{"delta": {"content": "%s"}}]}\n\n' % half for half in (b"a\\ud83c", b"\\udf89b")]

    assert decode(*halves, DONE).text == "a🎉b"
    assert decode(halves[0], DONE).text == "a\ufffd"
    assert decode(halves[1], DONE).text == "\ufffdb"


def test_content_in_parts_and_the_other_name_of_reasoning_are_understood() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}, {"type": "image"}]

    result = decode(delta(content=parts), delta(reasoning="why"), DONE)

    assert (result.text, result.reasoning) == ("ab", "why")


def test_only_content_counts_as_progress() -> None:
    decoder = StreamDecoder()
    quiet = (b": ping\n\n", delta(role="assistant", content=None), delta(content=""), data({"choices": []}))

    assert [decoder.feed(segment) for segment in quiet] == [None] * len(quiet)
    assert decoder.feed(delta(content="x")) == StreamDelta("x")
    assert decoder.feed(delta(reasoning_content="x")) == StreamDelta("", "x")
    assert decoder.feed(delta(tool_calls=[{}])) == StreamDelta("", "", (ToolCallDelta(),))


@pytest.mark.parametrize("error", [None, False], ids=["usual", "looked at closely"])
def test_tool_calls_come_in_pieces_that_say_which_call_they_belong_to(error: object) -> None:
    decoder = StreamDecoder()
    begun = [
        {"index": 0, "id": "a", "function": {"name": "read", "arguments": ""}},
        {"index": 1, "function": {"name": "list"}},
    ]
    first, second = (
        {"choices": [{"delta": {"tool_calls": calls}}]} for calls in (begun, [{"function": {"arguments": "{"}}])
    )
    extra = {} if error is None else {"error": error}

    assert decoder.feed(data({**first, **extra}) + data({**second, **extra})) == StreamDelta(
        "", "", (ToolCallDelta(0, "read"), ToolCallDelta(1, "list"), ToolCallDelta(0, "", "{"))
    )


@pytest.mark.parametrize("odd", [1, "x", [None], [{"index": -1, "function": {"name": 7, "arguments": []}}]])
def test_a_tool_call_that_cannot_be_read_is_still_one(odd: object) -> None:
    assert StreamDecoder().feed(delta(tool_calls=odd)) == StreamDelta("", "", (ToolCallDelta(),))


def test_a_line_without_an_end_does_not_eat_the_memory() -> None:
    decoder = StreamDecoder()
    decoder.feed(b"data: ")
    for _ in range(MAX_EVENT_BYTES // (1 << 20) + 1):
        decoder.feed(b"x" * (1 << 20))

    assert decoder.fault is not None
    assert decoder.fault.kind == "malformed"


def test_an_event_without_an_end_does_not_eat_the_memory() -> None:
    decoder = StreamDecoder()
    for _ in range(MAX_EVENT_BYTES // (1 << 20) + 1):
        decoder.feed(b"data: " + b"x" * (1 << 20) + b"\n")

    assert decoder.fault is not None
    assert decoder.fault.kind == "malformed"
