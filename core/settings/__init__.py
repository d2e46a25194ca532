"""The configuration: what can be set, where a value may stand, and one message for everything that is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import ConfigValidationError

if TYPE_CHECKING:
    from core.settings.load import Configuration, examine_config, load_config
    from core.settings.schema.origin import Origin
    from core.settings.schema.sections import (
        CircuitBreakerSettings,
        ExecutionSettings,
        LLMSettings,
        Settings,
        TeamSettings,
        UISettings,
        WorkspaceSettings,
    )
    from core.settings.schema.tables import AlertSettings, FallbackSettings, PriceSettings
    from core.settings.schema.watch_sections import BudgetSettings, LoggingSettings, TelemetrySettings
    from core.settings.trust.keys import key_for_endpoint, key_for_fallback
else:
    _HOMES = {
        "BudgetSettings": "schema.watch_sections",
        "CircuitBreakerSettings": "schema.sections",
        "LLMSettings": "schema.sections",
        "LoggingSettings": "schema.watch_sections",
        "TelemetrySettings": "schema.watch_sections",
        "AlertSettings": "schema.tables",
        "FallbackSettings": "schema.tables",
        "PriceSettings": "schema.tables",
        "Origin": "schema.origin",
        "key_for_endpoint": "trust.keys",
        "key_for_fallback": "trust.keys",
        "Configuration": "load",
        "examine_config": "load",
        "load_config": "load",
    }

    def __getattr__(name: str) -> object:
        # With the first use, because pydantic is slow to import and logging needs no more than our redaction.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'schema.sections')}"), name)


__all__ = [
    "AlertSettings",
    "BudgetSettings",
    "CircuitBreakerSettings",
    "ConfigValidationError",
    "Configuration",
    "ExecutionSettings",
    "FallbackSettings",
    "LLMSettings",
    "LoggingSettings",
    "Origin",
    "PriceSettings",
    "Settings",
    "TeamSettings",
    "TelemetrySettings",
    "UISettings",
    "WorkspaceSettings",
    "examine_config",
    "key_for_endpoint",
    "key_for_fallback",
    "load_config",
]
