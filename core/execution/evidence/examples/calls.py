"""Finds calls in running text with what must come of them: `f(2) == 4`, "f(2) should return 4", `print(f(2))  # 4`."""

from __future__ import annotations

import ast
import re

from core.execution.evidence.examples.example import (
    FunctionExample,
    Outcome,
    SessionExample,
    Statement,
    TaskExample,
    Truthy,
    UnreadExample,
)
from core.execution.evidence.examples.expressions import Expression
from core.execution.evidence.examples.literals import (
    MAX_CHARACTERS,
    NotALiteralError,
    parse_expression,
    scan_brackets,
    value_of,
)
from core.execution.evidence.examples.relations import Found, Uncertain, read_outcome

MAX_QUOTE = 300
MAX_LINE = 400
# Brackets in brackets are looked at again and again: a text made for that must not hold anybody up.
MAX_SCANNED = 1_000_000
MAX_FOUND = 500

_CALL = re.compile(r"(?<![\w.$@/])(?P<name>[^\W\d]\w*(?:\.[^\W\d]\w*)*)\(")
_TRAILER = re.compile(r"\.[^\W\d]\w*(?=\()|(?=\[)")
_PRINTERS = frozenset({"print", "console.log", "puts", "println", "fmt.Println"})
_DEFINITION = re.compile(r"\b(?:def|function|func|fn|class|async|sub|public|static)\s+$")
_NEGATION = re.compile(r"\b(?:not|nicht|never|nie|don't|doesn't|no)\s+[`*]*$", re.IGNORECASE)
_ASSERTION = re.compile(r"\bassert\s+(?P<negated>not\s+)?$")
_CODE_LINE = re.compile(
    r"\s*(?:(?:if|elif|while|for|with|else|case|switch)\b.*[:{]\s*(?:#.*)?$|(?:return|yield)\s+(?:not\s+)?[\w.]+\(|if\b|elif\b|while\b)"
)
_END_OF_LINE = re.compile(r"[ \t`]*(?:,[ \t]*[\"'][^\n]*)?(?:#[^\n]*)?(?:\n|$)")


def quote_of(text: str, start: int, end: int) -> str:
    """Return a piece of the task as one line."""
    return " ".join(text[start:end].split())[:MAX_QUOTE]


def call_example(node: ast.expr, outcome: Outcome, line: int, quote: str) -> FunctionExample | SessionExample:
    """Return the example that an expression and its outcome make; NotALiteralError when it is more than calls and values."""
    if isinstance(node, ast.Call) and (function := _dotted(node.func)):
        if any(word.arg is None for word in node.keywords):
            raise NotALiteralError("unpacks its arguments")
        try:
            arguments = tuple(value_of(argument) for argument in node.args)
            keywords = tuple((word.arg or "", value_of(word.value)) for word in node.keywords)
        except NotALiteralError:
            if not any(isinstance(part, ast.Call) for argument in node.args for part in ast.walk(argument)):
                raise
        else:
            return FunctionExample(line, quote, function, arguments, keywords, outcome)
    expression = Expression(node)
    if not expression.needs:
        raise NotALiteralError("calls nothing of the program")
    return SessionExample(line, quote, (Statement(expression.source, tuple(expression.needs), True, outcome),))


def read_calls(text: str, first_line: int = 1) -> tuple[list[TaskExample], list[UnreadExample]]:
    """Return the examples in a text, and what looked like one; `first_line` is the number of the text's first line."""
    examples: list[TaskExample] = []
    unread: list[UnreadExample] = []
    at, left = 0, MAX_SCANNED
    line, counted = first_line, 0
    while left > 0 and len(examples) + len(unread) < MAX_FOUND and (match := _CALL.search(text, at)):
        at = match.end()
        start = match.start()
        brackets = scan_brackets(text, match.end() - 1)
        left -= (brackets.end if brackets else match.end() + MAX_CHARACTERS) - match.end()
        if brackets is None:
            continue
        source, end = _with_trailers(text, match.group("name") + brackets.source, brackets.end)
        before = text[max(0, start - MAX_LINE) : start].rpartition("\n")[2]
        after = text[end : end + MAX_LINE].partition("\n")[0]
        if _DEFINITION.search(before):
            at = end
            continue
        outcome = _outcome(text, end, before)
        if outcome is None or _CODE_LINE.match(before + text[start:end] + after):
            continue
        line += text.count("\n", counted, start)
        counted = start
        at = max(outcome.end, end) if isinstance(outcome, Found) else end
        quote = quote_of(text, start, max(outcome.end, end))
        if _NEGATION.search(before) and not (isinstance(outcome, Found) and isinstance(outcome.outcome, Truthy)):
            continue
        try:
            node = parse_expression(source)
            if match.group("name") in _PRINTERS:
                node = _printed(node)
            if isinstance(outcome, Uncertain):
                if _names_values(node):
                    unread.append(UnreadExample(line, quote, outcome.reason))
                continue
            examples.append(call_example(node, outcome.outcome, line, quote))
        except NotALiteralError as error:
            if isinstance(outcome, Found) or _has_values(source):
                unread.append(UnreadExample(line, quote, f"an argument {error}"))
    return examples, unread


def _outcome(text: str, end: int, before: str) -> Found | Uncertain | None:
    found = read_outcome(text, end, before=before)
    assertion = _ASSERTION.search(before)
    if assertion is None:
        return found
    if found is None:
        return Found(Truthy(not assertion.group("negated")), end) if _END_OF_LINE.match(text, end) else None
    return Uncertain("it is a negation", found.end) if assertion.group("negated") else found


def _with_trailers(text: str, source: str, end: int) -> tuple[str, int]:
    while trailer := _TRAILER.match(text, end):
        brackets = scan_brackets(text, trailer.end())
        if brackets is None:
            break
        source, end = source + trailer.group() + brackets.source, brackets.end
    return source, end


def _printed(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Call) and len(node.args) == 1 and not node.keywords:
        return node.args[0]
    raise NotALiteralError("is printed with others")


def _dotted(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attribute) if root := _dotted(value):
            return f"{root}.{attribute}"
    return ""


def _names_values(node: ast.expr) -> bool:
    """Whether a call has a value among its arguments: `f(n)` speaks of any n and is no example."""
    return any(isinstance(part, ast.Constant) for part in ast.walk(node))


def _has_values(source: str) -> bool:
    try:
        return _names_values(parse_expression(source))
    except NotALiteralError:
        return False
