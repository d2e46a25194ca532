"""Reads doctests: `>>> f(2)` with the value below it, and statements that make an object and use it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field

from core.execution.evidence.examples.calls import call_example, read_calls
from core.execution.evidence.examples.example import (
    Outcome,
    Prints,
    Raises,
    Returns,
    SessionExample,
    Statement,
    TaskExample,
    Truthy,
    UnreadExample,
)
from core.execution.evidence.examples.expressions import Expression
from core.execution.evidence.examples.literals import NotALiteralError, literal_value, value_of
from core.text.python_syntax import syntax_tree

_PROMPT = re.compile(r"^\s*(?:[-*>]\s+)?`?>>>[ \t]?(?P<source>.*?)`?\s*$")
_CONTINUED = re.compile(r"^\s*\.\.\.(?: (?P<source>.*)|)$")
_END_OF_OUTPUT = re.compile(r"^\s*(?:|`?>>>.*|\"\"\".*|'''.*|```.*|~~~.*)$")
_EXCEPTION = re.compile(r"^\s*(?:[A-Za-z_]\w*\.)*(?P<type>[A-Z]\w*)(?::.*)?$")


@dataclass(slots=True)
class _Prompt:
    line: int
    source: str
    output: list[str]

    @property
    def quote(self) -> str:
        return " ".join(f"{self.source} {' '.join(self.output)}".split())[:300]

    @property
    def raises(self) -> bool:
        return bool(self.output) and self.output[0].lstrip().startswith("Traceback")


@dataclass(slots=True)
class _Session:
    line: int
    quotes: list[str] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    variables: set[str] = field(default_factory=set)
    broken: str = ""

    def ended(self) -> SessionExample | UnreadExample | None:
        quote = "; ".join(self.quotes)[:300]
        if self.broken:
            return UnreadExample(self.line, quote, self.broken)
        if not any(statement.outcome for statement in self.statements):
            return None
        return SessionExample(self.line, quote, tuple(self.statements))


def read_doctests(lines: list[str]) -> tuple[list[TaskExample], list[UnreadExample], set[int]]:
    """Return the examples in the doctests of a text, what looked like one, and the numbers of the lines that they take."""
    prompts, taken = _prompts(lines)
    reader = _Reader()
    for prompt in prompts:
        reader.read(prompt)
    reader.end_session()
    return reader.examples, reader.unread, taken - reader.left


def _prompts(lines: list[str]) -> tuple[list[_Prompt], set[int]]:
    prompts: list[_Prompt] = []
    taken: set[int] = set()
    number = 0
    while number < len(lines):
        begun = _PROMPT.match(lines[number])
        number += 1
        if begun is None:
            continue
        prompt = _Prompt(number, begun.group("source"), [])
        taken.add(number)
        while number < len(lines) and (more := _CONTINUED.match(lines[number])):
            prompt.source += "\n" + (more.group("source") or "")
            number += 1
            taken.add(number)
        while number < len(lines) and not _END_OF_OUTPUT.match(lines[number]):
            prompt.output.append(lines[number].rstrip())
            number += 1
            taken.add(number)
        prompts.append(prompt)
    return prompts, taken


class _Reader:
    def __init__(self) -> None:
        self.examples: list[TaskExample] = []
        self.unread: list[UnreadExample] = []
        self.left: set[int] = set()
        self._session: _Session | None = None
        self._variables: set[str] = set()

    def end_session(self) -> None:
        ended = self._session.ended() if self._session else None
        if isinstance(ended, UnreadExample):
            self.unread.append(ended)
        elif ended is not None:
            self.examples.append(ended)
        self._session = None

    def read(self, prompt: _Prompt) -> None:
        tree = syntax_tree(prompt.source.strip())
        if tree is None:
            self._read_as_text(prompt)
            return
        match tree.body:
            case [ast.Import() | ast.ImportFrom()] | []:
                return
            case [ast.Assign(targets=[ast.Name(id=name)], value=value)]:
                self._assign(prompt, name, value)
            case [ast.Expr(value=value)]:
                self._expression(prompt, value)
            case [ast.Assert(test=test)]:
                self._assertion(prompt, test)
            case _:
                self._cannot(prompt, "it is more than calls and values")

    def _read_as_text(self, prompt: _Prompt) -> None:
        examples, unread = read_calls(prompt.source, prompt.line)
        self.examples += examples
        self.unread += unread
        if not examples and not unread:
            self._cannot(prompt, "it cannot be read")

    def _cannot(self, prompt: _Prompt, reason: str) -> None:
        if self._session and any(
            re.search(rf"\b{re.escape(name)}\b", prompt.source) for name in self._session.variables
        ):
            self._session.broken = reason
        else:
            self.unread.append(UnreadExample(prompt.line, prompt.quote, reason))

    def _assign(self, prompt: _Prompt, name: str, value: ast.expr) -> None:
        try:
            expression = Expression(value, frozenset(self._variables))
        except NotALiteralError as error:
            self._cannot(prompt, f"it {error}")
            return
        if self._session is None or (name in self._session.variables and not expression.used_variables):
            self.end_session()
            self._session = _Session(prompt.line)
            self._variables.clear()
        self._variables.add(name)
        self._session.variables.add(name)
        self._session.quotes.append(prompt.quote)
        self._session.statements.append(Statement(f"{name} = {expression.source}", tuple(expression.needs), False))

    def _assertion(self, prompt: _Prompt, test: ast.expr) -> None:
        match test:
            case ast.Compare(left=left, ops=[ast.Eq() | ast.Is()], comparators=[right]):
                self._compared(prompt, left, right)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self._add(prompt, operand, Truthy(False))
            case _:
                self._add(prompt, test, Truthy(True))

    def _expression(self, prompt: _Prompt, node: ast.expr) -> None:
        match node:
            case ast.Call(func=ast.Name(id="print"), args=[printed], keywords=[]) if prompt.output:
                if not prompt.raises:
                    self._add(prompt, printed, Prints(_dedented(prompt.output)))
                    return
                node = printed
            case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]) if (
                not prompt.output or prompt.output[0].strip() == "True"
            ):
                self._compared(prompt, left, right)
                return
        if not prompt.output:
            self._without_output(prompt, node)
            return
        outcome, count = _outcome(prompt)
        if isinstance(outcome, str):
            self._cannot(prompt, outcome)
        else:
            # What goes on behind the value without an empty line is text like any other.
            last = prompt.line + prompt.source.count("\n") + len(prompt.output)
            self.left |= set(range(last - (len(prompt.output) - count) + 1, last + 1))
            del prompt.output[count:]
            self._add(prompt, node, outcome)

    def _compared(self, prompt: _Prompt, left: ast.expr, right: ast.expr) -> None:
        try:
            self._add(prompt, left, Returns(value_of(right)))
        except NotALiteralError:
            self._add(prompt, ast.Compare(left, [ast.Eq()], [right]), Returns(True))

    def _without_output(self, prompt: _Prompt, node: ast.expr) -> None:
        if self._session and any(isinstance(part, ast.Name) and part.id in self._variables for part in ast.walk(node)):
            self._add(prompt, node, None)
            return
        examples, unread = read_calls(prompt.source, prompt.line)
        self.examples += examples
        self.unread += unread or ([] if examples else [UnreadExample(prompt.line, prompt.quote, "no value follows")])

    def _add(self, prompt: _Prompt, node: ast.expr, outcome: Outcome | Prints | None) -> None:
        try:
            expression = Expression(node, frozenset(self._variables))
            if not expression.used_variables and isinstance(outcome, Returns | Raises | Truthy):
                self.examples.append(call_example(node, outcome, prompt.line, prompt.quote))
                return
        except NotALiteralError as error:
            self._cannot(prompt, f"it {error}")
            return
        statement = Statement(expression.source, tuple(expression.needs), True, outcome)
        if expression.used_variables and self._session:
            self._session.quotes.append(prompt.quote)
            self._session.statements.append(statement)
        elif expression.needs and outcome is not None:
            self.examples.append(SessionExample(prompt.line, prompt.quote, (statement,)))
        else:
            self.unread.append(UnreadExample(prompt.line, prompt.quote, "it calls nothing of the program"))


def _dedented(lines: list[str]) -> str:
    indent = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[indent:] for line in lines)


def _outcome(prompt: _Prompt) -> tuple[Outcome | str, int]:
    """Return what the lines below a prompt say, or why they cannot be read, and how many lines it takes."""
    if prompt.raises:
        for count, line in enumerate(prompt.output[1:], 2):
            if not line.strip().startswith(("...", "File ")) and (last := _EXCEPTION.match(line)):
                return Raises(last.group("type")), count
        return "its exception cannot be read", len(prompt.output)
    reason = ""
    for count in range(len(prompt.output), 0, -1):
        try:
            return Returns(literal_value("\n".join(prompt.output[:count]).strip())), count
        except NotALiteralError as error:
            reason = f"the value below it: {error}"
    return reason, len(prompt.output)
