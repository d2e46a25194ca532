"""The first paint waits for nothing heavy, and a bad configuration ends the app with its reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from core.errors import ConfigValidationError
from core.settings import Settings
from tests.tui.still import STILL
from tui.app import QuintetApp

HEAVY = ("openai", "langgraph", "langchain_core", "pydantic", "xllamacpp", "aiosqlite", "core.settings", "core.engine")
PROGRAM = """
import asyncio, json, sys
from tui.app import QuintetApp

async def main():
    app = QuintetApp(connect=False, overrides={"ui.animation": "none"})
    async with app.run_test() as pilot:
        await pilot.pause()
        print(json.dumps([name for name in sys.argv[1:] if name in sys.modules]))

asyncio.run(main())
"""


def test_the_first_paint_imports_nothing_heavy() -> None:
    root = Path(__file__).parents[2]

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *HEAVY], cwd=root, capture_output=True, text=True, check=True, timeout=60
    )

    assert json.loads(done.stdout) == []


def test_a_bad_configuration_ends_with_code_2_and_names_all_reasons() -> None:
    def load(_: Mapping[str, object]) -> Settings:
        raise ConfigValidationError(("llm.max_retries is -1", "ui.layout is 'round'"))

    app = QuintetApp(overrides=STILL, load_settings=load)
    code = app.run(headless=True, size=(80, 24))

    assert (code, app.return_code) == (2, 2)
    problems = "\n".join(app.last_words)
    assert "2 problems in the configuration" in problems
    assert "llm.max_retries is -1" in problems
    assert "ui.layout is 'round'" in problems
