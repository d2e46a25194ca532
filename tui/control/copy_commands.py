"""Copies an answer, a code block or the selection, and says where the text went and never that it arrived."""

from __future__ import annotations

import asyncio
import os
import re
from typing import Any

from textual.app import App

from core.text.sanitize import one_line
from tui.control.clipboard import osc52, write_copy
from tui.control.services import Say
from tui.screens.main import MainScreen
from tui.words.numbers import size


class CopyCommands:
    """The commands that copy; each says what came of it."""

    def __init__(self, app: App[Any], main: MainScreen, say: Say) -> None:  # Any: what the app returns plays no part
        self._app = app
        self._main = main
        self._say = say

    def copy_message(self) -> None:
        """Copy the active agent's answer."""
        pane = self._main.team.active_agent
        text = (pane.view.answer_source or pane.view.source) if pane else ""
        if pane is None or not text.strip():
            self._say("nothing to copy here: choose an agent that has answered")
            return
        self._copy(text, f"{_file_stem(pane.card.agent_id)}.md")

    def copy_code(self) -> None:
        """Copy the last code block of that answer."""
        pane = self._main.team.active_agent
        blocks = pane.view.code_blocks if pane else []
        if pane is None or not blocks:
            self._say("no code block in this answer; Copy takes the whole message")
            return
        self._copy(blocks[-1], f"{_file_stem(pane.card.agent_id)}-code.txt")

    def copy_selection(self) -> bool:
        """Copy what is selected anywhere on the screen; False when nothing is."""
        from textual.widgets import Input

        app, main = self._app, self._main
        field = app.focused
        selected = main.prompt.selected_text if app.screen is main else ""
        if isinstance(field, Input) and field.selected_text:
            if field.password:
                self._say("a key that is not shown is not copied either")
                return True
            selected = field.selected_text
        selected = selected or app.screen.get_selected_text() or ""
        if selected:
            self._copy(selected, "selection.txt")
        return bool(selected)

    def _copy(self, text: str, name: str) -> None:
        self._app.run_worker(self._copy_to_terminal_and_file(text, name), group="copy")

    async def _copy_to_terminal_and_file(self, text: str, name: str) -> None:
        try:
            file = await asyncio.to_thread(write_copy, text, name)
        except OSError as error:
            where = f"the file was not written: {error.strerror}"
        else:
            where = f"also in {file}"
        sequence = osc52(text, in_tmux="TMUX" in os.environ)
        about, driver = size(len(text.encode())), self._app._driver
        if sequence is None or driver is None:
            self._say(f"too long for the terminal's clipboard ({about}) - {where}", "warning")
            return
        driver.write(sequence)
        self._say(f"sent to terminal ({about}) - {where}")


def _file_stem(name: str) -> str:
    return re.sub(r"[^a-z0-9_]+", "-", one_line(name, 40).lower()) or "agent"
