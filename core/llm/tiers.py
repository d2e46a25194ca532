"""How a model is led - tiny, compact or full - told from what is known of it: its parameters, its name, its window."""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.kinds import Tier, TierSetting

TINY_BELOW_BILLIONS = 0.4  # such models keep to no format and follow no rule; what they know is how a function looks
FULL_FROM_BILLIONS = 15.0  # what is sold as 14B has up to 14.8B
FULL_FROM_CONTEXT_TOKENS = 16_000  # the long prompts take a third of less, and leave an answer no room

_SIZE_IN_NAME = re.compile(r"(?<![a-z0-9.])(?:(\d{1,2})x)?e?(\d+(?:\.\d+)?)\s?([mb])(?![a-z])", re.IGNORECASE)
_LEAST_MILLIONS = 20  # "1m" and "10m" in a name are windows, not sizes

_USUAL_BILLIONS: tuple[tuple[re.Pattern[str], float], ...] = tuple(
    (re.compile(rf"(?:^|[/:_-]){family}(?:$|[:_-](?:latest|instruct|it|chat|q\d|fp16)|\.gguf)", re.IGNORECASE), billions)
    for family, billions in (
        (r"smollm2?", 1.7), (r"smollm3", 3.0), (r"tinyllama", 1.1), (r"stablelm2?", 1.6), (r"moondream2?", 1.8),
        (r"llama-?3\.2", 3.2), (r"llama-?3(?:\.1)?", 8.0), (r"llama-?2", 7.0), (r"codellama", 7.0), (r"vicuna", 7.0),
        (r"phi-?2", 2.7), (r"phi-?3(?:\.5)?(?:-mini)?", 3.8), (r"phi-?3-medium", 14.0), (r"phi-?4-mini", 3.8), (r"phi-?4", 14.7),
        (r"gemma-?2", 9.0), (r"gemma-?3", 4.0), (r"gemma-?3n", 4.0), (r"codegemma", 7.0), (r"mistral", 7.0),
        (r"mistral-?nemo", 12.0), (r"ministral", 8.0), (r"qwen2(?:\.5)?", 7.0), (r"qwen2\.5-coder", 7.0), (r"qwen3", 8.0),
        (r"starcoder2?", 3.0), (r"granite3(?:\.\d)?-dense", 8.0), (r"zephyr", 7.0), (r"codestral-mamba", 7.0),
    )
)  # fmt: skip
"""What a name without a size stands for at those who serve local models; a hosted model is known by another name."""


@dataclass(frozen=True, slots=True)
class TierChoice:
    """A tier, and in a few words why."""

    tier: Tier
    reason: str


def choose_tier(
    model: str, *, parameters: int | None = None, context_tokens: int | None = None, setting: TierSetting = "auto"
) -> TierChoice:
    """Return how to lead a model: as the settings say, else by its parameters as its file or server gives them, else by its name.

    A window that holds no long prompt makes a model compact at most.
    """
    if setting != "auto":
        return TierChoice(setting, "team.tier says so")
    by_size = _by_size(model, parameters)
    if by_size.tier == "full" and context_tokens is not None and context_tokens < FULL_FROM_CONTEXT_TOKENS:
        return TierChoice("compact", f"its window holds {context_tokens} tokens")
    return by_size


def parameters_in_name(model: str) -> int | None:
    """Return the number of parameters that a name gives, the largest if it gives several; "8x7b" counts all experts."""
    sizes = [
        int(experts or 1) * float(number) * (1e6 if unit in "mM" else 1e9)
        for experts, number, unit in _SIZE_IN_NAME.findall(model)
        if unit in "bB" or float(number) >= _LEAST_MILLIONS
    ]
    return round(max(sizes)) if sizes else None


def _by_size(model: str, parameters: int | None) -> TierChoice:
    if parameters is not None:
        return TierChoice(_tier_of(parameters), f"{_shown(parameters)} parameters")
    named = parameters_in_name(model)
    if named is not None:
        return TierChoice(_tier_of(named), f"{_shown(named)} parameters by its name")
    for family, billions in _USUAL_BILLIONS:
        if family.search(model):
            usual = round(billions * 1e9)
            return TierChoice(_tier_of(usual), f"models of this name have about {_shown(usual)} parameters")
    return TierChoice("full", "nothing says that it is a small one")


def _tier_of(parameters: int) -> Tier:
    if parameters < TINY_BELOW_BILLIONS * 1e9:
        return "tiny"
    return "compact" if parameters < FULL_FROM_BILLIONS * 1e9 else "full"


def _shown(parameters: int) -> str:
    return f"{parameters / 1e9:.3g}B" if parameters >= 1e9 else f"{parameters / 1e6:.3g}M"
