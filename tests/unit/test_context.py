"""Fitting a prompt into a window: smaller every time, the longest message first, head and tail kept."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.llm.context import fit
from core.llm.faults import Window
from core.llm.request import CallRequest, ChatMessage
from core.llm.tokens import estimate_prompt_tokens


def _request(*texts: str, max_tokens: int | None = None) -> CallRequest:
    messages = (ChatMessage("system", "Be terse."), *(ChatMessage("user", text) for text in texts))
    return CallRequest(
        messages=messages, run_id="r", correlation_id="c", agent_id="a", task_id="t", max_tokens=max_tokens
    )


@given(
    text=st.text(st.characters(codec="utf-8"), min_size=50, max_size=400).map(lambda text: text * 40),
    limit=st.none() | st.integers(1, 20_000),
    prompt_tokens=st.none() | st.integers(1, 50_000),
    max_tokens=st.none() | st.integers(1, 50_000),
)
def test_the_result_is_smaller_or_nothing(
    text: str, limit: int | None, prompt_tokens: int | None, max_tokens: int | None
) -> None:
    request = _request("short", text, max_tokens=max_tokens)

    smaller = fit(request, Window(limit, prompt_tokens))

    if smaller is not None:
        assert estimate_prompt_tokens(smaller.messages) < estimate_prompt_tokens(request.messages)
        assert smaller.messages[:2] == request.messages[:2]
        kept = smaller.messages[2].content
        assert kept.startswith(text[:90])
        assert kept.endswith(text[-90:])


def test_it_fits_the_window_together_with_its_answer() -> None:
    smaller = fit(_request("x" * 90_000, max_tokens=1000), Window(8000))

    assert smaller is not None
    assert 4000 < estimate_prompt_tokens(smaller.messages) + 1000 <= 8000


def test_the_servers_count_corrects_the_estimate() -> None:
    request = _request("x" * 30_000)  # 10,000 tokens by our estimate

    dense = fit(request, Window(6000, prompt_tokens=20_000))
    thin = fit(request, Window(6000, prompt_tokens=7000))

    assert dense is not None
    assert thin is not None
    assert estimate_prompt_tokens(dense.messages) < 3000 < estimate_prompt_tokens(thin.messages) < 9001


def test_without_a_number_half_of_the_prompt_stays() -> None:
    request = _request("x" * 30_000)

    smaller = fit(request, Window())

    assert smaller is not None
    assert 0.45 < estimate_prompt_tokens(smaller.messages) / estimate_prompt_tokens(request.messages) <= 0.5


def test_a_prompt_that_is_short_already_cannot_be_cut() -> None:
    assert fit(_request("Say hello."), Window(100)) is None
