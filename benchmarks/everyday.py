"""Sixteen everyday tasks through Quintet: what is right by hidden checks, what it said, and whether its verdict is true.

Right is what the hidden check says, executed in the sandbox after the run. The verdict is true when an outside
`python -m pytest` in the delivered folder says the same: green when it is "pass", not green when it is "fail". Other verdicts
claim nothing. A pass of a run without pytest files, such as shell, cannot be compared so and is counted apart.

    uv run python -m benchmarks.everyday --model MODEL.gguf --output results/everyday

A later start goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.evaluation.everyday_tasks import EverydayTask, passes_check, read_tasks
from benchmarks.evaluation.hidden import find_sandbox, pytest_in
from benchmarks.evaluation.model import Model, serving
from benchmarks.evaluation.records import Records, share_words
from benchmarks.evaluation.team_run import run_team
from core.execution.sandbox.sandbox import Sandbox

SECONDS_A_RUN = 2400.0
OUTSIDE = {0: "green", 1: "red", 2: "broken", 5: "no tests"}


async def measured(
    task: EverydayTask, model: Model, folder: Path, sandbox: Sandbox, temperature: float | None
) -> dict[str, Any]:
    run = await run_team(task.task, folder, model, temperature=temperature, seconds=SECONDS_A_RUN)
    delivered: Path | dict[str, str] = folder if run.files_delivered else {"empty.txt": ""}
    right = await passes_check(task, delivered, sandbox)
    outside = await pytest_in(delivered, sandbox)
    word = OUTSIDE.get(outside.exit_code if outside.exit_code is not None else -1, outside.end)
    return {
        "id": task.id,
        "model": model.name,
        "status": run.status,
        "verdict": run.verdict,
        "reason": run.reason,
        "exit_code": run.exit_code,
        "right": right,
        "outside": word,
        "agree": agreement(run.verdict, word),
        "calls": run.calls,
        "tokens": run.tokens,
        "seconds": round(run.seconds, 1),
    }


def agreement(verdict: str, outside: str) -> str:
    """Return whether a verdict says what an outside pytest says: yes, no, or "apart" where that cannot be told."""
    if verdict == "pass":
        return "apart" if outside == "no tests" else "yes" if outside == "green" else "no"
    if verdict == "fail":
        return "no" if outside == "green" else "yes"
    return "yes"


def table_of(records: list[dict[str, Any]]) -> Table:
    table = Table(title="everyday tasks")
    for head in ("task", "right", "status", "verdict", "outside pytest", "agree", "calls", "tokens", "s"):
        table.add_column(head)
    for record in records:
        words = [str(record[name]) for name in ("status", "verdict", "outside", "agree", "calls", "tokens", "seconds")]
        table.add_row(record["id"], "yes" if record["right"] else "no", *words)
    return table


def summary_of(records: list[dict[str, Any]]) -> str:
    passed = [record for record in records if record["status"] == "passed"]
    wrong = sum(not record["right"] for record in passed)
    apart = sum(record["agree"] == "apart" for record in records)
    return (
        f"right {share_words(sum(record['right'] for record in records), len(records))}; "
        f"said passed {len(passed)}, of these wrong {share_words(wrong, len(passed))}; "
        f"verdict and outside pytest agree in {sum(record['agree'] == 'yes' for record in records)} of {len(records)}"
        + (f", {apart} without pytest files" if apart else "")
    )


async def run(arguments: argparse.Namespace) -> None:
    console = Console()
    tasks = [task for task in read_tasks() if not arguments.tasks or task.id in arguments.tasks.split(",")]
    folder = arguments.output.absolute()
    records = Records(folder / "results.jsonl", lambda record: (record["id"],))
    sandbox = await find_sandbox()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with serving(arguments.model, arguments.base_url, arguments.threads) as model:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("start", total=len(tasks))
            for task in tasks:
                progress.update(bar, description=task.id)
                if (task.id,) not in records:
                    records.add(await measured(task, model, folder / task.id, sandbox, arguments.temperature))
                progress.advance(bar)
    ids = {task.id for task in tasks}
    made = [record for record in records if record["id"] in ids]
    console.print(table_of(made))
    console.print(summary_of(made))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--tasks", default="", help="ids, separated by commas; all when not given")
    parser.add_argument("--model", default="embedded", help="a GGUF file, or the name of a model at --base-url")
    parser.add_argument("--base-url", default="", help="a server that is running, such as http://127.0.0.1:11434/v1")
    parser.add_argument("--threads", type=int, default=0, help="of the model; all cores when not given")
    parser.add_argument("--temperature", type=float, help="for all agents; their own when not given")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/everyday"))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
