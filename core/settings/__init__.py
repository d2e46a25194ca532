"""The configuration: what can be set, where a value may stand, and one message for everything that is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import ConfigValidationError

if TYPE_CHECKING:
    from core.settings.call_sections import CircuitBreakerSettings, LLMSettings
    from core.settings.key_binding import key_for_endpoint, key_for_fallback
    from core.settings.load import Configuration, examine_config, load_config
    from core.settings.origin import Origin
    from core.settings.sections import Settings, TeamSettings, UISettings, WorkspaceSettings
    from core.settings.tables import AlertSettings, FallbackSettings, PriceSettings
    from core.settings.watch_sections import BudgetSettings, LoggingSettings, TelemetrySettings
else:
    _HOMES = {
        "BudgetSettings": "watch_sections",
        "CircuitBreakerSettings": "call_sections",
        "LLMSettings": "call_sections",
        "LoggingSettings": "watch_sections",
        "TelemetrySettings": "watch_sections",
        "AlertSettings": "tables",
        "FallbackSettings": "tables",
        "PriceSettings": "tables",
        "Origin": "origin",
        "key_for_endpoint": "key_binding",
        "key_for_fallback": "key_binding",
        "Configuration": "load",
        "examine_config": "load",
        "load_config": "load",
    }

    def __getattr__(name: str) -> object:
        # With the first use, because pydantic is slow to import and logging needs no more than our redaction.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'sections')}"), name)


__all__ = [
    "AlertSettings",
    "BudgetSettings",
    "CircuitBreakerSettings",
    "ConfigValidationError",
    "Configuration",
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
