"""The settings of what is written down, reported and limited: log, telemetry, budget."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.kinds import LogLevel
from core.settings.schema.fields import CONFIG, AnyCase, ApiKey, BaseUrl, Dsn, Env, FilePath, LevelName, Number, Whole


class LoggingSettings(BaseModel):
    """The log: a file; a headless run can show it on the terminal as well, the app never does."""

    model_config: ClassVar[ConfigDict] = CONFIG

    level: Annotated[LogLevel, LevelName, Env("LOG_LEVEL", takes_effect="at once")] = "INFO"
    """Least severe lines that are kept."""

    file: Annotated[FilePath | None, Field(examples=["quintet.log"]), Env("LOG_FILE")] = None
    """Log file. Not set: one for each process in the user's log folder."""

    structured: Annotated[bool, Env("STRUCTURED_LOGGING")] = True
    """One JSON object a line; turn off for plain text."""

    colored_console: Annotated[bool, Env("COLORED_CONSOLE")] = False
    """Show the log of a headless run on standard error too, in colours."""

    content: Annotated[bool, Env("LOG_CONTENT")] = False
    """Write prompts and answers into the log. They may hold what nobody else should read."""

    rotation_megabytes: Annotated[Whole, Field(ge=1, le=10_000), Env("LOG_ROTATION_MEGABYTES")] = 10
    """Size at which a new log file is begun, in megabytes."""

    retention_files: Annotated[Whole, Field(ge=1, le=1000), Env("LOG_RETENTION_FILES")] = 10
    """Log files that are kept; older ones are removed."""


class TelemetrySettings(BaseModel):
    """What Quintet measures about itself, and who is told. Nothing leaves this machine unless an exporter is set here."""

    model_config: ClassVar[ConfigDict] = CONFIG

    enable_metrics: Annotated[bool, Env("ENABLE_METRICS", takes_effect="at once")] = True
    """Keep the numbers that sidebar, dashboard, alerts and exporters show."""

    metrics_port: Annotated[Whole | None, Field(ge=1, le=65_535, examples=[9464]), Env("METRICS_PORT")] = None
    """Port of this machine at which the numbers can be read in Prometheus' format. Not set: none."""

    otel_endpoint: Annotated[
        BaseUrl | None,
        Field(examples=["http://127.0.0.1:4318"]),
        Env("OTEL_EXPORTER_OTLP_ENDPOINT", allowed="an http:// or https:// address"),
    ] = None
    """Address that traces and metrics are sent to by OTLP over HTTP; needs quintet[otel]. Not set: nowhere."""

    sentry_dsn: Annotated[
        Dsn | None, Field(examples=["https://key@sentry.example/1"]), Env("SENTRY_DSN", allowed="a DSN of Sentry")
    ] = None
    """Address that crashes are reported to, without prompts and answers; needs quintet[sentry]. Not set: nowhere."""

    datadog_api_key: Annotated[ApiKey | None, Field(examples=["your-key"]), Env("DATADOG_API_KEY", "DD_API_KEY")] = None
    """Key with which metrics are sent to Datadog; needs quintet[otel]. Not set: nothing is sent."""

    # A closed list: the key is sent to a host that is made of this, and a project's file may name it.
    datadog_site: Annotated[
        Literal[
            "datadoghq.com",
            "us3.datadoghq.com",
            "us5.datadoghq.com",
            "datadoghq.eu",
            "ap1.datadoghq.com",
            "ap2.datadoghq.com",
            "ddog-gov.com",
        ],
        AnyCase,
        Env("DATADOG_SITE", "DD_SITE"),
    ] = "datadoghq.com"
    """Datadog's site that the key belongs to."""

    capture_content: Annotated[bool, Env("TELEMETRY_CAPTURE_CONTENT")] = False
    """Put prompts and answers into traces. They may hold what nobody else should read."""


class BudgetSettings(BaseModel):
    """What one run may use up; when a limit is reached, the team stops and asks."""

    model_config: ClassVar[ConfigDict] = CONFIG

    tokens: Annotated[Whole | None, Field(ge=1, le=10_000_000_000, examples=[500_000]), Env("BUDGET_TOKENS")] = None
    """Tokens, sent and received. Not set: no limit."""

    usd: Annotated[Number | None, Field(gt=0, le=1_000_000, examples=[2.5]), Env("BUDGET_USD")] = None
    """US dollars, as far as prices are known. Not set: no limit."""

    minutes: Annotated[Number | None, Field(gt=0, le=100_000, examples=[30.0]), Env("BUDGET_MINUTES")] = None
    """Minutes. Not set: no limit."""
