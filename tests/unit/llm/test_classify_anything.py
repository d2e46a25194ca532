"""Whatever a server answers, it becomes a fault of the closed list, told in short clean words, with a wait that can be waited."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from math import inf

from hypothesis import given
from hypothesis import strategies as st

from core.kinds import FaultKind
from core.llm.endpoint import make_endpoint
from core.llm.errors.classify import classify_answer, classify_stream
from core.llm.faults import FAULT_RULES, Fault
from core.llm.http.stream_decoder import StreamFault

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ENDPOINT = make_endpoint("http://127.0.0.1:1/v1", "m", api_key="key-0123456789")

WORDS = (
    "context size (", "Limit 5, Requested 9", "rate_limit_exceeded", "stream_options", "insufficient_quota",
    "9" * 5000, "maximum context length is " + "7" * 5000, "key-0123456789", "\x1b[31mred\x1b[0m", "\u202ebidi",
)  # fmt: skip
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(WORDS))
NAMES = st.sampled_from(["error", "message", "code", "type", "param", "detail", "status", "status_code"])
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
STATUSES = st.one_of(
    st.none(), st.integers(300, 599), st.sampled_from([400, 401, 402, 403, 404, 413, 422, 429, 500, 502, 503, 529])
)
DATES = st.from_regex(r"\A(Mon, )?\d{1,3} (Jan|Feb) \d{1,6} \d{1,3}:\d{1,3}:\d{1,3} ([+-]\d{1,30}|GMT)\Z")
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens", "location"]
    ),
    st.one_of(
        st.text(max_size=30), DATES, st.floats().map(str), st.sampled_from(["0", "9" * 500 + "h", "1e309", "1e300"])
    ),
    max_size=3,
)


def check(fault: Fault) -> None:
    assert fault.kind in FAULT_RULES
    for words in (fault.message, fault.hint):
        assert words.isprintable()
        assert len(words) < 500
        assert "key-0123456789" not in words
    assert fault.error.retry_after_seconds is None or 0 < fault.error.retry_after_seconds < inf


@given(STATUSES, JSON.map(json.dumps) | st.text(max_size=60), HEADERS)
def test_any_error_answer_is_a_fault_that_can_be_told(status: int | None, text: str, headers: dict[str, str]) -> None:
    check(classify_answer(status, text, ENDPOINT, NOW, headers))


@given(st.sampled_from([None, "server", "stream_error"]), JSON)
def test_any_error_in_a_stream_is_a_fault_that_can_be_told(kind: FaultKind | None, body: object) -> None:
    check(classify_stream(StreamFault(kind, body), ENDPOINT, NOW))
