"""Settings that are whole tables and stand only in a config.toml: fallbacks, prices, alerts."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.kinds import AlertSeverity
from core.settings.schema.alert_checks import check_alert, check_message, check_metric, check_name
from core.settings.schema.fields import CONFIG, AnyCase, ApiKey, BaseUrl, Env, Number, Whole, Words


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
    """An alert of your own, or other limits for one that Quintet knows; what is not set stays as it is."""

    model_config: ClassVar[ConfigDict] = CONFIG

    name: Annotated[Words, AfterValidator(check_name), Field(examples=["slow_first_token"])]
    """Which alert: one that Quintet knows, or with `metric` a new one. Required."""

    metric: Annotated[
        Words | None,
        AfterValidator(check_metric),
        Field(examples=["llm.first_token.p95_seconds"]),
        Env(allowed="a number of the list in docs/CONFIGURATION.md"),
    ] = None
    """Number that an alert of your own looks at."""

    above: Annotated[Number | None, Field(examples=[5.0])] = None
    """Value above which an alert of your own fires, in the unit of its number."""

    below: Number | None = None
    """Value below which an alert of your own fires; instead of `above`."""

    threshold: Number | None = None
    """Value beyond which an alert that Quintet knows fires, in the unit of its number."""

    severity: Annotated[AlertSeverity | None, AnyCase, Field(examples=["warning"])] = None
    """How loud it is. An alert of your own is a warning."""

    message: Annotated[Words | None, AfterValidator(check_message), Field(examples=["answers begin after {value}"])] = (
        None
    )
    """What it says; {value} and {limit} are filled in."""

    clear: Annotated[Number | None, Field(examples=[4.0])] = None
    """Value it has to return to before it ends."""

    for_seconds: Annotated[Number | None, Field(ge=0, le=86_400, examples=[60.0])] = None
    """Seconds its condition has to hold before it fires."""

    keep_firing_seconds: Annotated[Number | None, Field(ge=0, le=86_400, examples=[60.0])] = None
    """Seconds it goes on after its condition has ended."""

    min_samples: Annotated[Whole | None, Field(ge=0, le=1_000_000, examples=[20])] = None
    """Requests in the last five minutes that are needed before it is judged at all."""

    enabled: bool = True
    """Turn off to never see it."""

    @model_validator(mode="after")
    def _fits_its_alert(self) -> Self:
        check_alert(self)
        return self
