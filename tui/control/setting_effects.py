"""When each setting takes effect after it was saved, and how those do that need no new start."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.screens.main import MainScreen
from tui.theme import first_theme_name

if TYPE_CHECKING:
    from core.settings import Settings
    from tui.app import QuintetApp

NEXT_START = "from the next start"


@dataclass(frozen=True, slots=True)
class Effect:
    """When a setting takes effect, in words; `apply` brings it about in the running app."""

    when: str
    apply: Callable[[QuintetApp, Settings], None]


def _theme(app: QuintetApp, settings: Settings) -> None:
    is_set = settings.origin_of("ui.theme").kind != "default"
    app.use_theme(settings.ui.theme if is_set else first_theme_name({}))


def _animation(app: QuintetApp, settings: Settings) -> None:
    app.animation_level = settings.ui.animation


def _cursor_blink(app: QuintetApp, settings: Settings) -> None:
    app.main.prompt.cursor_blink = settings.ui.cursor_blink


def _layout(app: QuintetApp, settings: Settings) -> None:
    app.main.wish_layout(settings.ui.layout)


def _log_level(_app: QuintetApp, settings: Settings) -> None:
    from core.telemetry.logs import set_log_level

    set_log_level(settings.logging.level)


def _metrics(_app: QuintetApp, settings: Settings) -> None:
    from core.telemetry.metrics import set_metrics_enabled

    set_metrics_enabled(settings.telemetry.enable_metrics)


def _workflow(app: QuintetApp, settings: Settings) -> None:
    app.main.post_message(MainScreen.WorkflowChosen(settings.team.workflow))


EFFECTS: Mapping[str, Effect] = {
    "ui.theme": Effect("at once", _theme),
    "ui.animation": Effect("at once", _animation),
    "ui.cursor_blink": Effect("at once", _cursor_blink),
    "ui.layout": Effect("at once", _layout),
    "logging.level": Effect("at once", _log_level),
    "telemetry.enable_metrics": Effect("at once", _metrics),
    "team.workflow": Effect("from the next run", _workflow),
}
"""All others wait for the next start: the engine keeps the settings that it was started with."""


def when(name: str) -> str:
    """Return when a setting takes effect after it was saved."""
    return EFFECTS[name].when if name in EFFECTS else NEXT_START


def apply_settings(app: QuintetApp, settings: Settings, names: Iterable[str]) -> None:
    """Let those of the changed settings take effect that do not wait for a new start."""
    for name in names:
        if name in EFFECTS:
            EFFECTS[name].apply(app, settings)
