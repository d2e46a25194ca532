"""One entry of the log, whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.widgets.logs.rows import log_json

if TYPE_CHECKING:
    from core.telemetry.logs.reader import LogEntry


class LogEntryScreen(ModalScreen[None]):
    """Shows the JSON of an entry; Esc closes it."""

    AUTO_FOCUS = "#log-entry"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,enter", "dismiss", "Close", show=False)]

    def __init__(self, entry: LogEntry) -> None:
        super().__init__()
        self._entry = entry

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="log-entry", can_focus=True) as box:
            box.border_title = Content("Log entry")
            box.border_subtitle = Content("Up/Down scroll · Esc closes")
            yield Static(Content(log_json(self._entry)), id="log-entry-text")
