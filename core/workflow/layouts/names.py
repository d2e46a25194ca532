# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""What a person would call the project: the name that the task gives, else its first telling words."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import PurePosixPath

from core.workflow.layouts.table import load_layouts
from core.workspace.checks.acting_files import acting_name, is_taken_name

NAME_WORDS = 3
NAME_MAX_CHARACTERS = 40
READ_CHARACTERS = 2000
WORD_MAX_CHARACTERS = 16
SHORT_NAME = 2  # where it is defined in the task it is meant, and in prose it is a variable
UNNAMED = "solution"

_LATIN_LETTERS = {
    "ß": "ss",
    "æ": "ae",
    "œ": "oe",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "þ": "th",
    "\u0131": "i",
    "ŋ": "ng",
}
_NAME_CATEGORIES = frozenset({"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Nd"})

# Names that the task gives, the plainest first.
_DEFINED = re.compile(
    r"^[ \t]*(?:pub(?:lic)? |export |async |static )*(?:def|fn|func|function)[ \t]+([A-Za-z_]\w*)[ \t]*[(<]",
    re.MULTILINE,
)
_DEFINED_CLASS = re.compile(r"^[ \t]*(?:export )?(?:class|struct)[ \t]+([A-Z]\w*)[ \t]*[(:{]", re.MULTILINE)
_QUOTE = r"[`'\"‘’“”«»„「」『』]"
_NAMED = re.compile(
    r"(?:\b(?:called|named|namens|genannt|mit dem namen|appelée?|nommée?|llamad[oa]|de nombre|chamad[oa]|chiamat[oa]"
    r"|под названием|с именем|называется|по имени)|名为|叫做|名叫|命名为|名前は)\s*"
    rf"{_QUOTE}?(?P<name>[A-Za-z_][\w-]*){_QUOTE}?(?![\w.]*/)",
    re.IGNORECASE,
)
_NAMED_IN_JAPANESE = re.compile(rf"{_QUOTE}?(?P<name>[A-Za-z_][A-Za-z0-9_]*){_QUOTE}?\s*という")
_KIND_THEN_NAME = re.compile(
    r"\b(?:function|method|class|package|library|module|program|tool|cli|command|script|crate|funktion|klasse|paket|werkzeug|fonction|classe|función"
    r"|clase|функци\w+|класс|пакет|утилит\w+)\s+(?:`(?P<ticked>[A-Za-z_][\w-]*)[`(]|(?P<snake>(?-i:[a-z]\w*_\w+|[A-Z][a-z]+[A-Z]\w*|[A-Z]{2,}[a-z]\w*))\b)",
    re.IGNORECASE,
)
_CALL = re.compile(r"(?<![\w.\[(>=])(?P<name>[A-Za-z_]\w+)\((?=[\w\s,:*\"'\[\]{}|.=()+-]*\))")
_TICKED = re.compile(r"`(?P<name>[a-z_]\w*|[A-Z][a-z]\w*)`")
_NO_NAMES = (
    "print len input int str float list dict set tuple bool range open sum min max sorted map filter return main if for while and or"
    " not true false none null self that which as with in to the a an it so by python test tests assert foo bar example method"
    " sys exit isinstance type super raises this function class f g h i x y"
)
_CODE = re.compile(r"^\s*(?:>>>|\.\.\.|assert\b|\d|\")")

_CLAUSE_END = re.compile(r"[.!?](?=\s|$)|[\n:;。！？：；]")
_WHETHER_IS = re.compile(
    r"\b(?:if|whether|ob)\s+(?:.{0,60}?\s)?(?:is|are)\s+(?:an?\s+|all\s+)?(?P<word>[a-z]+)\b", re.IGNORECASE
)
_ONE_TO_ANOTHER = re.compile(
    r"\bconvert(?:s|ing)?\s+(?:from\s+)?(?P<one>[A-Za-z]+)\s+(?:in)?to\s+(?P<other>[A-Za-z]+)\b", re.IGNORECASE
)
_PASSING_VERBS = (
    "calculate calculates compute computes find finds check checks determine determines perform performs handle handles show shows"
    " display displays tell tells allow allows let lets manage manages return read reads work works run runs support supports"
    " berechne berechnet berechnen findet prüft zeigt calcule calcula вычисляет считает находит проверяет"
)
_CONTAINERS = "list array sequence series collection group set pair number string integer"
_RELATIVE = "that which who"

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\u3005]")
_UNSPACED_NOISE = re.compile(
    "请|請|帮我|幫我|帮忙|编写|編寫|撰写|创建|創建|建立|实现|實現|开发|開發|制作|製作|设计|設計|写出|写|寫|做|"
    "一个|一個|一款|一种|一份|个|简单的?|小型的?|函数|函數|脚本|腳本|程序|程式|工具|应用|應用|模块|语言|語言|代码|"
    "使用|用于|用來|用|可以|能够|能|该|其|"
    "ください|下さい|してくれ|書いて|作って|作成して|作成|実装して|実装|開発して|書く|作る|関数|プログラム|スクリプト|ツール|アプリ|コード|簡単な|する"
)
_UNSPACED_BREAK = re.compile("[\\s的来把将和与及并或在从对、，,。.「」『』をがはのでにとへも]+|から|まで")


def slug_of(task: str) -> str:
    """Return the short name of the project, for a folder: "reverse-string"; "solution" if the task gives none."""
    return module_of(task).replace("_", "-")


def module_of(task: str) -> str:
    """Return the name of the main module: the one that the task gives, else made of its first telling words.

    Words of Latin scripts are written without accents; those of other scripts stay, as identifiers may have them.
    """
    text = task[:READ_CHARACTERS]
    name = _portable(given_name(text) or "_".join(_telling_words(text)))
    return f"{name}_app" if _is_taken(name) else name


def given_name(task: str) -> str | None:
    """Return the name that a task itself gives to what is to be made, as a module's name, or None."""
    defined = [name for name in _DEFINED.findall(task) if _is_name(name) or len(name) <= SHORT_NAME]
    if defined:
        return _snake(defined[-1])  # what comes before the last is there to help
    for pattern in (_NAMED, _NAMED_IN_JAPANESE, _DEFINED_CLASS, _KIND_THEN_NAME, _CALL, _TICKED):
        for match in pattern.finditer(task):
            name = next(group for group in match.groups() if group)
            line = task[task.rfind("\n", 0, match.start()) + 1 : match.start()]
            if _is_name(name) and not _CODE.match(line):
                return _snake(name)
    return None


def _is_name(name: str) -> bool:
    return len(name) > 2 and name.casefold() not in _NO_NAMES.split() and not name.startswith("__")


def _snake(name: str) -> str:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name)
    return re.sub(r"[\W_]+", "_", apart).strip("_").lower()


def _telling_words(text: str) -> Sequence[str]:
    if len(_UNSPACED.findall(text)) * 2 > len(re.findall(r"\w", text)) or re.match(r"\W*[\u3400-\u9fff]", text):
        return _unspaced_words(text)
    for clause in filter(str.strip, _CLAUSE_END.split(text)):
        words = _words_of_clause(clause)
        if words:
            return words
    return ()


def _words_of_clause(clause: str) -> Sequence[str]:
    if (whether := _WHETHER_IS.search(clause)) is not None and whether["word"].casefold() not in _word_set(
        "stop_words"
    ):
        return ("is", whether["word"].lower())
    if (conversion := _ONE_TO_ANOTHER.search(clause)) is not None:
        one, other = conversion["one"].lower(), conversion["other"].lower()
        if not {one, other} & (_word_set("stop_words") | _language_words()):
            return (one, "to", other)
    phrases = [phrase for phrase in _phrases(clause) if phrase[1]]
    if not phrases:
        return ()
    _, first = phrases[0]
    joint, second = phrases[1] if len(phrases) > 1 else ("", [])
    if joint == "of" and first[-1] in _CONTAINERS.split():
        return (*first[:-1], *second)[:2]
    if len(first) == 1 and joint == "for":
        return (*second[:2], *first)
    return first[:NAME_WORDS] if len(first) > 1 else (*first, *second)[:2]


def _phrases(clause: str) -> list[tuple[str, list[str]]]:
    """Part a clause at the words that join; each phrase stands behind the word before it, without what tells nothing."""
    stop_words, breaks = _word_set("stop_words") | _language_words(), _word_set("breaks")
    phrases: list[tuple[str, list[str]]] = [("", [])]
    is_verb = False
    for word in _name_words(_plain_letters(clause), stop_words | breaks):
        if word in breaks:
            phrases.append((word, []))
            is_verb = word in _RELATIVE.split()
            continue
        plain = _without_ending(word) if is_verb else word
        is_verb = False
        if word not in stop_words and plain not in stop_words and len(word) > 1:
            phrases[-1][1].append(plain)
    told = [(joint, phrase) for joint, phrase in phrases if phrase]
    for _, phrase in told[:2]:
        if phrase[0] in _PASSING_VERBS.split() and (len(phrase) > 1 or len(told) > 1):
            del phrase[0]
    return told


def _without_ending(verb: str) -> str:
    """Return an English verb as it stands in the name of a function: "reverses" is reverse."""
    if len(verb) < 4 or not verb.isascii() or not verb.endswith("s") or verb.endswith("ss"):
        return verb
    if verb.endswith("ies"):
        return f"{verb[:-3]}y"
    return verb[:-2] if re.search(r"(?:ch|sh|x|ss|zz)es$", verb) else verb[:-1]


def _name_words(plain: str, small_words: frozenset[str]) -> Iterator[str]:
    """Give the words of a text; a compound with a small word in it is one word: "to-do" is no "do"."""
    for compound in re.findall(r"[a-z][a-z0-9]*(?:-[a-z][a-z0-9]*)*|[^\x00-\x7f]+", plain):
        if not compound.isascii():
            word = compound[:WORD_MAX_CHARACTERS]
            yield from [word] if word.isidentifier() else []
            continue
        parts = compound.split("-")
        is_one = small_words.intersection(parts) and not _language_words().intersection(parts)
        yield from ["".join(parts)] if is_one and len(parts[0]) < 4 else parts


def _unspaced_words(text: str) -> Sequence[str]:
    """Give the first words of a text in a script without spaces, parted where its particles stand."""
    first = next(filter(str.strip, re.split("[。！？；：\n]", text)), "")
    plain = re.sub(
        r"[A-Za-z][A-Za-z0-9_+#.]*", lambda match: " " if match[0].lower() in _language_words() else match[0], first
    )
    told = _UNSPACED_NOISE.sub(" ", plain)
    parts = [part for part in _UNSPACED_BREAK.split(_plain_letters(told)) if part and f"x{part}".isidentifier()]
    return [part[:WORD_MAX_CHARACTERS] for part in parts[:2]]


def _plain_letters(text: str) -> str:
    """Return the text in small letters: Latin ones without accents, of other scripts only what names may have."""
    small = unicodedata.normalize("NFKC", text).lower()
    return "".join(_plain_letter(char) for char in unicodedata.normalize("NFKC", small))


def _plain_letter(char: str) -> str:
    if char.isascii():
        return char
    if char in _LATIN_LETTERS:
        return _LATIN_LETTERS[char]
    base = unicodedata.normalize("NFKD", char)
    if base[0].isascii():
        return base[0]
    if unicodedata.category(char) == "Cf" or 0x300 <= ord(char) < 0x370 or 0xFE00 <= ord(char) <= 0xFE0F:
        return ""  # a joiner, an accent that stands by itself, a variant of a sign
    return char if unicodedata.category(char) in _NAME_CATEGORIES and f"x{char}".isidentifier() else " "


def _portable(name: str) -> str:
    """Cut a name at a word within its limit; "solution" if it can be no identifier."""
    plain = unicodedata.normalize("NFKC", name)
    if len(plain) > NAME_MAX_CHARACTERS:
        plain = plain[: NAME_MAX_CHARACTERS + 1].rpartition("_")[0] or plain[:NAME_MAX_CHARACTERS]
    plain = plain.strip("_")
    return plain if plain.isidentifier() and unicodedata.is_normalized("NFKC", plain) else UNNAMED


def _is_taken(module: str) -> bool:
    """A module of that name could not be imported, would hide one of the standard library or pytest, or is a device on Windows."""
    devices = re.fullmatch(r"con|prn|aux|nul|(com|lpt)\d", module)
    return (
        devices is not None
        or keyword.iskeyword(module)
        or module in {"main", "test"}
        or is_taken_name(module)
        or acting_name(f"{module}.py") is not None
    )


@cache
def _word_set(field: str) -> frozenset[str]:
    layouts = load_layouts()
    words = layouts.stop_words if field == "stop_words" else layouts.breaks
    return frozenset(_plain_letters(words).split())


@cache
def _language_words() -> frozenset[str]:
    """Return the names of languages: what a thing is written in is no part of what it is called."""
    names = {
        name
        for entry in load_layouts().languages.values()
        if entry.kind == "program"
        for name in (entry.title, *entry.words, *entry.everyday)
    }
    single = {_plain_letters(name) for name in names if " " not in name and len(name) > 1}
    return frozenset(
        single - {PurePosixPath(name).name for name in ("react", "vue", "express", "assembly", "crystal", "scheme")}
    )
