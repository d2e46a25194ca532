"""Calls the same function of two trees of files on the same inputs, each in a sandbox, and compares the results."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from core.execution.evidence.agreement.inputs import CallInput
from core.execution.evidence.agreement.results import (
    Agreement,
    CallResult,
    OutOfTime,
    Raised,
    Returned,
    ReturnedObject,
    compare,
)
from core.execution.evidence.examples.literals import NotALiteralError, parse_expression, source_of, value_of
from core.execution.evidence.examples.targets import FunctionCall
from core.execution.sandbox.command import Limits, SandboxedCommand
from core.execution.sandbox.sandbox import Sandbox
from core.execution.sandbox.visible import interpreter_paths

SECONDS_AN_INPUT = 1.0
DRIVER = "driver.py"
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".git", ".venv", "node_modules", ".pytest_cache")


async def agreement_of(
    first: Path,
    second: Path,
    call: FunctionCall,
    inputs: Sequence[CallInput],
    sandbox: Sandbox,
    limits: Limits,
    *,
    second_call: FunctionCall | None = None,
) -> Agreement:
    """Return on which inputs the function of two trees does the same; the trees are only read.

    `second_call` is what the function is called in the second tree, where it is not the same.
    """
    async with asyncio.TaskGroup() as group:
        one = group.create_task(call_results(first, call, inputs, sandbox, limits))
        other = group.create_task(call_results(second, second_call or call, inputs, sandbox, limits))
    return compare(inputs, one.result(), other.result())


async def call_results(
    tree: Path, call: FunctionCall, inputs: Sequence[CallInput], sandbox: Sandbox, limits: Limits
) -> dict[int, CallResult]:
    """Return what came of calling a function of a tree, by the index of the input.

    An input is missing when the program did not get so far: it cannot be imported, or a limit ended it before.
    """
    with tempfile.TemporaryDirectory(prefix="quintet-calls-", ignore_cleanup_errors=True) as name:
        copy, driver = await asyncio.to_thread(_prepare, tree, Path(name))
        request = {
            "search_path": [str(copy), str(copy / "src")],
            "module": call.module,
            "function": call.function,
            "method_of": call.method_of,
            "is_async": call.is_async,
            "seconds_an_input": SECONDS_AN_INPUT,
            "inputs": [(_positional(entry), _named(entry)) for entry in inputs],
        }
        done = await sandbox.run(
            SandboxedCommand(
                # Isolated from variables and the user's packages; nothing is compiled into the copy.
                argv=(sys.executable, "-I", "-B", str(driver)),
                folder=copy,
                readable=(driver.parent, *interpreter_paths()),
                environment={"PYTHONHASHSEED": "0"},
                stdin=json.dumps(request).encode(),
                limits=limits,
            )
        )
    return _read_results(done.stdout.decode("utf-8", "replace"), len(inputs))


def _prepare(tree: Path, temporary: Path) -> tuple[Path, Path]:
    """Copy a tree, and write the program that calls its function beside it; return both paths."""
    copy, driver = temporary.resolve() / "tree", temporary.resolve() / "program" / DRIVER
    shutil.copytree(tree, copy, symlinks=True, ignore=_LEFT_OUT)
    driver.parent.mkdir()
    driver.write_text(files(__package__).joinpath(DRIVER).read_text(encoding="utf-8"), encoding="utf-8")
    return copy, driver


def _positional(entry: CallInput) -> str:
    return source_of(tuple(entry.arguments))


def _named(entry: CallInput) -> str:
    return source_of(dict(entry.keywords))


def _read_results(output: str, count: int) -> dict[int, CallResult]:
    results: dict[int, CallResult] = {}
    for line in output.splitlines():
        try:
            told = json.loads(line)
            index = told["index"]
            result = _result(told)
        except (ValueError, KeyError, TypeError, RecursionError):
            continue  # the last line may be cut, and the called code may have found a way to write here
        if isinstance(index, int) and 0 <= index < count:
            results.setdefault(index, result)
    return results


def _result(told: dict[str, object]) -> CallResult:
    match told:
        case {"value": str() as text}:
            try:
                return Returned(value_of(parse_expression(text)))
            except NotALiteralError:
                return ReturnedObject(text)
        case {"object": str() as text}:
            return ReturnedObject(text)
        case {"raises": str() as name}:
            return Raised(name)
        case {"out_of_time": _}:
            return OutOfTime()
        case _:
            raise ValueError("no result")
