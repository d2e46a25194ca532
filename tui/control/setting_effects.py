"""How the settings that need no new start take effect in the app: at its start, and after they were saved."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Protocol

from textual.constants import TEXTUAL_ANIMATIONS
from textual.types import AnimationLevel

from tui.control.theme_choice import ThemeChoice
from tui.screens.main import MainScreen

if TYPE_CHECKING:
    from core.settings import Settings


class SettingsTarget(Protocol):
    """The app, as far as settings change it while it runs."""

    main: MainScreen
    animation_level: AnimationLevel
    themes: ThemeChoice

    def use_workflow(self, workflow: str) -> None:
        """Let the next run follow a workflow."""


def _theme(app: SettingsTarget, settings: Settings) -> None:
    is_set = settings.origin_of("ui.theme").kind != "default"
    app.themes.use(settings.ui.theme if is_set else app.themes.first)


def _animation(app: SettingsTarget, settings: Settings) -> None:
    # The variable is for every Textual application, so for this one too unless our own setting is set.
    is_set = settings.origin_of("ui.animation").kind != "default"
    app.animation_level = (
        settings.ui.animation if is_set or "TEXTUAL_ANIMATIONS" not in os.environ else TEXTUAL_ANIMATIONS
    )


def _cursor_blink(app: SettingsTarget, settings: Settings) -> None:
    app.main.prompt.cursor_blink = settings.ui.cursor_blink


def _layout(app: SettingsTarget, settings: Settings) -> None:
    app.main.layout_choice.force(settings.ui.layout)


def _log_level(_app: SettingsTarget, settings: Settings) -> None:
    from core.telemetry.logs import set_log_level

    set_log_level(settings.logging.level)


def _metrics(_app: SettingsTarget, settings: Settings) -> None:
    from core.telemetry.metrics import set_metrics_enabled

    set_metrics_enabled(settings.telemetry.enable_metrics)


def _workflow(app: SettingsTarget, settings: Settings) -> None:
    app.use_workflow(settings.team.workflow)


APPLIERS: Mapping[str, Callable[[SettingsTarget, Settings], None]] = {
    "ui.theme": _theme,
    "ui.animation": _animation,
    "ui.cursor_blink": _cursor_blink,
    "ui.layout": _layout,
    "logging.level": _log_level,
    "telemetry.enable_metrics": _metrics,
    "team.workflow": _workflow,
}
"""One for each setting whose field says that it takes effect before the next start."""


def apply_settings(app: SettingsTarget, settings: Settings, names: Iterable[str] = APPLIERS) -> None:
    """Let these settings take effect, as far as they do not wait for a new start."""
    for name in names:
        if name in APPLIERS:
            APPLIERS[name](app, settings)
