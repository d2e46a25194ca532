"""`quintet test`: executes the tests of a folder in the sandbox, and prints what they prove."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from core.errors import QuintetError
from core.execution.evidence.record import evidence_record
from core.settings import load_config
from core.state.suite import suite_of_report
from core.text.sanitize import one_line
from core.workflow.delivered_folder import execute_again, read_deliverable
from core.workflow.outcome import STATUS_OF_VERDICT
from tui.commands.output import print_text, say
from tui.exit_codes import EXIT_BY_STATUS, EXIT_FAILED, EXIT_STOPPED, EXIT_USAGE
from tui.words.numbers import counted, duration
from tui.words.tests_narration import suite_words

NAME_COLUMNS = 60


def run_test(folder: Path, *, overrides: Mapping[str, object], as_json: bool) -> int:
    """Print the evidence and return the exit code of its status."""
    try:
        record = asyncio.run(_executed(folder, overrides))
    except QuintetError as error:
        say(f"quintet: {error}")
        return EXIT_USAGE
    except asyncio.CancelledError:
        return EXIT_STOPPED
    status = STATUS_OF_VERDICT[record["verdict"]]
    document = {"folder": str(folder.resolve()), "status": status, "evidence": record}
    lines = [json.dumps(document, indent=2)] if as_json else list(_page(folder, status, record))
    return EXIT_BY_STATUS[status] if print_text(lines) else EXIT_FAILED


async def _executed(folder: Path, overrides: Mapping[str, object]) -> dict[str, Any]:
    settings = load_config(overrides=overrides)
    for warning in settings.warnings:
        say(f"note: {warning}")
    delivered = await asyncio.to_thread(read_deliverable, folder)
    with suppress(NotImplementedError):  # Windows: KeyboardInterrupt cancels the task by itself
        main_task = asyncio.current_task()
        for name in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(name, main_task.cancel if main_task else sys.exit)
    return evidence_record(await execute_again(delivered, settings.execution))


def _page(folder: Path, status: str, record: Mapping[str, Any]) -> Iterator[str]:
    """Give the lines: a row a test, what is broken, whose work is at fault, and the status with its reason."""
    suite = suite_of_report(record)
    if suite.rung:
        where = f"{suite.runner} in {suite.rung}, {duration(suite.seconds)}"
        yield f"{one_line(str(folder))}: {counted(suite.total, 'test')} with {where}"
        yield ""
    width = min(NAME_COLUMNS, max((len(str(test["id"])) for test in record["tests"]), default=0))
    for test in record["tests"]:
        words = "proves nothing: green without the code" if test["proves"] is False else test["message"]
        mark = "passed" if test["outcome"] == "passed" else test["outcome"].upper().replace("_", " ")
        yield f"  {mark:<8} {one_line(str(test['id'])):<{width}}  {one_line(words)}".rstrip()
    if record["tests_left_out"]:
        yield f"  and {record['tests_left_out']} more that passed"
    for broken in (record["run"] or {}).get("broken", ()):
        yield f"  BROKEN   {one_line(broken['path'])}  {one_line(broken['message'])}"
    if suite.rung:
        yield ""
    yield f"{status}, verdict {record['verdict']}: {one_line(suite_words(suite), 400)}"
    for path, culprit in dict.fromkeys((found["path"], found["culprit"]) for found in record["findings"]):
        yield f"  at fault: {culprit}, in {one_line(path)}"
