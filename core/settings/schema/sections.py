"""Every setting of Quintet: its name, type, bounds and default, and under it the sentence that the documents print.

Those of logs, telemetry and budget are in watch_sections.py.
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.addresses import server_of
from core.kinds import LayoutSetting, SandboxSetting, TierSetting
from core.settings.schema.fields import (
    CONFIG,
    AnyCase,
    ApiKey,
    BaseUrl,
    CrossFieldError,
    Env,
    FilePath,
    Names,
    Number,
    Whole,
    Words,
)
from core.settings.schema.origin import DEFAULT, Origin
from core.settings.schema.profiles import ProfileName
from core.settings.schema.tables import AlertSettings, FallbackSettings, PriceSettings
from core.settings.schema.watch_sections import BudgetSettings, LoggingSettings, TelemetrySettings


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


class TeamSettings(BaseModel):
    """The five specialists and the way they work together."""

    model_config: ClassVar[ConfigDict] = CONFIG

    max_concurrent_agents: Annotated[Whole, Field(ge=1, le=32), Env("MAX_CONCURRENT_AGENTS")] = 5
    """Agents that may work at once."""

    task_timeout: Annotated[Number, Field(gt=0, le=604_800), Env("TASK_TIMEOUT")] = 1800.0
    """Seconds for a whole run."""

    max_rework_rounds: Annotated[Whole, Field(ge=0, le=10), Env("MAX_REWORK_ROUNDS")] = 3
    """Times the developer may rework files after QA has failed them."""

    workflow: Annotated[
        Words, Env("QUINTET_WORKFLOW", allowed="the id of a workflow", takes_effect="from the next run")
    ] = "delivery"
    """Workflow of a run that names none."""

    prompts_dir: Annotated[FilePath | None, Field(examples=["~/my-prompts"]), Env("QUINTET_PROMPTS_DIR")] = None
    """Folder whose agents/, workflows/ and common.yaml replace or join those installed with Quintet."""

    tier: Annotated[TierSetting, AnyCase] = "auto"
    """How models are led. tiny: a few lines and examples, for models below 0.4B parameters; compact: a short page, for
    those below 15B or with a window below 16,000 tokens; full: long prompts. auto tells it from the model."""

    off: Annotated[
        Names, Field(examples=[["devops_engineer"]]), Env("QUINTET_AGENTS_OFF", allowed="a list of agent ids")
    ] = ()
    """Agents that are toggled off at the start; in the environment separated by commas."""


class WorkspaceSettings(BaseModel):
    """Where the team reads and writes. Relative folders start at the folder Quintet is started in."""

    model_config: ClassVar[ConfigDict] = CONFIG

    dir: Annotated[FilePath, Env("WORKSPACE_DIR")] = Path()
    """Folder of the project the team works on."""

    output_dir: Annotated[FilePath, Env("OUTPUT_DIR")] = Path("output")
    """Folder that finished files go to."""


class ExecutionSettings(BaseModel):
    """How the tests of what the team wrote are executed: in a sandbox, without network, or not at all."""

    model_config: ClassVar[ConfigDict] = CONFIG

    sandbox: Annotated[SandboxSetting, AnyCase, Env("QUINTET_SANDBOX")] = "auto"
    """What runs model-written code. auto takes the first that holds on this machine, of bubblewrap, landlock and, on
    macOS, seatbelt; container has to be asked for. One that is named and does not work here is never replaced by
    another. off executes nothing, so that no run ends as passed."""

    test_timeout: Annotated[Number, Field(ge=1, le=3600), Env("QUINTET_TEST_TIMEOUT")] = 60.0
    """Seconds that one execution of the tests may take."""

    memory_mb: Annotated[Whole, Field(ge=64, le=1_000_000), Env("QUINTET_TEST_MEMORY_MB")] = 1024
    """Memory in megabytes that one execution of the tests may take, all its processes together."""

    container_image: Annotated[Words, Env("QUINTET_CONTAINER_IMAGE", allowed="the name of an image")] = (
        "python:3.12-slim"
    )
    """Image for sandbox = "container". It has to be on this machine already: nothing is pulled."""


class UISettings(BaseModel):
    """Look and movement of the app."""

    model_config: ClassVar[ConfigDict] = CONFIG

    theme: Annotated[Words, Env("QUINTET_THEME", allowed="the name of a theme", takes_effect="at once")] = (
        "quintet-dark"
    )
    """Colours of the app."""

    animation: Annotated[
        Literal["full", "basic", "none"], AnyCase, Env("QUINTET_ANIMATION", takes_effect="at once")
    ] = "full"
    """How much moves."""

    cursor_blink: Annotated[bool, Env("QUINTET_CURSOR_BLINK", takes_effect="at once")] = True
    """Blinking cursor in input fields."""

    layout: Annotated[LayoutSetting, AnyCase, Env("QUINTET_LAYOUT", takes_effect="at once")] = "auto"
    """Arrangement of the panes; auto follows the size of the terminal."""


class Settings(BaseSettings):
    """The whole configuration, checked and frozen; built by `load_config`, which reads its sources."""

    model_config: ClassVar[SettingsConfigDict] = CONFIG

    profile: Annotated[
        ProfileName | None,
        AnyCase,
        Field(examples=["production"]),
        Env("QUINTET_PROFILE"),
    ] = None
    """Bundle of values for a kind of use. Whatever is set anywhere else wins over it. Not set: the defaults."""

    llm: LLMSettings = Field(default_factory=LLMSettings)
    circuit_breaker: CircuitBreakerSettings = Field(default_factory=CircuitBreakerSettings)
    team: TeamSettings = Field(default_factory=TeamSettings)
    workspace: WorkspaceSettings = Field(default_factory=WorkspaceSettings)
    execution: ExecutionSettings = Field(default_factory=ExecutionSettings)
    logging: LoggingSettings = Field(default_factory=LoggingSettings)
    telemetry: TelemetrySettings = Field(default_factory=TelemetrySettings)
    budget: BudgetSettings = Field(default_factory=BudgetSettings)
    ui: UISettings = Field(default_factory=UISettings)
    pricing: dict[str, PriceSettings] = Field(default_factory=dict)
    """One table for each model, by its name in quotes."""

    alerts: tuple[AlertSettings, ...] = ()
    """The list in your own file replaces that in the project's."""

    keys: dict[str, str] = Field(default_factory=dict)
    """Keys of your own: the id of an action, then the key, such as `quit = "ctrl+q"`. Only in a config.toml."""

    _origins: dict[str, Origin] = PrivateAttr(default_factory=dict)
    _warnings: tuple[str, ...] = PrivateAttr(default=())
    _trusted: frozenset[str] = PrivateAttr(default=frozenset())

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - see below
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see below
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - see below
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not offered
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take what is passed and nothing else: `load_config` passes what core/settings/sources found.

        The library's own sources cannot: its environment source knows a setting of a section only as section and name
        (LLM_MODEL and OPENAI_MODEL are one setting, MAX_CONCURRENT_AGENTS is one of [team]) and reads os.environ alone;
        its .env source drops the lines, sends bad ones to the log, replaces ${NAME} in keys, and waits for a pipe; its
        TOML source drops the lines too, and none of them tells an unknown name from one that belongs to others.
        """
        return (init_settings,)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What looks wrong in the configuration but does not stop Quintet, one sentence each."""
        return self._warnings

    @property
    def uses_model_file(self) -> bool:
        """Whether `llm.model_file` is what answers: no server is configured, or the command line names the file."""
        if self.llm.model_file is None:
            return False
        return self.origin_of("llm.model_file").kind == "command line" or not self.llm.base_url

    def trusts(self, address: str) -> bool:
        """Tell whether the user trusts the files of this folder to name the server of an address."""
        return server_of(address) in self._trusted

    def value_of(self, name: str) -> object:
        """Return the value of a setting such as "llm.max_retries"; AttributeError if there is none of that name."""
        return attrgetter(name)(self)

    def origin_of(self, name: str) -> Origin:
        """Return where the value of a setting such as "llm.max_retries" came from."""
        return self._origins.get(name, DEFAULT)
