"""The configuration: what can be set, where a value may stand, and one message for everything that is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import ConfigValidationError

if TYPE_CHECKING:
    from core.settings.key_binding import key_for_endpoint
    from core.settings.load import load_config
    from core.settings.origin import Origin
    from core.settings.sections import (
        CircuitBreakerSettings,
        LLMSettings,
        LoggingSettings,
        Settings,
        TeamSettings,
        TelemetrySettings,
        UISettings,
        WorkspaceSettings,
    )
else:
    _HOMES = {
        "Origin": "origin",
        "key_for_endpoint": "key_binding",
        "load_config": "load",
    }

    def __getattr__(name: str) -> object:
        # With the first use, because pydantic is slow to import and logging needs no more than our redaction.
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOMES.get(name, 'sections')}"), name)


__all__ = [
    "CircuitBreakerSettings",
    "ConfigValidationError",
    "LLMSettings",
    "LoggingSettings",
    "Origin",
    "Settings",
    "TeamSettings",
    "TelemetrySettings",
    "UISettings",
    "WorkspaceSettings",
    "key_for_endpoint",
    "load_config",
]
