"""How a model is led follows from its parameters, its name and its window; a setting wins over all of them."""

from __future__ import annotations

import pytest

from core.kinds import Tier
from core.llm.tiers import choose_tier, parameters_in_name

NAMES: dict[str, Tier] = {
    "SmolLM2-135M-Instruct-Q8_0": "tiny",
    "SmolLM2-135M-Instruct.Q4_1": "tiny",
    "smollm:135m": "tiny",
    "smollm2:360m": "tiny",
    "gemma-3-270m-it": "tiny",
    "EleutherAI/pythia-70m": "tiny",
    "mamba-130m-hf": "tiny",
    "lfm2-350m": "tiny",
    "qwen2.5-0.5b-instruct": "compact",
    "Qwen/Qwen3-0.6B": "compact",
    "bitnet-b1.58-2B-4T": "compact",
    "TinyLlama-1.1B-Chat-v1.0": "compact",
    "tinyllama": "compact",
    "smollm2": "compact",
    "smollm2:latest": "compact",
    "SmolLM2-1.7B": "compact",
    "qwen2.5-coder:1.5b": "compact",
    "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf": "compact",
    "deepseek-r1:1.5b": "compact",
    "deepseek-coder:1.3b": "compact",
    "llama3.2": "compact",
    "llama3.2:1b": "compact",
    "llama3.2:3b": "compact",
    "llama3": "compact",
    "Meta-Llama-3.1-8B-Instruct": "compact",
    "phi3": "compact",
    "phi-3.5-mini": "compact",
    "phi4": "compact",
    "gemma-2b-it": "compact",
    "gemma3n:e4b": "compact",
    "gemma3:latest": "compact",
    "mistral": "compact",
    "mistral:instruct": "compact",
    "mistral-nemo": "compact",
    "mistralai/Ministral-8B-Instruct-2410": "compact",
    "qwen2.5-7b-instruct-1m": "compact",
    "Qwen2.5-14B-Instruct-1M": "compact",
    "qwen3": "compact",
    "codellama:13b": "compact",
    "starcoder2": "compact",
    "glm-4-9b-chat": "compact",
    "mixtral-8x7b": "full",
    "mixtral:8x22b": "full",
    "qwen3-30b-a3b": "full",
    "qwen3-coder": "full",
    "Qwen2.5-Coder-32B-Instruct": "full",
    "devstral-24b": "full",
    "codestral-22b": "full",
    "gpt-oss:20b": "full",
    "llama3.3": "full",
    "Llama-3.3-70B-Instruct": "full",
    "deepseek-chat": "full",
    "deepseek-r1": "full",
    "mistral-large-latest": "full",
    "mistral-small-latest": "full",
    "gpt-4o-mini": "full",
    "gpt-4.1-nano": "full",
    "gpt-5": "full",
    "gpt-5-mini": "full",
    "o4-mini": "full",
    "claude-sonnet-4-5": "full",
    "claude-sonnet[1m]": "full",
    "claude-haiku-4-5-20251001": "full",
    "gemini-2.5-flash-lite": "full",
    "kimi-k2": "full",
    "MiniMax-M2": "full",
    "grok-3-mini": "full",
    "model-4bit": "full",
    "": "full",
}


@pytest.mark.parametrize(("model", "tier"), NAMES.items())
def test_a_model_is_led_as_its_name_tells(model: str, tier: Tier) -> None:
    assert choose_tier(model).tier == tier


@pytest.mark.parametrize(
    ("parameters", "tier"),
    [
        (134_515_008, "tiny"),
        (361_821_120, "tiny"),
        (494_032_768, "compact"),
        (1_543_714_304, "compact"),
        (14_770_033_664, "compact"),
        (23_572_403_200, "full"),
    ],
)
def test_what_file_or_server_count_goes_before_the_name(parameters: int, tier: Tier) -> None:
    assert choose_tier("mistral-large-70b", parameters=parameters).tier == tier


@pytest.mark.parametrize(
    ("model", "context_tokens", "tier"),
    [
        ("gpt-4o", 8192, "compact"),
        ("gpt-4o", 15_999, "compact"),
        ("gpt-4o", 16_384, "full"),
        ("smollm2:135m", 131_072, "tiny"),
        ("qwen2.5:7b", 131_072, "compact"),
        ("smollm2:135m", 2048, "tiny"),
    ],
)
def test_a_window_without_room_for_long_prompts_makes_a_model_compact_at_most(
    model: str, context_tokens: int, tier: Tier
) -> None:
    assert choose_tier(model, context_tokens=context_tokens).tier == tier


@pytest.mark.parametrize("tier", ["tiny", "compact", "full"])
def test_the_setting_wins(tier: Tier) -> None:
    assert choose_tier("smollm2:135m", parameters=135_000_000, context_tokens=2048, setting=tier).tier == tier


@pytest.mark.parametrize(
    ("choice", "reason"),
    [
        (choose_tier("m", parameters=134_515_008), "135M parameters"),
        (choose_tier("qwen2.5-coder:1.5b"), "1.5B parameters by its name"),
        (choose_tier("mistral"), "models of this name have about 7B parameters"),
        (choose_tier("gpt-5", context_tokens=8192), "its window holds 8192 tokens"),
        (choose_tier("gpt-5"), "nothing says that it is a small one"),
        (choose_tier("gpt-5", setting="tiny"), "team.tier says so"),
    ],
)
def test_the_choice_says_why(choice: object, reason: str) -> None:
    assert getattr(choice, "reason", "") == reason


@pytest.mark.parametrize(
    ("model", "parameters"),
    [
        ("mixtral-8x7b", 56_000_000_000),
        ("smollm2:135m", 135_000_000),
        ("qwen2.5-7b-instruct-1m", 7_000_000_000),
        ("m", None),
    ],
)
def test_a_name_may_tell_the_number_of_parameters(model: str, parameters: int | None) -> None:
    assert parameters_in_name(model) == parameters
