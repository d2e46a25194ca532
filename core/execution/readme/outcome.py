"""What came of a documented command, as a value, as a record, and in the words of a problem."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from core.kinds import ReadmeResult
from core.text.sanitize import plain_line, plain_paragraphs

MOST_COMMAND_CHARACTERS = 300
MOST_OUTPUT_CHARACTERS = 600
MOST_QUOTED = 3
PROBLEMS: frozenset[ReadmeResult] = frozenset({"failed", "missing", "endless"})


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """What became of one command; `line` counts from 1, `output` is the end of what it printed."""

    line: int
    command: str
    result: ReadmeResult
    why: str = ""
    exit_code: int | None = None
    seconds: float = 0.0
    output: str = ""

    @property
    def is_problem(self) -> bool:
        return self.result in PROBLEMS


def problem_words(outcomes: Iterable[CommandOutcome]) -> str:
    """Return in one line what is wrong with the commands of a README; empty if nothing is."""
    problems = [outcome for outcome in outcomes if outcome.is_problem]
    parts = []
    for outcome in problems[:MOST_QUOTED]:
        said = plain_line(" | ".join(outcome.output.splitlines()), limit=MOST_OUTPUT_CHARACTERS)
        parts.append(f"the command `{_line(outcome.command)}` {outcome.why}" + (f" and said: {said}" if said else ""))
    more = len(problems) - MOST_QUOTED
    return "; ".join([*parts, *([f"and {more} more commands"] if more > 0 else [])])


def command_record(outcome: CommandOutcome) -> dict[str, Any]:
    """Return an outcome as JSON values; what a model or its program wrote is plain text in them."""
    return {
        **asdict(outcome),
        "command": _line(outcome.command),
        "why": _line(outcome.why),
        "seconds": round(outcome.seconds, 3),
        "output": plain_paragraphs(outcome.output, limit=MOST_OUTPUT_CHARACTERS),
    }


def _line(text: str) -> str:
    return plain_line(text, limit=MOST_COMMAND_CHARACTERS)
