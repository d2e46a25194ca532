"""Reads Markdown tables that have columns of inputs and one of outputs, or a column of calls."""

from __future__ import annotations

import re

from core.execution.evidence.examples.calls import call_example, quote_of
from core.execution.evidence.examples.example import FunctionExample, TaskExample, UnreadExample
from core.execution.evidence.examples.literals import NotALiteralError, parse_expression
from core.execution.evidence.examples.pairs import INPUT_WORD, OUTPUT_WORD, scan_arguments
from core.execution.evidence.examples.relations import Found, read_outcome

_RULE = re.compile(r"^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELL_BORDER = re.compile(r"(?<!\\)\|")
_OUTPUT_HEAD = re.compile(rf"^(?:the\s+)?(?:{OUTPUT_WORD}|should\s+return|gives|value)$", re.IGNORECASE)
_CALL_AS_HEAD = re.compile(r"^(?P<name>[^\W\d]\w*)\([^()]*\)$")
_INPUT_HEAD = re.compile(rf"^(?:{INPUT_WORD})(?:\s*\d+)?$", re.IGNORECASE)
_CALL_HEAD = re.compile(r"^(?:function\s+)?(?:call|example|expression|aufruf|beispiel|appel|llamada)$", re.IGNORECASE)
_REMARK_HEAD = re.compile(
    r"^(?:#|no\.?|nr\.?|notes?|comments?|description|explanation|why|reason|case|remarks?|bemerkung|kommentar|erklärung|fall)$",
    re.IGNORECASE,
)


def read_tables(lines: list[str]) -> tuple[list[TaskExample], list[UnreadExample], set[int]]:
    """Return the examples in the tables of a text, what looked like one, and the numbers of the lines that they take."""
    examples: list[TaskExample] = []
    unread: list[UnreadExample] = []
    taken: set[int] = set()
    for index in range(1, len(lines)):
        if index in taken or "|" not in lines[index - 1] or not _RULE.match(lines[index]):
            continue
        heads = [head.strip(" `*_") for head in _cells(lines[index - 1])]
        outputs = [column for column, head in enumerate(heads) if _OUTPUT_HEAD.match(head) or _CALL_AS_HEAD.match(head)]
        if len(outputs) != 1:
            continue
        inputs = [
            column
            for column, head in enumerate(heads)
            if column != outputs[0] and head and not _REMARK_HEAD.match(head)
        ]
        taken |= {index, index + 1}
        for row in range(index + 1, len(lines)):
            if "|" not in lines[row]:
                break
            taken.add(row + 1)
            read = _row(_cells(lines[row]), heads, inputs, outputs[0], row + 1, lines[row])
            if isinstance(read, UnreadExample):
                unread.append(read)
            else:
                examples.append(read)
    return examples, unread, taken


def _cells(line: str) -> list[str]:
    return [
        cell.strip().replace("\\|", "|")
        for cell in _CELL_BORDER.split(line.strip().removeprefix("|").removesuffix("|"))
    ]


def _row(
    cells: list[str], heads: list[str], inputs: list[int], output: int, line: int, text: str
) -> TaskExample | UnreadExample:
    quote = quote_of(text, 0, len(text))
    if len(cells) != len(heads) or not inputs:
        return UnreadExample(line, quote, "its cells do not fit the head of the table")
    found = read_outcome(f"== {cells[output].strip('`* ')}", 0)
    if not isinstance(found, Found):
        return UnreadExample(line, quote, "its output is no value")
    if len(inputs) == 1 and _CALL_HEAD.match(heads[inputs[0]]):
        try:
            return call_example(parse_expression(cells[inputs[0]].strip("`* ")), found.outcome, line, quote)
        except NotALiteralError as error:
            return UnreadExample(line, quote, f"its call {error}")
    values: list[object] = []
    names: list[str] = []
    for column in inputs:
        arguments = scan_arguments(cells[column], 0, whole=True)
        if arguments is None or (len(inputs) > 1 and len(arguments.values) != 1):
            return UnreadExample(line, quote, "its input is not made of values alone")
        values += arguments.values
        names += arguments.names or ([] if _INPUT_HEAD.match(heads[column]) else [heads[column]])
    named = tuple(names) if len(names) == len(values) and all(name.isidentifier() for name in names) else ()
    call = _CALL_AS_HEAD.match(heads[output])
    return FunctionExample(line, quote, call.group("name") if call else "", tuple(values), (), found.outcome, named)
