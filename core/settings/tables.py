"""Settings that are whole tables and stand only in a config.toml: fallbacks, prices, alerts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.settings.fields import CONFIG, AnyCase, ApiKey, BaseUrl, Env, Number, Whole, Words


class FallbackSettings(BaseModel):
    """Where a call goes when the server or model before does not answer; in the order of the tables."""

    model_config: ClassVar[ConfigDict] = CONFIG

    base_url: Annotated[
        BaseUrl | None, Field(examples=["https://llm.example/v1"]), Env(allowed="an http:// or https:// address")
    ] = None
    """Address of an OpenAI-compatible server. Not set: the server of [llm]."""

    model: Annotated[Words, Field(examples=["gpt-4o-mini"])]
    """Model to ask for. Required."""

    api_key: Annotated[ApiKey | None, Field(examples=["your-key"])] = None
    """Key for that server. Not set: the key of [llm] if it is the same server or one on this machine, else none."""

    context_tokens: Annotated[Whole | None, Field(ge=256, le=10_000_000, examples=[8192])] = None
    """Size of that model's context window in tokens. Not set: what the server says."""


class PriceSettings(BaseModel):
    """What a model costs, in place of the price that Quintet knows."""

    model_config: ClassVar[ConfigDict] = CONFIG

    input: Annotated[Number, Field(ge=0, le=1_000_000, examples=[0.15])]
    """US dollars for a million tokens that are sent. Required."""

    output: Annotated[Number, Field(ge=0, le=1_000_000, examples=[0.6])]
    """US dollars for a million tokens that are received. Required."""


class AlertSettings(BaseModel):
    """Other limits for an alert; what is not set stays as it is."""

    model_config: ClassVar[ConfigDict] = CONFIG

    name: Annotated[Words, Field(examples=["latency_p95_high"])]
    """Which alert. Required."""

    severity: Annotated[Literal["critical", "warning", "info"] | None, AnyCase, Field(examples=["warning"])] = None
    """How loud it is."""

    threshold: Annotated[Number | None, Field(examples=[10.0])] = None
    """Value beyond which it fires: a share from 0 to 1 for rates, seconds for times, else a number of things."""

    clear: Annotated[Number | None, Field(examples=[8.0])] = None
    """Value it has to return to before it ends."""

    for_seconds: Annotated[Number | None, Field(ge=0, le=86_400, examples=[60.0])] = None
    """Seconds its condition has to hold before it fires."""

    keep_firing_seconds: Annotated[Number | None, Field(ge=0, le=86_400, examples=[60.0])] = None
    """Seconds it goes on after its condition has ended."""

    min_samples: Annotated[Whole | None, Field(ge=0, le=1_000_000, examples=[20])] = None
    """Requests that are needed before it is judged at all."""

    enabled: bool = True
    """Turn off to never see it."""
