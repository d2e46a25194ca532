"""Finds the examples that a task gives, in any form people use, and tells what looked like one and is not certain."""

from __future__ import annotations

import re

from core.execution.evidence.examples.calls import read_calls
from core.execution.evidence.examples.commands import read_commands
from core.execution.evidence.examples.doctests import read_doctests
from core.execution.evidence.examples.example import (
    CommandExample,
    ExamplesRead,
    FunctionExample,
    SessionExample,
    TaskExample,
    UnreadExample,
)
from core.execution.evidence.examples.pairs import read_pairs
from core.execution.evidence.examples.tables import read_tables
from core.text.sanitize import normalise_newlines

MAX_TASK_CHARACTERS = 200_000
MAX_EXAMPLES = 200
WIDEST_BLANK = 50

# A text may be made of blanks: they would be looked at again and again.
_WIDE_BLANKS = re.compile(rf"[ \t]{{{WIDEST_BLANK},}}")


def read_examples(task: str) -> ExamplesRead:
    """Return the examples that a task gives, in their order; a reading that is not certain is no example."""
    text = _WIDE_BLANKS.sub(" " * WIDEST_BLANK, normalise_newlines(task)[:MAX_TASK_CHARACTERS])
    lines = [line.rstrip() for line in text.split("\n")]
    examples: list[TaskExample] = []
    unread: list[UnreadExample] = []
    for read in (read_doctests, read_commands, read_tables, read_pairs):
        found, not_taken, taken = read(lines)
        examples += found
        unread += not_taken
        lines = ["" if number in taken else line for number, line in enumerate(lines, 1)]
    found, not_taken = read_calls("\n".join(lines))
    examples += found
    unread += not_taken
    certain, contradicting = _consistent(examples)
    certain.sort(key=lambda example: example.line)
    unread += contradicting
    unread += [
        UnreadExample(example.line, example.quote, f"there are more than {MAX_EXAMPLES} examples")
        for example in certain[MAX_EXAMPLES:]
    ]
    return ExamplesRead(tuple(certain[:MAX_EXAMPLES]), tuple(sorted(unread, key=lambda entry: entry.line)))


def _consistent(examples: list[TaskExample]) -> tuple[list[TaskExample], list[UnreadExample]]:
    """Return each example once; of calls that are given two different outcomes, none."""
    outcomes: dict[str, set[str]] = {}
    for example in examples:
        outcomes.setdefault(_given(example), set()).add(_wanted(example))
    kept: dict[str, TaskExample] = {}
    contradicting: list[UnreadExample] = []
    for example in examples:
        if len(outcomes[_given(example)]) == 1:
            kept.setdefault(_given(example), example)
        else:
            contradicting.append(UnreadExample(example.line, example.quote, "the task gives it two different outcomes"))
    return list(kept.values()), contradicting


def _given(example: TaskExample) -> str:
    match example:
        case FunctionExample():
            return repr((example.function, example.arguments, example.keywords))
        case SessionExample():
            return repr([statement.source for statement in example.statements])
        case CommandExample():
            return repr([(step.program, step.arguments, step.stdin) for step in example.steps])


def _wanted(example: TaskExample) -> str:
    match example:
        case FunctionExample():
            return repr(example.outcome)
        case SessionExample():
            return repr([statement.outcome for statement in example.statements])
        case CommandExample():
            return repr([(step.prints, step.exit_code) for step in example.steps])
