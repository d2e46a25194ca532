"""Makes docs/screenshot.svg: the sample task, run by the embedded model in the app, in a folder that is thrown away.

Run it with `uv run python docs/make_screenshot.py`. The model's words, the times and the folder's name differ from
run to run; everything else stays the same.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from core.events import Event, RunFinished
from core.settings import Settings, load_config
from tui.app import QuintetApp

SIZE = (120, 40)
TARGET = Path(__file__).with_name("screenshot.svg")
LOOK: dict[str, object] = {"ui.theme": "quintet-dark", "ui.animation": "none", "ui.cursor_blink": False}


def load_settings(_: object) -> Settings:
    """Return the defaults: nothing of this machine's configuration is read."""
    return load_config(cwd=Path.cwd(), env={}, user_config=Path("no-config.toml"), overrides=LOOK)


class PhotographedApp(QuintetApp):
    """The app, which says when the run has ended."""

    def __init__(self) -> None:
        super().__init__(overrides=LOOK, load_settings=load_settings)
        self.run_ended = asyncio.Event()

    def receive(self, event: Event) -> None:
        super().receive(event)
        if isinstance(event, RunFinished):
            self.run_ended.set()


async def make_screenshot() -> str:
    """Run the sample task and return the picture of its end, with the developer in front."""
    app = PhotographedApp()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.press("enter")
        await app.run_ended.wait()
        await pilot.press("escape", "2", "i")
        await pilot.wait_for_animation()
        app.wake()
        await asyncio.sleep(1)  # the sidebar is drawn twice a second
        return app.export_screenshot(title="Quintet")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HOME"] = folder
        os.chdir(folder)
        picture = asyncio.run(make_screenshot())
        os.chdir(TARGET.parent)
    TARGET.write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()
