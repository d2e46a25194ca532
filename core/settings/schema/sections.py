"""Every setting of Quintet: its name, type, bounds and default, and under it the sentence that the documents print.

Those of calls are in call_sections.py, those of logs, telemetry and budget in watch_sections.py.
"""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from core.addresses import server_of
from core.kinds import LayoutSetting
from core.settings.schema.call_sections import CircuitBreakerSettings, LLMSettings
from core.settings.schema.fields import (
    CONFIG,
    AnyCase,
    Env,
    FilePath,
    Names,
    Number,
    Whole,
    Words,
)
from core.settings.schema.origin import DEFAULT, Origin
from core.settings.schema.profiles import ProfileName
from core.settings.schema.tables import AlertSettings, PriceSettings
from core.settings.schema.watch_sections import BudgetSettings, LoggingSettings, TelemetrySettings


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
