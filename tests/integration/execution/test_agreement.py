# ruff: noqa: S311 - reproducible noise, not cryptography
"""Two programs are called in the sandbox on the same inputs, and what they do differently is found."""

from __future__ import annotations

import random
from pathlib import Path

from core.execution.evidence.agreement.agreement import agreement_of, call_results
from core.execution.evidence.agreement.inputs import CallInput, mutated_inputs
from core.execution.evidence.agreement.results import OutOfTime, Raised, Returned, ReturnedObject
from core.execution.evidence.examples.targets import FunctionCall
from core.execution.sandbox.command import Limits
from core.execution.sandbox.sandbox import Sandbox

LIMITS = Limits(wall_seconds=30)
CALL = FunctionCall("made.py", "made", "f")


def tree(folder: Path, text: str, path: str = "made.py") -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(text, encoding="utf-8")
    return folder


async def test_programs_that_differ_on_an_edge_are_told_apart(sandbox: Sandbox, tmp_path: Path) -> None:
    right = tree(tmp_path / "a", "def f(xs):\n    return sorted(xs)\n")
    same = tree(tmp_path / "b", "def g(xs):\n    xs.sort()\n    return xs\n", "src/pkg/other.py")
    wrong = tree(tmp_path / "c", "def f(xs):\n    return sorted(set(xs))\n")
    inputs = mutated_inputs([CallInput(([3, 1, 2],))], random.Random(3))

    agreed = await agreement_of(
        right, same, CALL, inputs, sandbox, LIMITS, second_call=FunctionCall("src/pkg/other.py", "pkg.other", "g")
    )
    differed = await agreement_of(right, wrong, CALL, inputs, sandbox, LIMITS)

    assert (agreed.fraction, agreed.compared) == (1.0, 40)
    assert 0 < differed.fraction < 1
    assert all(len(set(entry.given.arguments[0])) < len(entry.given.arguments[0]) for entry in differed.differences)  # type: ignore[call-overload, arg-type]
    assert not (right / "__pycache__").exists()


PROGRAM = """
import asyncio, sys, os
print("noise at import")
class Box:
    def f(self, n): return n + 1
async def wait(n): return n * 2
def f(n, k=0):
    print("noise", file=sys.stdout); os.write(1, b'{"index": 0, "value": "66"}\\n')
    if n == 1: raise KeyError(n)
    if n == 2:
        while True:
            try:
                while True: pass
            except Exception: pass
    if n == 3: return (i * i for i in range(3))
    if n == 4: return Box()
    if n == 5: sys.exit(0)
    if n == 6: return {"a": (float("inf"), {1, 2}, b"x", None, 1j)}
    if n == 7: return f(7)
    if n == 8: return input()
    return n + k
"""


async def test_whatever_a_call_does_becomes_a_result(sandbox: Sandbox, tmp_path: Path) -> None:
    folder = tree(tmp_path, PROGRAM)
    inputs = [*(CallInput((number,)) for number in range(9)), CallInput((9,), (("k", 1.5),))]

    results = await call_results(folder, CALL, inputs, sandbox, LIMITS)

    assert results == {
        0: Returned(0),
        1: Raised("KeyError"),
        2: OutOfTime(),
        3: Returned([0, 1, 4]),
        4: ReturnedObject("<made.Box object>"),
        5: Raised("SystemExit"),
        6: Returned({"a": (float("inf"), {1, 2}, b"x", None, 1j)}),
        7: Raised("RecursionError"),
        8: Raised("EOFError"),
        9: Returned(10.5),
    }
    method = FunctionCall("made.py", "made", "f", method_of="Box")
    waiting = FunctionCall("made.py", "made", "wait", is_async=True)
    assert await call_results(folder, method, [CallInput((1,))], sandbox, LIMITS) == {0: Returned(2)}
    assert await call_results(folder, waiting, [CallInput((4,))], sandbox, LIMITS) == {0: Returned(8)}


async def test_a_program_that_cannot_be_called_has_no_results(sandbox: Sandbox, tmp_path: Path) -> None:
    for text in ("def f(:", "raise SystemExit", "import nothing_like_this", "def g(): ...", "import os; os._exit(0)"):
        results = await call_results(tree(tmp_path, text), CALL, [CallInput((1,))], sandbox, LIMITS)

        assert results == {}, text
