"""A small app for tests of a single screen or widget: our colours and layout, and nothing else of Quintet."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widget import Widget

from tui.app import QuintetApp
from tui.theme import DEFAULT_THEME, load_theme


class WidgetHost(App[None]):
    """Shows the widgets it is given, or an empty screen that others can be pushed on; nothing moves by itself."""

    CSS_PATH = QuintetApp.CSS_PATH
    ENABLE_COMMAND_PALETTE = False
    AUTO_FOCUS = None

    def __init__(self, *widgets: Widget) -> None:
        super().__init__()
        self._widgets = widgets
        self.animation_level = "none"
        self.register_theme(load_theme(DEFAULT_THEME))
        self.theme = DEFAULT_THEME

    def compose(self) -> ComposeResult:
        yield from self._widgets
