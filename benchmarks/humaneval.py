"""HumanEval in three arms at an equal budget of tokens, and how often "passed" is not right.

A  one bare call.
B  bare calls until one passes the examples of the task, at most as many tokens as C used on the same problem.
C  Quintet itself, `quintet run --json`, as a user starts it.
"passed" is what an arm says of itself: A always, B when the examples are green ("unverified" without examples), C by its status.
A and B begin at temperature 0 with the seed; B goes on at 0.8 with the seeds after it; C has the temperatures of its agents.
Right is what the hidden test says, executed in the sandbox. The false-pass rate is the share of "passed" that is not right.

    uv run --group benchmarks python -m benchmarks.humaneval --model MODEL.gguf --problems 40 --output results/humaneval

On two cores a 1.5B model takes about 10 s for A, and C some minutes a problem. A later start goes on where the last one ended.
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks.evaluation.hidden import find_sandbox, passes_program, pytest_in
from benchmarks.evaluation.model import Model, serving
from benchmarks.evaluation.records import Records, share_words
from benchmarks.evaluation.team_run import run_team
from benchmarks.task_examples import Problem, read_problems
from core.execution.evidence.examples.example import FunctionExample, Returns
from core.execution.evidence.examples.example_tests import TESTS_PATH, build_example_tests
from core.execution.evidence.examples.reader import read_examples
from core.execution.evidence.examples.targets import DeliveredCode
from core.execution.sandbox.sandbox import Sandbox

ARMS = ("A", "C", "B")  # B needs to know what C used
FURTHER_TEMPERATURE = 0.8
MOST_ANSWERS = 8
BUDGET_WITHOUT_C = 3000  # tokens
SECONDS_A_RUN = 1800.0
PROMPT = "Complete this Python function. Answer with the whole function in one Python code block.\n\n```python\n{prompt}```\n"
TASK = "Write this Python function:\n\n{prompt}"
_BLOCK = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one arm made of a problem: its own word, files or a folder, and what it took."""

    status: str
    tree: dict[str, str] | Path
    calls: int
    tokens: int
    reason: str = ""


def code_of(answer: str, problem: Problem) -> str:
    """Return the module that an answer makes together with what the prompt holds before its function."""
    blocks = _BLOCK.findall(answer)
    code = next((block for block in blocks if f"def {problem.entry_point}" in block), blocks[0] if blocks else answer)
    return f"{preamble_of(problem)}\n{code}\n"


def preamble_of(problem: Problem) -> str:
    """Return the imports and helper functions of a prompt."""
    return problem.prompt.partition(f"def {problem.entry_point}(")[0]


async def bare_call(problem: Problem, model: Model, seed: int) -> Attempt:
    answer = await model.answer(PROMPT.format(prompt=problem.prompt), temperature=0, seed=seed)
    files = {"solution.py": code_of(answer.text, problem)}
    return Attempt("passed", files, 1, answer.input_tokens + answer.output_tokens)


async def best_of(problem: Problem, model: Model, seed: int, budget: int, sandbox: Sandbox) -> Attempt:
    examples = read_examples(problem.prompt).examples
    tokens = calls = 0
    first: dict[str, str] = {}
    while calls == 0 or (tokens < budget and calls < MOST_ANSWERS):
        temperature = FURTHER_TEMPERATURE if calls else 0
        answer = await model.answer(PROMPT.format(prompt=problem.prompt), temperature=temperature, seed=seed + calls)
        calls += 1
        tokens += answer.input_tokens + answer.output_tokens
        files = {"solution.py": code_of(answer.text, problem)}
        first = first or files
        tests = build_example_tests(examples, files)
        if not examples:
            return Attempt("unverified", files, calls, tokens, "the task gives no example")
        if tests.text and (await pytest_in({**files, TESTS_PATH: tests.text}, sandbox)).exit_code == 0:
            return Attempt("passed", files, calls, tokens, f"answer {calls}")
    return Attempt("failed", first, calls, tokens, "no answer passes the examples")


async def team(problem: Problem, setup: Setup, folder: Path) -> Attempt:
    task = TASK.format(prompt=problem.prompt)
    run = await run_team(
        task, folder, setup.model, temperature=setup.temperature, seconds=SECONDS_A_RUN, agents=setup.agents
    )
    return Attempt(run.status, folder, run.calls, run.tokens, f"{run.verdict}: {run.reason}")


def hidden_check(problem: Problem, tree: dict[str, str] | Path) -> str | None:
    """Return the hidden test as a program; None when nothing that was delivered can be what it calls."""
    if isinstance(tree, Path):
        paths = sorted(tree.rglob("*.py")) if tree.is_dir() else []
        files = {
            path.relative_to(tree).as_posix(): path.read_text(encoding="utf-8", errors="replace") for path in paths
        }
    else:
        files = tree
    first = ast.parse(problem.reference).body
    function = next(node for node in first if isinstance(node, ast.FunctionDef) and node.name == problem.entry_point)
    wanted = FunctionExample(0, "", problem.entry_point, tuple(None for _ in function.args.args), (), Returns(None))
    target = DeliveredCode(files).resolve(wanted)
    if isinstance(target, str):
        return None
    call = target.call
    imported = f"from {call.module} import {call.method_of or call.function} as made\n"
    candidate = f"made().{call.function}" if call.method_of else "made"
    return f"{imported}{preamble_of(problem)}\n{problem.hidden_test}\ncheck({candidate})"


async def measured(problem: Problem, arm: str, seed: int, records: Records, setup: Setup) -> dict[str, Any]:
    started = time.monotonic()
    if arm == "A":
        attempt = await bare_call(problem, setup.model, seed)
    elif arm == "B":
        used = records.get((problem.id, "C", seed))
        attempt = await best_of(problem, setup.model, seed, used["tokens"] if used else BUDGET_WITHOUT_C, setup.sandbox)
    else:
        attempt = await team(problem, setup, setup.folder / "C" / f"{problem.number:03}-{seed}")
    seconds = time.monotonic() - started
    check = hidden_check(problem, attempt.tree)
    right = check is not None and await passes_program(attempt.tree, check, setup.sandbox)
    return {
        "id": problem.id,
        "arm": arm,
        "seed": seed,
        "model": setup.model.name,
        "status": attempt.status,
        "right": right,
        "calls": attempt.calls,
        "tokens": attempt.tokens,
        "seconds": round(seconds, 1),
        "reason": attempt.reason,
    }


@dataclass(frozen=True, slots=True)
class Setup:
    """What all problems share."""

    model: Model
    sandbox: Sandbox
    folder: Path
    temperature: float | None
    agents: str


def table_of(records: list[dict[str, Any]]) -> Table:
    table = Table(title="HumanEval: right and wrong of passed with 95 % intervals")
    for head in ("arm", "right", "passed", "wrong of passed", "tokens/solved", "calls/solved", "s/task"):
        table.add_column(head)
    for arm in sorted({record["arm"] for record in records}):
        own = [record for record in records if record["arm"] == arm]
        solved = sum(record["right"] for record in own)
        passed = [record for record in own if record["status"] == "passed"]
        wrong = sum(not record["right"] for record in passed)
        per_solved = [
            sum(record[what] for record in own) / solved if solved else float("nan") for what in ("tokens", "calls")
        ]
        table.add_row(
            arm,
            share_words(solved, len(own)),
            f"{len(passed)}/{len(own)}",
            share_words(wrong, len(passed)),
            f"{per_solved[0]:.0f}",
            f"{per_solved[1]:.1f}",
            f"{sum(record['seconds'] for record in own) / len(own):.0f}",
        )
    return table


def chosen_problems(words: str, seed: int) -> list[Problem]:
    """Return so many problems, drawn by the seed, or those with these numbers: "40" or "HumanEval/3,17,"."""
    problems = read_problems()
    numbers = [int(number) for number in re.findall(r"\d+", words)]
    if "," in words or "/" in words:
        return [problem for problem in problems if problem.number in numbers]
    drawn = random.Random(seed).sample(problems, min(numbers[0], len(problems)))
    return sorted(drawn, key=lambda problem: problem.number)


async def run(arguments: argparse.Namespace) -> None:
    console = Console()
    problems = chosen_problems(arguments.problems, arguments.seed)
    folder = arguments.output.absolute()
    records = Records(folder / "results.jsonl", lambda record: (record["id"], record["arm"], record["seed"]))
    arms = [arm for arm in ARMS if arm in arguments.arms.upper()]
    console.print(f"seed {arguments.seed}; problems {', '.join(str(problem.number) for problem in problems)}")
    sandbox = await find_sandbox()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    async with serving(arguments.model, arguments.base_url, arguments.threads) as model:
        with Progress(*columns, console=console) as progress:
            bar = progress.add_task("start", total=len(problems) * len(arms))
            for problem in problems:
                for arm in arms:
                    progress.update(bar, description=f"{problem.id} {arm}")
                    if (problem.id, arm, arguments.seed) not in records:
                        record = await measured(
                            problem,
                            arm,
                            arguments.seed,
                            records,
                            Setup(model, sandbox, folder, arguments.temperature, arguments.agents),
                        )
                        records.add(record)
                    progress.advance(bar)
    ids = {problem.id for problem in problems}
    console.print(table_of([record for record in records if record["id"] in ids and record["seed"] == arguments.seed]))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--problems", default="40", help="how many, drawn by the seed, or their numbers: 3,17,")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--arms", default="ABC")
    parser.add_argument("--model", default="embedded", help="a GGUF file, or the name of a model at --base-url")
    parser.add_argument("--base-url", default="", help="a server that is running, such as http://127.0.0.1:11434/v1")
    parser.add_argument("--threads", type=int, default=0, help="of the model; all cores when not given")
    parser.add_argument("--temperature", type=float, help="of arm C; the agents' own when not given")
    parser.add_argument("--agents", default="", help="of arm C, separated by commas; the whole team when not given")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/humaneval"))
    asyncio.run(run(parser.parse_args()))


if __name__ == "__main__":
    main()
