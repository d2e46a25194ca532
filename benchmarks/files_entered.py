"""How many of our files a stranger has to open to follow one call, one setting and one delivery run.

A file counts when a line of a function in it is run; what merely runs at its import does not. Threads are followed too.
Run it with `uv run python -m benchmarks.files_entered`; `--list` names the files.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType

from core.settings import load_config
from tests.support.team import DELIVERED, engine_harness

ROOT = Path(__file__).resolve().parents[1]
OURS = tuple(str(ROOT / folder) + os.sep for folder in ("core", "tui"))


@dataclass(slots=True)
class Footprint:
    """The functions that were entered, and how often control went from a function to another one."""

    codes: set[CodeType] = field(default_factory=set)
    calls: int = 0

    def trace(self, frame: FrameType, event: str, _argument: object) -> None:
        """Note a call; a function for sys.settrace, which therefore asks for no lines."""
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(OURS) and code.co_name != "<module>":
            self.calls += 1
            self.codes.add(code)

    @property
    def files(self) -> list[str]:
        return sorted({str(Path(code.co_filename).relative_to(ROOT)) for code in self.codes})


@contextmanager
def following() -> Iterator[Footprint]:
    """Note what is entered in a block, in all threads that start in it."""
    footprint = Footprint()
    threading.settrace(footprint.trace)
    sys.settrace(footprint.trace)
    try:
        yield footprint
    finally:
        sys.settrace(None)
        threading.settrace(None)  # type: ignore[arg-type] # typeshed knows no way to end it; None is documented


def one_setting(folder: Path) -> Footprint:
    """Load a configuration of one line of TOML."""
    (folder / "config.toml").write_text("[llm]\nmax_retries = 2\n", encoding="utf-8")
    before = Path.cwd()
    os.chdir(folder)
    try:
        load_config()  # what is read once a process is not part of following a setting
        with following() as footprint:
            load_config()
    finally:
        os.chdir(before)
    return footprint


async def one_call(folder: Path) -> Footprint:
    """Ask one agent one question, on a server that is known from an earlier call."""
    async with engine_harness(folder) as harness:
        agent = harness.engine.agents["developer"]
        await agent.execute_llm_task("JOB opinion What do you know of the server by now?")
        with following() as footprint:
            await agent.execute_llm_task("JOB opinion What do you think?")
    return footprint


async def one_delivery(folder: Path) -> Footprint:
    """Run the delivery workflow from the task to the finished folder."""
    async with engine_harness(folder) as harness:
        with following() as footprint:
            outcome = await harness.engine.run("Write a function that reverses a text", output_dir=folder / "out")
    if outcome.status != DELIVERED:
        raise RuntimeError(f"the run ended {outcome.status}: its files are not those of a delivery")
    return footprint


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the files")
    named = parser.parse_args().list
    routes: dict[str, Callable[[Path], Footprint]] = {
        "setting": one_setting,
        "call": lambda folder: asyncio.run(one_call(folder)),
        "delivery": lambda folder: asyncio.run(one_delivery(folder)),
    }
    for name, measure in routes.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["HOME"] = folder
            footprint = measure(Path(folder))
        row = {"benchmark": "files_entered", "route": name, "files": len(footprint.files)}
        print(json.dumps({**row, "functions": len(footprint.codes), "calls": footprint.calls}))
        if named:
            print("\n".join(f"  {file}" for file in footprint.files))


if __name__ == "__main__":
    main()
