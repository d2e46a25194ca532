"""Reads inputs with their outputs where no call is written: `Input:` / `Output:`, "for 3 the output should be 9", `"A b" -> "a-b"`."""

# ruff: noqa: RUF001 - people write these characters

from __future__ import annotations

import re
from dataclasses import dataclass

from core.execution.evidence.examples.calls import quote_of
from core.execution.evidence.examples.example import FunctionExample, Outcome, TaskExample, UnreadExample
from core.execution.evidence.examples.literals import NotALiteralError, has_bare_parentheses, parse_expression, value_of
from core.execution.evidence.examples.relations import Found, Uncertain, read_outcome, scan_value

MAX_LINES_OF_INPUT = 15
MAX_LINE = 2000

INPUT_WORD = r"inputs?|eingaben?|entr[ée]es?|entradas?|вход|输入|輸入|入力|arguments?|args?"
OUTPUT_WORD = (
    r"outputs?|expected(?:\s+(?:output|result|value))?|results?|returns?|return\s+value|ausgaben?|ergebnis|erwartet|sorties?|r[ée]sultat|salidas?"
    r"|sa[íi]das?|resultado|выход|输出|輸出|出力|结果|結果"
)
_DECORATED = r"[\s>*\-+`_#|]{0,60}(?:\d+[.)]\s*)?(?:sample|example|beispiel)?\s*[*_`]*"
_INPUT_LINE = re.compile(
    rf"^{_DECORATED}(?:{INPUT_WORD})(?:\s*\d+)?[*_`]*\s*(?:[:：=][*_`]*\s*(?P<rest>.*)|$)", re.IGNORECASE
)
_OUTPUT_LINE = re.compile(
    rf"^{_DECORATED}(?:{OUTPUT_WORD})(?:\s*\d+)?[*_`]*\s*(?:[:：=][*_`]*\s*(?P<rest>.*)|$)", re.IGNORECASE
)
_OUTPUT_INSIDE = re.compile(
    rf"[\s,;.`*]*(?:->|=>|→|➞|⇒)?\s*(?<!\w)(?:{OUTPUT_WORD})(?:\s*\d+)?\s*[:：=]\s*(?P<rest>.*)$", re.IGNORECASE
)
_NAME = re.compile(r"[`*]*(?P<name>[^\W\d]\w*)[`*]*[ \t]*[:=](?![=>])\s*")
_SEPARATOR = re.compile(r"[`*]*\s*(?:[,;]\s*(?:(?:and|und)\s+)?|(?:and|und)\s+|\n\s*)[`*]*")
_REST = re.compile(r"[`*\s.,;]*(?:(?:#|//)[^\n]*)?\s*$")

_FOR = re.compile(
    r"(?<!\w)(?:for|given|with|für|bei|pour|para|per|对于|для)\s+(?:(?:an?|the|die|den|das|der|l'|la|el|le)\s*)?"
    rf"(?:(?:{INPUT_WORD}|list|string|number|array|value|word|text|liste|zahl|wert|wort)\s+)?(?=[`*]*(?:[\"'“„«\[({{\d+-]|[^\W\d]\w*[`*]*\s*=))",
    re.IGNORECASE,
)
_INPUT_INLINE = re.compile(rf"(?<!\w)(?:{INPUT_WORD})\s+(?=[`*]*[\"'“„«\[({{\d+-])", re.IGNORECASE)
_NOUN = re.compile(
    rf"[`*]*[ \t]*,?\s*(?:[^.\n=]{{0,60}}?\s)??(?:the\s+|die\s+|das\s+|la\s+|le\s+|el\s+)?(?:{OUTPUT_WORD}|answer|function|it|funktion|we|you)\s+(?=\S)",
    re.IGNORECASE,
)
_IMPERATIVE = re.compile(r"[`*]*[ \t]*,?\s*(?=(?:return|print|output|soll|sollte|muss)\s)", re.IGNORECASE)
_IMPERATIVE_WORD = re.compile(r"(?:return|print|output)\s+(?:the\s+value\s+)?", re.IGNORECASE)
_SHALL_NOUN = re.compile(rf"(?P<modal>soll(?:te)?|muss)\s+(?:(?:die|das)\s+)?(?:{OUTPUT_WORD})\s+", re.IGNORECASE)

_PAIR_START = re.compile(
    r"^[\s>*+|-]{0,60}(?:\d+[.)]\s+)?[`*]*(?=[\"'“„«\[({\d+-]|(?:True|False|None|true|false|null)\b)"
)
_QUOTED = re.compile(r"(?:(?<=[\s(`*])|^)(?=[\"'“„«])")
_ARROW = re.compile(
    r"[`*]*\s*(?:-{1,2}>|={1,2}>|[→⇒➞➜➔⟶⟹↦]|(?:should\s+)?becomes?\b|wird\s+zu\b|must\s+become\b)", re.IGNORECASE
)
_ARROW_BEFORE = re.compile(r"(?:>|[→⇒➞➜➔⟶⟹↦]|becomes?|zu)[\s`*]*$", re.IGNORECASE)
_CONTEXT = re.compile(
    r"\b(?:examples?|e\.\s?g|for instance|such as|like|inputs?|outputs?|should|must|expected|beispiele?|z\.\s?b|soll|exemples?|ejemplos?|esempi[oa]?"
    r"|exemplos?|например|пример\w*|voorbeeld)|例|如",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Arguments:
    """The values of a call, the names that the task gives them, and where their text ends."""

    values: tuple[object, ...]
    names: tuple[str, ...]
    end: int


def read_pairs(lines: list[str]) -> tuple[list[TaskExample], list[UnreadExample], set[int]]:
    """Return the examples made of inputs and outputs, what looked like one, and the numbers of the lines that they take."""
    examples, unread, taken = _blocks(lines)
    rest = "\n".join("" if number in taken else line for number, line in enumerate(lines, 1))
    begin = 0
    for number, line in enumerate(rest.split("\n"), 1):
        if len(line) <= MAX_LINE:
            examples += _sentences(rest, begin, line, number) or _arrows(rest, begin, line, number)
        begin += len(line) + 1
    return examples, unread, taken


def scan_arguments(text: str, at: int, *, whole: bool) -> Arguments | None:
    """Return the values that begin at `at`, separated by commas or lines, named or not.

    With `whole`, nothing but a comment may follow them. None when they are not values alone.
    """
    values: list[object] = []
    names: list[str] = []
    blanks = re.compile(r"[\s`*]*").match(text, at)
    at = blanks.end() if blanks else at
    while True:
        name = _NAME.match(text, at)
        scanned = scan_value(text, name.end() if name else at)
        if scanned is None or has_bare_parentheses(scanned[0]):
            return None
        try:
            values.append(value_of(parse_expression(scanned[0])))
        except NotALiteralError:
            return None
        names += [name.group("name")] if name else []
        end = scanned[1]
        separator = _SEPARATOR.match(text, end)
        following = separator.end() if separator else end
        if separator is None or not _begins_a_value(text, following):
            break
        at = following
    if (names and len(names) != len(values)) or (whole and not _REST.match(text, end)):
        return None
    return Arguments(tuple(values), tuple(names), end)


def _begins_a_value(text: str, at: int) -> bool:
    name = _NAME.match(text, at)
    return scan_value(text, name.end() if name else at) is not None


def _example(line: int, quote: str, arguments: Arguments, outcome: Outcome) -> FunctionExample:
    return FunctionExample(line, quote, "", arguments.values, (), outcome, arguments.names)


def _blocks(lines: list[str]) -> tuple[list[TaskExample], list[UnreadExample], set[int]]:
    examples: list[TaskExample] = []
    unread: list[UnreadExample] = []
    taken: set[int] = set()
    number = 0
    while number < len(lines):
        begun = _INPUT_LINE.match(lines[number])
        first = number
        number += 1
        if begun is None:
            continue
        given, wanted, last = _block(lines, first, begun.group("rest") or "")
        if wanted is None:
            continue
        number = last + 1
        taken |= set(range(first + 1, last + 2))
        quote = quote_of("\n".join(lines[first : last + 1]), 0, 100_000)
        arguments = scan_arguments(given, 0, whole=True)
        outcome = _output(wanted)
        if arguments is None:
            unread.append(UnreadExample(first + 1, quote, "its input is not made of values alone"))
        elif outcome is None:
            unread.append(UnreadExample(first + 1, quote, "its output is no value"))
        else:
            examples.append(_example(first + 1, quote, arguments, outcome))
    return examples, unread, taken


def _block(lines: list[str], first: int, rest: str) -> tuple[str, str | None, int]:
    """Return the text of an input, that of its output (None when there is none), and the index of the last line."""
    inside = _OUTPUT_INSIDE.search(rest)
    if inside and inside.start() > 0:
        return rest[: inside.start()], inside.group("rest"), first
    given = [rest]
    for index in range(first + 1, min(first + MAX_LINES_OF_INPUT, len(lines))):
        output = _OUTPUT_LINE.match(lines[index])
        if output is not None:
            wanted, last = _output_text(lines, index, output.group("rest") or "")
            return "\n".join(given), wanted, last
        if _INPUT_LINE.match(lines[index]):
            break
        given.append("" if lines[index].strip().startswith(("```", "~~~")) else lines[index])
    return "", None, first


def _output_text(lines: list[str], index: int, rest: str) -> tuple[str, int]:
    """Return an output, that may stand in the next lines or go on there."""
    wanted, last = rest, index
    for following in range(index + 1, min(index + MAX_LINES_OF_INPUT, len(lines))):
        if wanted.strip(" `*\n") and (
            scan_value(wanted, len(wanted) - len(wanted.lstrip(" `*\n"))) or wanted.strip(" `*\n")[0] not in "[({"
        ):
            break
        if _INPUT_LINE.match(lines[following]):
            break
        line = lines[following]
        wanted += "\n" + ("" if line.strip().startswith(("```", "~~~")) else line)
        last = following
    return wanted.strip(), last


def _output(text: str) -> Outcome | None:
    found = read_outcome(f"== {text.strip()}", 0)
    return found.outcome if isinstance(found, Found) else None


def _sentences(text: str, begin: int, line: str, number: int) -> list[TaskExample]:
    """Find "for 3 the output should be 9" and "input 3 gives 9" in a line; the value may stand in the next one."""
    examples: list[TaskExample] = []
    for start in [*_FOR.finditer(line), *_INPUT_INLINE.finditer(line)]:
        arguments = scan_arguments(text, begin + start.end(), whole=False)
        if arguments is None:
            continue
        found = _sentence_outcome(text, arguments.end)
        if isinstance(found, Found):
            quote = quote_of(text, begin + start.start(), found.end)
            if not any(example.quote in quote or quote in example.quote for example in examples):
                examples.append(_example(number, quote, arguments, found.outcome))
    return examples


def _sentence_outcome(text: str, end: int) -> Found | Uncertain | None:
    if imperative := _IMPERATIVE.match(text, end):
        if word := _IMPERATIVE_WORD.match(text, imperative.end()):
            return read_outcome(f"== {text[word.end() : word.end() + 1000]}", 0)
        if shall := _SHALL_NOUN.match(text, imperative.end()):
            return read_outcome(f"== {text[shall.end() : shall.end() + 1000]}", 0)
        return read_outcome(text, imperative.end())
    noun = _NOUN.match(text, end)
    return read_outcome(text, noun.end()) if noun else None


def _arrows(text: str, begin: int, line: str, number: int) -> list[TaskExample]:
    """Find `"A b" -> "a-b"`, where the text says that it is an example."""
    first = _PAIR_START.match(line)
    starts = {match.start() for match in _QUOTED.finditer(line)} | ({first.end()} if first else set())
    examples: list[TaskExample] = []
    end_of_last = -1
    for start in sorted(starts):
        if start < end_of_last or _ARROW_BEFORE.search(line[:start]):
            continue
        arguments = scan_arguments(line, start, whole=False)
        if arguments and len(arguments.values) > 1 and not (first and start == first.end()):
            continue
        arrow = _ARROW.match(line, arguments.end) if arguments else None
        if arguments is None or arrow is None or not _has_context(text, begin, line[:start]):
            continue
        found = read_outcome(f"== {line[arrow.end() :].lstrip(' `*')}", 0)
        if isinstance(found, Found):
            end_of_last = arrow.end() + found.end - 3
            examples.append(_example(number, quote_of(line, start, len(line)), arguments, found.outcome))
    return examples


def _has_context(text: str, begin: int, before: str) -> bool:
    """Whether the line, or the lines above it that are no pairs themselves, speak of examples."""
    if _CONTEXT.search(before):
        return True
    above = [line for line in text[:begin].split("\n")[-40:] if line.strip()]
    while above and _ARROW.search(above[-1]):
        if _CONTEXT.search(above[-1]):
            return True
        above.pop()
    return any(_CONTEXT.search(line) for line in above[-2:])
