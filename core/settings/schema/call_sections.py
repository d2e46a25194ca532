"""The settings of a call: the server, and the breaker in front of it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from core.settings.schema.fields import (
    CONFIG,
    AnyCase,
    ApiKey,
    BaseUrl,
    CrossFieldError,
    Env,
    FilePath,
    Number,
    Whole,
    Words,
)
from core.settings.schema.tables import FallbackSettings


class LLMSettings(BaseModel):
    """The server and model that the team talks to, and how long and how often it is asked."""

    model_config: ClassVar[ConfigDict] = CONFIG

    base_url: Annotated[
        BaseUrl | None,
        Field(examples=["http://127.0.0.1:11434/v1"]),
        Env("LLM_BASE_URL", "OPENAI_BASE_URL", allowed="an http:// or https:// address"),
    ] = None
    """Address of an OpenAI-compatible server. Not set: OpenAI's when a key is set, else the embedded model."""

    api_key: Annotated[ApiKey | None, Field(examples=["your-key"]), Env("LLM_API_KEY", "OPENAI_API_KEY")] = None
    """Key for the server; best kept in the environment. Alone, without base_url, it means OpenAI. A key of your own is
    not sent to an address that a project's file names, unless that is on this machine or you trust the folder."""

    model: Annotated[Words | None, Field(examples=["gpt-4o-mini"]), Env("LLM_MODEL", "OPENAI_MODEL")] = None
    """Model to ask for. Not set: the first one the server offers, at OpenAI gpt-4o-mini."""

    model_file: Annotated[
        FilePath | None, Field(examples=["~/models/model.gguf"]), Env("LLM_MODEL_FILE", allowed="a path to a GGUF file")
    ] = None
    """GGUF file for the embedded model. Not set: the small model that is installed with Quintet."""

    temperature: Annotated[Number | None, Field(ge=0, le=2, examples=[0.2]), Env("LLM_TEMPERATURE")] = None
    """Randomness of the answers, for all agents. Not set: what each agent's prompt file asks for."""

    max_tokens: Annotated[Whole | None, Field(ge=1, le=1_000_000, examples=[4096]), Env("LLM_MAX_TOKENS")] = None
    """Longest answer in tokens. Not set: chosen for each job."""

    context_tokens: Annotated[
        Whole | None, Field(ge=256, le=10_000_000, examples=[8192]), Env("LLM_CONTEXT_TOKENS")
    ] = None
    """Size of the model's context window in tokens. Not set: what the server says of it, at the latest when it refuses a
    prompt as too long."""

    stream_responses: Annotated[bool, Env("LLM_STREAM_RESPONSES")] = True
    """Receive answers token by token. Turn off for servers whose streaming is broken."""

    connect_timeout: Annotated[Number | None, Field(gt=0, le=600, examples=[10.0]), Env("LLM_CONNECT_TIMEOUT")] = None
    """Seconds to reach the server. Not set: by where the server is."""

    first_token_timeout: Annotated[
        Number | None, Field(gt=0, le=3600, examples=[120.0]), Env("LLM_FIRST_TOKEN_TIMEOUT")
    ] = None
    """Seconds from sending a request to the first token of its answer. Not set: by where the server is."""

    stall_timeout: Annotated[Number | None, Field(gt=0, le=3600, examples=[60.0]), Env("LLM_STALL_TIMEOUT")] = None
    """Seconds without a new token after which an answer counts as stalled. Not set: by where the server is."""

    total_timeout: Annotated[Number | None, Field(gt=0, le=86_400, examples=[900.0]), Env("LLM_TOTAL_TIMEOUT")] = None
    """Seconds for one whole attempt. Not set: by where the server is."""

    max_retries: Annotated[Whole, Field(ge=0, le=10), Env("LLM_MAX_RETRIES")] = 3
    """Attempts after the first one; 3 means up to 4 attempts. Trials of a server whose breaker is open are not counted:
    circuit_breaker.max_wait ends them."""

    retry_initial_delay: Annotated[Number, Field(gt=0, le=60), Env("LLM_RETRY_INITIAL_DELAY")] = 1.0
    """Seconds before the first retry; doubles with each further one."""

    retry_max_delay: Annotated[Number, Field(gt=0, le=600), Env("LLM_RETRY_MAX_DELAY")] = 60.0
    """Longest wait between two attempts in seconds; not below retry_initial_delay."""

    pool_max_age: Annotated[Number, Field(ge=1, le=604_800), Env("LLM_POOL_MAX_AGE")] = 3600.0
    """Seconds after which a pooled client is replaced by a fresh one."""

    max_concurrency: Annotated[Whole | None, Field(ge=1, le=64, examples=[2]), Env("LLM_MAX_CONCURRENCY")] = None
    """Requests that may run at once on one server. Not set: as many as it says it has slots; without a word of it 5, and on
    a server elsewhere up to 16 while it bears them."""

    requests_per_minute: Annotated[
        Whole | None, Field(ge=1, le=1_000_000, examples=[60]), Env("LLM_REQUESTS_PER_MINUTE")
    ] = None
    """Requests that may be sent to one server in a minute, all agents together. Not set: no limit of our own."""

    tokens_per_minute: Annotated[
        Whole | None, Field(ge=1, le=1_000_000_000, examples=[100_000]), Env("LLM_TOKENS_PER_MINUTE")
    ] = None
    """Tokens that may go to and come from one server in a minute, all agents together. Not set: no limit of our own."""

    cache: Annotated[bool, Env("LLM_CACHE")] = False
    """Keep whole answers on this machine for a day, and give the same answer to the same question without asking again.
    Only where the temperature is 0."""

    fallbacks: tuple[FallbackSettings, ...] = ()
    """The list in your own file replaces that in the project's."""

    @property
    def max_attempts(self) -> int:
        """Attempts that count, the first one among them."""
        return self.max_retries + 1

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        self._not_above("retry_initial_delay", "retry_max_delay")
        for limit in ("connect_timeout", "first_token_timeout", "stall_timeout"):
            self._not_above(limit, "total_timeout")
        if self.max_tokens and self.context_tokens and self.max_tokens >= self.context_tokens:
            raise CrossFieldError(
                f"max_tokens ({self.max_tokens}) must be below context_tokens ({self.context_tokens}): "
                "the question needs room too",
                "max_tokens",
                "context_tokens",
            )
        return self

    def _not_above(self, lower: str, upper: str) -> None:
        low, high = getattr(self, lower), getattr(self, upper)
        if low is not None and high is not None and low > high:
            raise CrossFieldError(f"{lower} ({low}) must not exceed {upper} ({high})", lower, upper)


class CircuitBreakerSettings(BaseModel):
    """When a failing server is left alone, and for how long."""

    model_config: ClassVar[ConfigDict] = CONFIG

    threshold: Annotated[Whole, Field(ge=1, le=100), Env("LLM_CIRCUIT_BREAKER_THRESHOLD")] = 5
    """Failures in a row that open the breaker."""

    timeout: Annotated[Number, Field(gt=0, le=3600), Env("LLM_CIRCUIT_BREAKER_TIMEOUT")] = 60.0
    """Seconds an open breaker refuses calls before it lets probes through."""

    half_open: Annotated[Whole, Field(ge=1, le=20), Env("LLM_CIRCUIT_BREAKER_HALF_OPEN")] = 3
    """Successful probes that close the breaker again, and the number of probes that may run at once."""

    when_open: Annotated[Literal["wait", "fail"], AnyCase, Env("LLM_CIRCUIT_BREAKER_WHEN_OPEN")] = "wait"
    """What a run does while the breaker is open: wait for it, or fail at once."""

    max_wait: Annotated[Number, Field(gt=0, le=86_400), Env("LLM_CIRCUIT_BREAKER_MAX_WAIT")] = 600.0
    """Seconds a call waits for an open breaker, or for a server that is gone, before it fails; only while when_open is
    wait."""
