"""Places where a file only says that code belongs there: a comment in its stead, or a body that does nothing."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import PurePosixPath

from core.text.sanitize import normalise_newlines, plain_line
from core.workspace.checks.file_check import is_dockerfile
from core.workspace.checks.python_source import parse_python
from core.workspace.file_kinds import DOCUMENT_SUFFIXES

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

_Function = ast.FunctionDef | ast.AsyncFunctionDef

# The framework calls these for their signature or their decorator; the body is allowed to be empty.
_EMPTY_BY_DECORATOR = frozenset(
    {
        *("abstractmethod", "abstractproperty", "abstractclassmethod", "abstractstaticmethod", "overload", "given"),
        *("group", "callback", "singledispatch", "singledispatchmethod", "fixture", "hookspec", "hookimpl"),
    }
)
_QUIET_NAMES = ("noop", "no_op", "_noop", "do_nothing", "log_message")
_ALLOWING_WORDS = (
    "overrid",
    "subclass",
    "hook",
    "no-op",
    "noop",
    "nothing",
    "by default",
    "placeholder for the",
    "intentionally",
)


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
            found.update(_find_stubs(tree, is_test=name.name.startswith("test_") or name.name == "conftest.py"))
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


def _find_stubs(tree: ast.Module, *, is_test: bool) -> dict[int, str]:
    """Return line numbers and what is missing there; in a test module empty doubles are fine, empty tests are not."""
    subclassed = {_last_name(base) for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for base in node.bases}
    try:
        return dict(_in_body(tree.body, owner=None, subclassed=subclassed, is_test=is_test))
    except RecursionError:  # a chain of a thousand elif is no place where code is left out
        return {}


def _in_body(
    body: list[ast.stmt], *, owner: ast.ClassDef | None, subclassed: set[str], is_test: bool
) -> Iterator[tuple[int, str]]:
    for node in body:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                missing = _missing_body(node, owner, subclassed, is_test=is_test)
                if missing is not None:
                    yield node.lineno, missing
                elif not _is_nothing(node.body, with_docstring=True):
                    yield from _dots_between(node.body)
                    yield from _in_body(node.body, owner=None, subclassed=subclassed, is_test=is_test)
            case ast.ClassDef():
                if _is_interface(node):
                    continue
                if (
                    not is_test
                    and not node.bases
                    and not node.decorator_list
                    and _is_nothing(node.body, with_docstring=False)
                ):
                    yield node.lineno, f"the class {node.name} has no body"
                yield from _in_body(node.body, owner=node, subclassed=subclassed, is_test=is_test)
            case ast.If() | ast.With() | ast.For() | ast.While() | ast.Try():
                for field in ("body", "orelse", "finalbody"):
                    inner = getattr(node, field, [])
                    yield from _in_body(inner, owner=owner, subclassed=subclassed, is_test=is_test)
            case _:
                continue


def _missing_body(node: _Function, owner: ast.ClassDef | None, subclassed: set[str], *, is_test: bool) -> str | None:
    name = f"{owner.name}.{node.name}" if owner is not None else node.name
    if {_last_name(decorator) for decorator in node.decorator_list} & _EMPTY_BY_DECORATOR:
        return None
    if is_test and not node.name.startswith("test"):
        return None
    if node.name.startswith(_QUIET_NAMES) or (node.name.startswith("__") and node.name.endswith("__")):
        return None
    docstring = (ast.get_docstring(node) or "").casefold()
    if any(word in docstring for word in _ALLOWING_WORDS):
        return None
    overrides = owner is not None and any(_last_name(base) != "object" for base in owner.bases)
    is_base = owner is not None and owner.name in subclassed
    last = node.body[-1]
    if _is_nothing(node.body, with_docstring=True):
        if (overrides or is_base) and not any(_is_dots(statement) for statement in node.body):
            return None  # an override that does nothing on purpose, or a hook for one
        what = "pass" if isinstance(last, ast.Pass) else "..." if _is_dots(last) else "a docstring"
        return f"the body of {name} is only {what}"
    if len(_without_docstring(node.body)) == 1 and _raises_not_implemented(last) and not is_base:
        return f"{name} only raises NotImplementedError"
    return None


def _is_interface(node: ast.ClassDef) -> bool:
    return bool({_last_name(base) for base in node.bases} & {"Protocol", "TypedDict", "NamedTuple", "Interface"})


def _dots_between(body: list[ast.stmt]) -> Iterator[tuple[int, str]]:
    for node in body:
        if _is_dots(node):
            yield node.lineno, "`...` stands for something"


def _is_nothing(body: list[ast.stmt], *, with_docstring: bool) -> bool:
    rest = _without_docstring(body)
    if not rest:
        return with_docstring
    return all(isinstance(node, ast.Pass) or _is_dots(node) for node in rest)


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0]
    has_one = (
        isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
    )
    return body[1:] if has_one else body


def _is_dots(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.value.value is Ellipsis


def _raises_not_implemented(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) and node.exc is not None and _last_name(node.exc) == "NotImplementedError"


def _last_name(node: ast.expr) -> str:
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
