"""Time limits: what the settings name wins, and where they name nothing the server's place decides."""

from __future__ import annotations

import pytest

from core.llm.call.attempt import LOCAL, REMOTE, time_limits
from core.llm.endpoint import Endpoint, make_endpoint
from core.settings import LLMSettings, Settings

NEAR = make_endpoint("http://127.0.0.1:8080/v1", "m")
FAR = make_endpoint("https://api.example.com/v1", "m")


@pytest.mark.parametrize("endpoint", [NEAR, FAR], ids=["near", "far"])
@pytest.mark.parametrize("name", ["connect", "first_token", "stall", "total"])
def test_each_limit_has_a_setting(name: str, endpoint: Endpoint) -> None:
    llm = LLMSettings.model_validate({f"{name}_timeout": 7.5})

    changed = time_limits(Settings(llm=llm), endpoint, 100)
    usual = time_limits(Settings(), endpoint, 100)

    others = [f"{other}_seconds" for other in ("connect", "first_token", "stall", "total") if other != name]
    assert getattr(changed, f"{name}_seconds") == 7.5
    assert [getattr(changed, other) for other in others] == [getattr(usual, other) for other in others]


def test_a_near_server_gets_time_to_read_a_long_prompt_and_a_far_one_does_not() -> None:
    assert time_limits(Settings(), NEAR, 100) == LOCAL
    assert time_limits(Settings(), FAR, 100_000) == REMOTE

    slow = time_limits(Settings(), NEAR, 100_000)

    assert slow.first_token_seconds == 5_000
    assert slow.total_seconds >= slow.first_token_seconds


@pytest.mark.parametrize(
    "model", ["o3", "o4-mini", "openai/o1-preview", "gpt-5.1", "deepseek-r1:14b", "deepseek-reasoner"]
)
def test_a_far_model_that_thinks_first_gets_time_for_it(model: str) -> None:
    assert time_limits(Settings(), make_endpoint("https://api.example.com/v1", model), 100).first_token_seconds == 180


@pytest.mark.parametrize("model", ["gpt-4o", "qwen3:8b", "llama-3.1-70b", "foo1", "pro3", "mistral-large"])
def test_a_far_model_that_answers_at_once_is_not_waited_for_as_long(model: str) -> None:
    assert time_limits(Settings(), make_endpoint("https://api.example.com/v1", model), 100).first_token_seconds == 60
