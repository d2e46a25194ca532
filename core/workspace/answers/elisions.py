"""Places where a file only says that code belongs there: a comment in its stead, or a body that does nothing."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from core.text.sanitize import DOCUMENT_SUFFIXES, normalise_newlines, plain_line
from core.workspace.answers.stubs import find_stubs
from core.workspace.checks.dockerfile import is_dockerfile
from core.workspace.checks.python_source import parse_python

MAX_ELISIONS = 10
MAX_QUOTE_CHARS = 80
MAX_COMMENT_CHARS = 200  # whoever leaves code out says so briefly; a bound for the patterns below too

_THINGS = (
    r"(?:code|files?|implementation|functions?|methods?|class(?:es)?|modules?|tests?|test cases|logic|imports?|contents?|"
    r"script|body|document|sections?|configuration|config|definitions?|steps?|routes?|fields?|cases)"
)
_WHICH = r"(?:rest|remaining|remainder|existing|previous|other|same|earlier|original|unchanged|additional|more|further)"
_STAYS = r"(?:(?:is|are|remains?|stays?|stay)\s+)?(?:unchanged|the same|as (?:is|before)|here|untouched|omitted)"
# Comments are matched after _normalised: dots are one "…", nothing but it or a word begins or ends the text.
_ELISIONS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"^…\W*(?:the |your |all |and )*(?:{_WHICH}|unchanged|omitted|truncated|etc)\b",
        rf"^….*\b(?:{_WHICH}|{_THINGS}|omitted|unchanged|here)\b.*…$",
        rf"^…?\W*(?:the |all |your |keep |and )*{_WHICH}\s+(?:of\s+)?(?:the\s+|your\s+|this\s+)?(?:\w+\s+)?{_THINGS}\W*(?:{_STAYS}|goes here|go here)?…?$",
        rf"^…?\W*(?:the |all )?(?:{_THINGS}|everything(?: else)?|(?:the )?rest|{_WHICH}\s+{_THINGS})\s+{_STAYS}…?$",
        r"^…?\W*(?:unchanged|no changes?(?: here)?)…?$",
        r"^…?\W*(?:the |code |implementation |everything )*same as (?:before|above|earlier|previously|the (?:previous|original|first)(?: \w+)?)…?$",
        rf"^…?\W*(?:add |insert |put |write |place )?(?:your |the |more |actual )?(?:\w+ )?{_THINGS}\s+(?:goes|go|here|comes|will go)\b(?: here)?…?$",
        r"\bomitted (?:for (?:brevity|clarity|simplicity|space|readability)|to keep)\b|\bfor brevity\b|\btruncated for\b|^snip$",
        r"^(?:todo|fixme)\W*(?:implement|fill (?:this )?in|add (?:the )?(?:implementation|code|logic))\b",
        r"^implement (?:this|me|the (?:logic|function|method)|here|your)\b[^.]{0,40}$",
        r"^…?\W*\d+ (?:more )?lines (?:omitted|unchanged|hidden)…?$",
    )
)
_COMMENT_LINE = re.compile(
    r"^\s*(?:#(?!!)|//|/\*+|\*(?!/)|<!--|--(?!-)|;|%|\{/\*|\{#)\s?(?P<text>.*?)\s*(?:\*/\}?|-->|#\})?\s*$"
)
_TRAILING_COMMENT = re.compile(r"\s(?:#|//|/\*)\s(?P<text>.*?)(?:\*/)?$")
_DOTS = r"(?:\.{3,}|…)"
_DOTS_ALONE = re.compile(rf"^\s*{_DOTS}\s*[,;]?\s*$")
_DOTTED_REMARK = re.compile(rf"^\s*[\[(<{{]?\s*{_DOTS}\s*\S.*$")


def find_elisions(path: str, text: str) -> tuple[str, ...]:
    """Return where the file leaves code out, at most 10 places, each "line 7: ...".

    Docstrings, abstract methods, protocols, overloads and exception classes are no elisions.
    """
    name = PurePosixPath(path)
    text = normalise_newlines(text)
    suffix = name.suffix.lower()
    found: dict[int, str] = {}
    if suffix in {".py", ".pyi"}:
        tree = parse_python(text)
        comments = _python_comments(text) if tree is not None else _line_comments(text, hash_only=True)
        if tree is not None and suffix == ".py":
            found.update(find_stubs(tree, is_test=name.name.startswith("test_") or name.name == "conftest.py"))
    elif suffix in DOCUMENT_SUFFIXES:
        comments = _document_remarks(text)
    else:
        comments = _line_comments(text, hash_only=suffix in {".yaml", ".yml", ".toml", ".sh"} or is_dockerfile(path))
        if suffix not in {".yaml", ".yml"}:  # there a line of three dots ends a document
            found.update(dict.fromkeys(_lonely_dots(text), "`...` stands for something"))
    lines = [] if suffix in DOCUMENT_SUFFIXES else text.split("\n")
    for number, comment in comments:
        if len(comment) > MAX_COMMENT_CHARS or (number - 1 not in found and _goes_on(lines, number, comment)):
            continue
        if _stands_for_code(comment):
            found.setdefault(number, f'"{plain_line(comment, limit=MAX_QUOTE_CHARS)}" stands for something')
    return tuple(f"line {number}: {found[number]}" for number in sorted(found))[:MAX_ELISIONS]


def _goes_on(lines: list[str], number: int, comment: str) -> bool:
    """Tell whether a line only ends a sentence that began in the comment above it."""
    above = lines[number - 2] if lines and number > 1 else ""
    has_dots = re.match(rf"\W*{_DOTS}", comment) is not None
    return (
        not has_dots
        and re.match(r"\s*(?:#(?!!)|//)", above) is not None
        and above.rstrip()[-1:] not in {".", ":", "/", "#"}
    )


def _stands_for_code(comment: str) -> bool:
    dotted = re.sub(r"\s*…[…\s]*", "… ", re.sub(r"\.{3,}", "…", comment))
    normalised = re.sub(r"^[^\w…]+|[^\w…]+$", "", dotted)
    return any(pattern.search(normalised) for pattern in _ELISIONS)


def _python_comments(text: str) -> Iterator[tuple[int, str]]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string.lstrip("# ")
    except (tokenize.TokenError, SyntaxError):
        return


def _line_comments(text: str, *, hash_only: bool) -> Iterator[tuple[int, str]]:
    for number, line in _short_lines(text):
        match = _COMMENT_LINE.match(line) or _TRAILING_COMMENT.search(line)
        if match is not None and (not hash_only or "#" in line[: match.start("text")]):
            yield number, match["text"]


def _document_remarks(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a document that can stand for left-out text; fenced examples may leave out what they like."""
    fenced = False
    for number, line in _short_lines(text):
        if re.match(r"\s*(?:```|~~~)", line):
            fenced = not fenced
        elif not fenced and (_DOTTED_REMARK.match(line) or line.lstrip().startswith(("<!--", "[", "(", "{"))):
            yield number, line.strip().removeprefix("<!--").removesuffix("-->")


def _short_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that may hold a remark; minified code is skipped."""
    numbered = enumerate(text.split("\n"), start=1)
    return ((number, line) for number, line in numbered if len(line) <= 2 * MAX_COMMENT_CHARS)


def _lonely_dots(text: str) -> Iterator[int]:
    for number, line in _short_lines(text):
        if _DOTS_ALONE.match(line):
            yield number
