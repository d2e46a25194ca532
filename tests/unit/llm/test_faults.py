"""Names of faults: the closed list, the order of the checks, and messages fit to be shown."""

from __future__ import annotations

import json
import string
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import get_args

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.kinds import AttemptOutcome, FaultKind, bug_kind
from core.llm.endpoint import make_endpoint
from core.llm.errors.classify import classify_answer, classify_exception, classify_stream
from core.llm.errors.retry_after import retry_after_seconds
from core.llm.faults import (
    FAULT_RULES,
    MAX_DETAIL_CHARS,
    Fault,
    FaultAction,
    clean_detail,
)
from core.llm.http.stream_decoder import StreamFault

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ENDPOINT = make_endpoint("http://127.0.0.1:8080/v1", "tiny", api_key="the-secret-key")
KINDS: tuple[FaultKind, ...] = get_args(FaultKind)


def test_the_table_has_a_row_for_every_kind_and_for_no_other() -> None:
    assert set(FAULT_RULES) == set(KINDS)
    assert len(KINDS) == 33


def kinds_with(column: str) -> set[FaultKind]:
    return {kind for kind, rule in FAULT_RULES.items() if getattr(rule, column)}


def test_the_columns_of_the_table_name_the_kinds_that_the_rest_of_the_code_goes_by() -> None:
    assert kinds_with("is_timeout") == {
        "connect_timeout", "pool_timeout", "first_token_timeout", "read_timeout", "stall", "total_timeout",
    }  # fmt: skip
    assert kinds_with("is_overload") == {"rate_limit", "first_token_timeout", "read_timeout", "stall", "total_timeout"}
    assert kinds_with("server_may_be_gone") == {"connect", "connect_timeout", "disconnected", "cut"}
    assert kinds_with("pauses_server") == {"rate_limit"}
    assert kinds_with("is_retried_once") == {"empty"}
    assert kinds_with("lasts") == {"auth", "quota", "not_found", "not_sse"}
    assert kinds_with("concerns_endpoint") == kinds_with("lasts") | {"connect", "connect_timeout", "unavailable"}
    assert set(KINDS) - kinds_with("fallback_may_help") == {
        "stale_connection", "stall", "total_timeout", "http_409", "bad_request", "empty", "content_filter", "refused",
        "cancelled",
    }  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_tells_in_one_line_what_happened_and_where(kind: FaultKind) -> None:
    fault = Fault(kind, ENDPOINT)

    assert fault.action in get_args(FaultAction)
    assert fault.outcome in get_args(AttemptOutcome)
    assert "127.0.0.1:8080" in fault.message
    assert fault.message.isprintable()
    assert fault.hint or kind in {"stale_connection", "cancelled"}


def _request() -> httpx2.Request:
    return httpx2.Request("POST", "http://127.0.0.1:8080/v1/chat/completions")


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (httpx2.ConnectError("refused"), "connect"),
        (httpx2.ConnectTimeout("slow"), "connect_timeout"),
        (httpx2.PoolTimeout("full"), "pool_timeout"),
        (httpx2.ReadTimeout("slow"), "read_timeout"),
        (httpx2.WriteTimeout("slow"), "read_timeout"),
        (httpx2.ReadError("reset"), "disconnected"),
        (httpx2.RemoteProtocolError("bad"), "disconnected"),
        (httpx2.WriteError("pipe"), "disconnected"),
        (httpx2.TooManyRedirects("loop"), "bad_request"),
        (httpx2.LocalProtocolError("Illegal header value b'Bearer the-secret-key'"), "bad_request"),
        (httpx2.DecodingError("gzip"), "malformed"),
        (httpx2.ProxyError("no"), "connect"),
        (KeyError("x"), "bug:KeyError"),
    ],
)
def test_exceptions_are_named_by_their_cause(cause: Exception, kind: str) -> None:
    wrapped = openai.APIConnectionError(request=_request())
    wrapped.__cause__ = cause

    for error in (cause, wrapped) if isinstance(cause, httpx2.HTTPError) else (cause,):
        fault = classify_exception(error, ENDPOINT, NOW)
        assert fault.kind == kind
        assert "the-secret-key" not in fault.message


def test_a_lost_connection_is_named_by_what_had_come_before() -> None:
    lost = httpx2.ReadError("reset")

    assert classify_exception(lost, ENDPOINT, NOW, reused=True).kind == "stale_connection"
    assert classify_exception(lost, ENDPOINT, NOW, received=True, reused=True).kind == "cut"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "maximum context length is 10 tokens"}}, "context"),
        (400, {"error": {"message": "string too long", "code": "string_above_max_length", "hint": "context window"}}, "bad_request"),
        (413, {"error": {"type": "request_too_large", "message": "Request too large"}}, "context"),
        (429, {"error": {"message": "Request too large: Limit 30000, Requested 342389"}}, "context"),
        (429, {"error": {"message": "Rate limit reached: Limit 30000, Used 29000, Requested 2000"}}, "rate_limit"),
        (429, {"error": {"message": "reduce the length of your messages"}}, "rate_limit"),
        (429, {"error": {"code": "insufficient_quota"}}, "quota"),
        (403, {"error": {"message": "billing is not active"}}, "quota"),
        (402, "", "quota"),
        (401, "", "auth"),
        (425, "", "http_425"),
        (501, "", "bad_request"),
        (503, {"error": {"message": "Loading model", "code": 503}}, "loading"),
        (520, "<html>", "server"),
        (418, "tea", "bad_request"),
        (308, "", "bad_request"),
        (None, {"message": "x", "code": "504"}, "server"),
        (None, {"message": "x", "type": "rate_limit_error"}, "rate_limit"),
        (None, {"message": "x", "type": "GatewayTimeout", "code": 504}, "server"),
        (None, {"message": "x", "code": 7}, "stream_error"),
        (None, "kaputt", "stream_error"),
    ],
)  # fmt: skip
def test_answers_are_named_by_status_and_words(status: int | None, body: object, kind: str) -> None:
    text = body if isinstance(body, str) else json.dumps(body)

    assert classify_answer(status, text, ENDPOINT, NOW).kind == kind


@given(status=st.none() | st.integers(300, 599), text=st.text(max_size=300) | st.binary(max_size=99).map(repr))
def test_no_answer_whatever_breaks_the_naming(status: int | None, text: str) -> None:
    fault = classify_answer(status, text, ENDPOINT, NOW)

    assert fault.kind in KINDS
    assert fault.message.isprintable()
    assert len(fault.message) < MAX_DETAIL_CHARS + 200


def test_a_bug_of_ours_is_named_by_its_type_and_tried_nowhere_else() -> None:
    fault = Fault(bug_kind(KeyError("x")), ENDPOINT)

    assert (fault.kind, fault.action, fault.outcome) == ("bug:KeyError", "fail", "neutral")
    assert (fault.rule.fallback_may_help, fault.rule.concerns_endpoint) == (False, False)
    assert "unexpected error in Quintet" in fault.message


def test_the_servers_words_are_kept_for_an_error_inside_the_stream() -> None:
    fault = classify_stream(StreamFault(None, {"message": "GPU on fire"}), ENDPOINT, NOW)

    assert (fault.kind, "GPU on fire" in fault.message) == ("stream_error", True)


def test_the_message_for_a_refused_key_says_what_to_do() -> None:
    fault = classify_answer(401, '{"error": {"message": "no"}}', ENDPOINT, NOW)

    assert fault.message == "the server at 127.0.0.1:8080 refused the API key: 401 no"
    assert fault.hint == "set LLM_API_KEY or check the key"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "2"}, 2.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"x-ms-retry-after-ms": "-1", "retry-after": "3"}, 3.0),
        ({"retry-after": format_datetime(NOW + timedelta(seconds=90), usegmt=True)}, 90.0),
        ({"retry-after": format_datetime(NOW - timedelta(seconds=90), usegmt=True)}, None),
        ({"retry-after": "1e400"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "9", "x-ratelimit-reset-tokens": "6m0s"}, None),
        ({}, None),
    ],
)
def test_the_wait_a_server_asks_for_is_read(headers: dict[str, str], seconds: float | None) -> None:
    read = retry_after_seconds(headers, NOW)

    assert read == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60), st.dictionaries(st.sampled_from(["retry-after", "retry-after-ms"]), st.text(max_size=20)))
def test_no_header_whatever_gives_a_senseless_wait(garbage: str, headers: dict[str, str]) -> None:
    read = retry_after_seconds(
        {"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": garbage, **headers}, NOW
    )

    assert read is None or read > 0


@given(st.text(max_size=1000), st.text(string.ascii_letters, min_size=8, max_size=20))
def test_a_servers_words_become_one_short_line_without_the_key(text: str, key: str) -> None:
    shown = clean_detail(f"{text}{key}\x1b[31m\x1b]0;title\x07\r\n{text}", key)

    assert key not in shown
    assert "\x1b" not in shown
    assert "\n" not in shown
    assert len(shown) <= MAX_DETAIL_CHARS


def test_patterns_of_keys_are_masked_even_if_they_are_not_ours() -> None:
    assert clean_detail("key sk-abcdefgh1234 and Bearer xyzxyz12", None) == "key *** and Bearer ***"


@pytest.mark.parametrize("key", ["", "a", "no", "x-1", "EMPTY", "ollama", "not-needed", "LM-Studio"])
def test_a_key_that_is_a_word_or_less_takes_no_letter_out_of_a_servers_message(key: str) -> None:
    words = "no model ollama: a key x-1 is not-needed, nor EMPTY; LM-Studio and a Bearer authentication work as well"

    assert clean_detail(words, key) == words
