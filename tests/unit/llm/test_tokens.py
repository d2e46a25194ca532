"""Counting without a tokenizer: estimates that err on the large side, learn, and notice a prompt that was cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.llm.request import ChatMessage
from core.llm.window.tokens import (
    SETTLED_OBSERVATIONS,
    TOKENS_PER_MESSAGE,
    Calibration,
    estimate_prompt_tokens,
    estimate_tokens,
    text_bytes,
    window_that_cut,
)

# Bytes a token: measured with a small vocabulary, and what the largest ones reach.
BYTES_PER_TOKEN = {
    "English prose": (3.48, 5.0),
    "Python code": (3.08, 5.5),
    "JSON": (1.98, 4.0),
    "German": (2.27, 4.2),
    "Chinese": (1.98, 4.0),
    "emoji": (2.23, 4.0),
}

conversations = st.lists(
    st.builds(ChatMessage.of_text, st.sampled_from(["system", "user", "assistant"]), st.text(max_size=2000)), max_size=5
)


def _conversation(size_bytes: int) -> list[ChatMessage]:
    return [ChatMessage.of_text("system", "s" * 100), ChatMessage.of_text("user", "u" * (size_bytes - 100))]


def _counted(size_bytes: int, bytes_per_token: float) -> int:
    return round(size_bytes / bytes_per_token) + 2 * TOKENS_PER_MESSAGE


def _settled(bytes_per_token: float) -> Calibration:
    calibration = Calibration()
    for size in range(3000, 3000 + 100 * SETTLED_OBSERVATIONS, 100):
        calibration.observe(_conversation(size), _counted(size, bytes_per_token))
    assert calibration.is_settled
    return calibration


@pytest.mark.parametrize(
    ("text", "size_bytes", "tokens"), [("", 0, 0), ("a", 1, 1), ("abc", 3, 1), ("abcd", 4, 2), ("日本", 6, 2)]
)
def test_three_bytes_pass_for_a_token(text: str, size_bytes: int, tokens: int) -> None:
    assert (text_bytes(text), estimate_tokens(text)) == (size_bytes, tokens)


def test_every_message_adds_its_share_of_the_template() -> None:
    assert estimate_prompt_tokens([ChatMessage.of_text("user", "abc")] * 3) == 3 * (1 + TOKENS_PER_MESSAGE)


@pytest.mark.parametrize("kind", BYTES_PER_TOKEN)
def test_a_new_calibration_promises_no_more_room_than_there_is(kind: str) -> None:
    densest, _ = BYTES_PER_TOKEN[kind]

    assert Calibration().estimate(_conversation(10_000)) >= _counted(10_000, densest) * 0.989


@pytest.mark.parametrize("bytes_per_token", [1.5, 1.98, 2.27, 3.48, 5.0])
def test_it_settles_on_what_the_server_counts(bytes_per_token: float) -> None:
    estimate = _settled(bytes_per_token).estimate(_conversation(20_000))

    assert estimate == pytest.approx(_counted(20_000, bytes_per_token), rel=0.1)


def test_denser_text_is_believed_sooner_than_thinner() -> None:
    rising, falling = _settled(3.0), _settled(3.0)
    before = rising.estimate(_conversation(9000))

    rising.observe(_conversation(9000), _counted(9000, 2.0))
    falling.observe(_conversation(9000), _counted(9000, 6.0))

    rise, fall = rising.estimate(_conversation(9000)) - before, before - falling.estimate(_conversation(9000))
    assert rise > 1.5 * fall > 0


@pytest.mark.parametrize(
    ("size_bytes", "prompt_tokens"),
    [
        (40, 31),  # nearly all of it is the template
        (30_000, 0),
        (30_000, 12),  # the rest came from the server's cache
        (30_000, -5),
        (16_000, 4096),  # a whole window: the server may have cut the prompt
    ],
)
def test_counts_that_prove_nothing_teach_nothing(size_bytes: int, prompt_tokens: int) -> None:
    calibration = Calibration()

    calibration.observe(_conversation(max(101, size_bytes)), prompt_tokens)

    assert calibration.estimate(_conversation(9000)) == Calibration().estimate(_conversation(9000))
    assert not calibration.is_settled


@given(observed=st.lists(st.tuples(conversations, st.integers(-10, 10**9)), max_size=20), asked=conversations)
def test_no_observation_takes_an_estimate_out_of_its_bounds(
    observed: list[tuple[list[ChatMessage], int]], asked: list[ChatMessage]
) -> None:
    calibration = Calibration()

    for messages, prompt_tokens in observed:
        calibration.observe(messages, prompt_tokens)

    size_bytes = sum(text_bytes(message.text) for message in asked)
    template = len(asked) * TOKENS_PER_MESSAGE
    assert size_bytes / 6 + template <= calibration.estimate(asked) <= size_bytes + template + 1


@given(asked=conversations, more=st.text(max_size=100))
def test_a_longer_prompt_is_never_estimated_shorter(asked: list[ChatMessage], more: str) -> None:
    longer = [*asked, ChatMessage.of_text("user", more)]

    assert Calibration().estimate(longer) > Calibration().estimate(asked)
    assert estimate_prompt_tokens(longer) > estimate_prompt_tokens(asked)


@given(
    prompt_tokens=st.integers(1, 200_000) | st.sampled_from([2048, 4096, 8192, 131_072]),
    bytes_per_token=st.floats(1.0, 6.0),
    completion_tokens=st.integers(0, 9000),
    fills=st.sampled_from([0, 2048, 4096, 8192]),
)
def test_no_ordinary_prompt_raises_an_alarm(
    prompt_tokens: int, bytes_per_token: float, completion_tokens: int, fills: int
) -> None:
    if fills > prompt_tokens:
        completion_tokens = fills - prompt_tokens  # an answer that ended because the window was full

    assert (
        window_that_cut(
            prompt_bytes=int(prompt_tokens * bytes_per_token),
            prompt_tokens=prompt_tokens,
            completion_tokens=completion_tokens,
        )
        is None
    )


@pytest.mark.parametrize("kind", BYTES_PER_TOKEN)
@pytest.mark.parametrize("window", [2048, 4096, 32_768])
def test_a_text_several_times_the_window_was_cut_whatever_it_is(kind: str, window: int) -> None:
    _, thinnest = BYTES_PER_TOKEN[kind]

    learned = window_that_cut(
        prompt_bytes=int(window * 4 * thinnest), prompt_tokens=window, completion_tokens=100, expected_tokens=None
    )

    assert learned == window


@pytest.mark.parametrize(
    ("prompt_bytes", "prompt_tokens", "completion_tokens", "expected_tokens", "window"),
    [
        (30_000, 4096, 100, None, 4096),  # more than 6 bytes a token, and a whole window
        (30_000, 3996, 100, None, 4096),  # the same together with the answer
        (30_000, 4000, 100, None, None),  # no whole window: perhaps rulers and blanks
        (20_000, 4096, 100, None, None),  # 4.9 bytes a token: an ordinary prompt of 4096 tokens
        (20_000, 4096, 100, 6800, 4096),  # but this model makes more of them
        (20_000, 3996, 100, 6800, None),  # an answer that filled the window
        (20_000, 4096, 100, 4900, None),  # nearly what was expected
        (80_000, 4000, 100, None, 4000),  # 20 bytes a token are no text
        (80_000, 300, 100, None, None),  # the rest came from the server's cache
        (80_000, 1024, 0, None, None),
        (80_000, 0, 0, None, None),
        (0, 0, 2048, None, None),
    ],
)
def test_a_silent_cut_is_told_from_an_ordinary_count(
    prompt_bytes: int, prompt_tokens: int, completion_tokens: int, expected_tokens: int | None, window: int | None
) -> None:
    learned = window_that_cut(
        prompt_bytes=prompt_bytes,
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        expected_tokens=expected_tokens,
    )

    assert learned == window
