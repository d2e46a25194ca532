"""What an example of the task is: a call, a few statements or a command line, and what must come of it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Returns:
    """The call returns this value."""

    value: object


@dataclass(frozen=True, slots=True)
class Truthy:
    """The call returns something that counts as true, or as false."""

    value: bool


@dataclass(frozen=True, slots=True)
class Raises:
    """The call raises an exception of this type."""

    exception: str


@dataclass(frozen=True, slots=True)
class Prints:
    """What is printed, line by line; blanks at the ends of lines do not count."""

    text: str


Outcome = Returns | Truthy | Raises


@dataclass(frozen=True, slots=True)
class FunctionExample:
    """One call of a function with values only. `function` is empty where the task gives input and output alone.

    `names` are what the task calls the arguments, where it does; they are parameters only if the function has such.
    """

    line: int
    quote: str
    function: str
    arguments: tuple[object, ...]
    keywords: tuple[tuple[str, object], ...]
    outcome: Outcome
    names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a session: source made of a syntax tree of harmless nodes, the delivered names it needs, what must come of it."""

    source: str
    needs: tuple[str, ...]
    is_expression: bool
    outcome: Outcome | Prints | None = None


@dataclass(frozen=True, slots=True)
class SessionExample:
    """Statements that belong together, such as a doctest that makes an object and uses it."""

    line: int
    quote: str
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class CommandStep:
    """One command line: the program as the task names it, and what must come of it; None where the task does not say."""

    program: str
    as_module: bool
    arguments: tuple[str, ...]
    stdin: str = ""
    prints: str | None = None
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class CommandExample:
    """Command lines of one block, run one after the other in one folder."""

    line: int
    quote: str
    steps: tuple[CommandStep, ...]


TaskExample = FunctionExample | SessionExample | CommandExample


@dataclass(frozen=True, slots=True)
class UnreadExample:
    """What looks like an example and was not taken for one, and why."""

    line: int
    quote: str
    reason: str


@dataclass(frozen=True, slots=True)
class ExamplesRead:
    """All examples of a task in its order, and what looked like one."""

    examples: tuple[TaskExample, ...] = ()
    unread: tuple[UnreadExample, ...] = ()
