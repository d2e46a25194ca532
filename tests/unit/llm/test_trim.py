"""Fitting a prompt into a window: smaller every time, the longest messages first, head and tail kept."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.faults import RefusedWindow
from core.llm.request import CallRequest, ChatMessage
from core.llm.window.tokens import BYTES_PER_TOKEN, estimate_prompt_tokens, text_bytes
from core.llm.window.trim import MARK_BYTES, MIN_ANSWER_TOKENS, MIN_KEPT_BYTES, fit, fit_window, without_middle

SURE_HEAD_BYTES = int((MIN_KEPT_BYTES - MARK_BYTES) / 2 * 0.8) - 4

short_texts = st.text(st.characters(codec="utf-8"), max_size=60)
long_texts = st.builds(
    lambda text, times: text * times,
    st.text(st.characters(codec="utf-8") | st.sampled_from("\n \r\t"), min_size=1, max_size=60),
    st.integers(1, 600),
)
messages = st.builds(ChatMessage.of_text, st.sampled_from(["system", "user", "assistant"]), short_texts | long_texts)
conversations = st.lists(messages, min_size=1, max_size=6).map(tuple)
windows = st.builds(RefusedWindow, st.none() | st.integers(1, 40_000), st.none() | st.integers(1, 80_000))


def _request(*texts: str, max_tokens: int | None = None, system: str = "Be terse.") -> CallRequest:
    messages = (ChatMessage.of_text("system", system), *(ChatMessage.of_text("user", text) for text in texts))
    return CallRequest(
        messages=messages, run_id="r", correlation_id="c", agent_id="a", task_id="t", max_tokens=max_tokens
    )


def _sizes(request: CallRequest) -> list[int]:
    return [text_bytes(message.text) for message in request.messages]


def _check_cut(before: CallRequest, after: CallRequest) -> None:
    assert len(after.messages) == len(before.messages)
    for old, new in zip(before.messages, after.messages, strict=True):
        assert new.role == old.role
        if new == old:
            continue
        assert old.role == "user"
        assert text_bytes(new.text) < text_bytes(old.text)
        head, _, tail = new.text.partition("\n[... ")
        tail = tail.partition(" left out ...]\n")[2]
        assert old.text.startswith(head)
        assert old.text.endswith(tail)
        assert min(text_bytes(head), text_bytes(tail)) >= SURE_HEAD_BYTES


@given(messages=conversations, window=windows, max_tokens=st.none() | st.integers(1, 50_000))
def test_a_refused_request_gets_smaller_in_its_user_messages_alone(
    messages: tuple[ChatMessage, ...], window: RefusedWindow, max_tokens: int | None
) -> None:
    request = replace(_request(max_tokens=max_tokens), messages=messages)

    smaller = fit(request, window)

    if smaller is not None:
        assert estimate_prompt_tokens(smaller.messages) < estimate_prompt_tokens(request.messages)
        _check_cut(request, smaller)
        again = fit(smaller, window)
        assert again is None or estimate_prompt_tokens(again.messages) < estimate_prompt_tokens(smaller.messages)


@given(
    messages=conversations,
    window=st.integers(1, 40_000),
    tokens_per_byte=st.floats(0.1, 1.0),
    max_tokens=st.none() | st.integers(1, 50_000),
)
def test_a_request_made_for_a_known_window_fits_it_with_an_answer(
    messages: tuple[ChatMessage, ...], window: int, tokens_per_byte: float, max_tokens: int | None
) -> None:
    request = replace(_request(max_tokens=max_tokens), messages=messages)
    prompt_tokens = max(1, int(sum(_sizes(request)) * tokens_per_byte))

    fitting = fit_window(request, window, prompt_tokens)

    if fitting is None:
        assert prompt_tokens + min(max_tokens or MIN_ANSWER_TOKENS, MIN_ANSWER_TOKENS) >= window
        return
    _check_cut(request, fitting)
    if fitting.messages == request.messages:
        assert prompt_tokens + (fitting.max_tokens or MIN_ANSWER_TOKENS) < window
    else:
        scale = estimate_prompt_tokens(request.messages) / prompt_tokens
        assert estimate_prompt_tokens(fitting.messages) < window * scale
    if max_tokens is not None:
        assert fitting.max_tokens is not None
        assert min(max_tokens, MIN_ANSWER_TOKENS) <= fitting.max_tokens <= max_tokens


@pytest.mark.parametrize(
    ("max_tokens", "prompt_tokens", "expected"),
    [
        (None, 3700, None),  # 256 tokens and more are an answer
        (1000, 3000, 1000),
        (1000, 3095, 1000),
        (1000, 3096, 999),  # one token must stay free
        (1000, 3839, 256),
        (16, 4079, 16),  # whoever wants little gets it
    ],
)
def test_what_fits_keeps_its_prompt_and_loses_only_room_for_the_answer(
    max_tokens: int | None, prompt_tokens: int, expected: int | None
) -> None:
    request = _request("x" * 9000, max_tokens=max_tokens)

    fitting = fit_window(request, 4096, prompt_tokens)

    assert fitting is not None
    assert fitting.messages == request.messages
    assert fitting.max_tokens == expected
    assert (fitting is request) == (expected == max_tokens)


@pytest.mark.parametrize("max_tokens", [None, 1000])
def test_a_prompt_without_room_for_an_answer_is_cut(max_tokens: int | None) -> None:
    request = _request("x" * 9000, max_tokens=max_tokens)

    fitting = fit_window(request, 4096, 3840)

    assert fitting is not None
    assert 5500 < text_bytes(fitting.messages[1].text) < 7000


def test_two_long_messages_are_cut_to_one_length_and_short_ones_stay_whole() -> None:
    request = _request("a" * 30_000, "short", "b" * 24_000, "c" * 3000)

    smaller = fit(request, RefusedWindow(8000))

    assert smaller is not None
    _, first, short, second, third = _sizes(smaller)
    assert (short, third) == (5, 3000)
    assert abs(first - second) < 10
    assert 6000 < first < 10_000


def test_a_system_prompt_that_is_too_long_alone_cannot_be_helped() -> None:
    request = _request("Say hello. " * 500, system="x" * 12_000)

    assert fit_window(request, 4096, 5800) is None
    assert fit(request, RefusedWindow(4096, 5800)) is None


def test_the_task_at_the_head_and_the_newest_lines_at_the_tail_stay_whole() -> None:
    lines = [f"line {number} of the material" for number in range(2000)]
    request = _request("\n".join(["THE TASK", *lines, "THE NEWEST"]))

    smaller = fit(request, RefusedWindow(4000))

    assert smaller is not None
    kept = smaller.messages[1].text.split("\n")
    [mark] = [line for line in kept if line.startswith("[... ")]
    assert (kept[0], kept[-1]) == ("THE TASK", "THE NEWEST")
    assert set(kept) <= {"THE TASK", *lines, mark, "THE NEWEST"}
    assert int(mark.split()[1]) + len("\n".join(kept)) - len(f"\n{mark}\n") == len(request.messages[1].text)


def test_it_fits_the_window_together_with_its_answer() -> None:
    smaller = fit(_request("x" * 90_000, max_tokens=1000), RefusedWindow(8000))

    assert smaller is not None
    assert 4000 < estimate_prompt_tokens(smaller.messages) + 1000 <= 8000


def test_the_servers_count_corrects_the_estimate() -> None:
    request = _request("x" * 30_000)  # 10,000 tokens by our estimate

    dense = fit(request, RefusedWindow(6000, prompt_tokens=20_000))
    thin = fit(request, RefusedWindow(6000, prompt_tokens=7000))

    assert dense is not None
    assert thin is not None
    assert estimate_prompt_tokens(dense.messages) < 3000 < estimate_prompt_tokens(thin.messages) < 9001


def test_an_answer_that_asked_for_too_much_is_shortened_before_the_prompt() -> None:
    request = _request("x" * 3000, max_tokens=8192)

    smaller = fit(request, RefusedWindow(4096, prompt_tokens=1000, completion_tokens=8192))

    assert smaller is not None
    assert smaller.messages == request.messages
    assert smaller.max_tokens == 3095


def test_without_a_number_half_of_the_prompt_stays() -> None:
    request = _request("x" * 30_000)

    smaller = fit(request, RefusedWindow())

    assert smaller is not None
    assert 0.45 < estimate_prompt_tokens(smaller.messages) / estimate_prompt_tokens(request.messages) <= 0.5


def test_a_prompt_that_is_short_already_cannot_be_cut() -> None:
    assert fit(_request("Say hello."), RefusedWindow(100)) is None


@given(text=short_texts | long_texts, max_tokens=st.integers(1, 5000))
def test_a_text_without_its_middle_keeps_within_its_limit(text: str, max_tokens: int) -> None:
    shorter = without_middle(text, max_tokens=max_tokens)

    assert text_bytes(shorter) <= max(MIN_KEPT_BYTES, max_tokens * BYTES_PER_TOKEN)
    assert text_bytes(shorter) <= text_bytes(text)
    shorter.encode("utf-8")
