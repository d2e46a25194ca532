# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""Which language a task asks for: the one it is to be written in, not the first whose name occurs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import PurePosixPath

from core.workflow.layouts.table import Layouts, load_layouts

READ_CHARACTERS = 20_000
NEAR_CHARACTERS = 60
CLAUSE_CHARACTERS = 200
MAX_MENTIONS = 200

# How plainly a mention asks for its language, from a turn of words that can mean nothing else down to a name in passing.
CONVERTED_TO = 60
MADE_THING = 55
WRITTEN_IN = 50
NAMED_FILE = 45
CODE_OF_TASK = 42
KIND_OF_CODE = 40
THING_IN_PASSING = 35
WITH_IT = 30
IN_PASSING = 20
ABOUT_IT = 5

_CONVERSION = re.compile(
    r"\b(?:convert|port|translate|rewrite|migrate|transpile|refactor|konvertier\w*|portier\w*|übersetz\w*|übertrag\w*|wandle|umwandeln"
    r"|traduis|convertis|traduce|convierte|convertir|reescribe|traduire|réécris|traduza|converta|converti|перепиши|переведи"
    r"|портируй|конвертируй|перенеси)\w*|转换|改写|移植|翻译|转成|改成|変換|書き換え|移植|変換して",
    re.IGNORECASE,
)
_TO = re.compile(r"(?:\b(?:to|into|nach|vers|para|на)|成|为|為|到)\s*(?:idiomatic\s+)?$", re.IGNORECASE)
_TO_IN_ROMANCE = re.compile(
    r"\b(?:convierte|convertir|reescribe|traduce|converta|traduza|converti|traduci)\b.*\b(?:a|al|in|em)\s+$",
    re.IGNORECASE | re.DOTALL,
)
_IN = re.compile(
    r"(?:\b(?:in|use|using|verwende|nutze|benutze|utilise|usa|in the language|in der sprache|in der programmiersprache|auf|mittels|en|usando|utilizando|em|på"
    r"|на|на языке|используя|utilisant|en langage|en lenguaje|with the help of|dans|pure|plain|vanilla|modern)"
    r"|用|使用|以|基于|采用|بلغة)\s*(?:pure |plain |vanilla |modern |reines? |reinem |idiomatic |язык[е] )?$",
    re.IGNORECASE,
)
_IN_AFTER = re.compile(
    r"\s*(?:言語)?(?:で|を使って|を使い|を用いて)|로 |으로 |\s*语言|\s*語言|\s+ile\b|'da\b|'de\b", re.IGNORECASE
)
_WITH = re.compile(r"\b(?:with|mit|avec|con|com|met|med|c|с)\s+$", re.IGNORECASE)
_FOR = re.compile(r"\b(?:for|für|pour|para|per|для)\s+(?:\w+\s+)?$|(?:为|给)\s*$", re.IGNORECASE)
_OF = re.compile(
    r"\b(?:from|this|these|that|the|my|our|of|de|von|aus|dieses?|diesen|meine?n?|ce|cet|este|этот|с|из)\s+$|从\s*$|把\s*$|将\s*$",
    re.IGNORECASE,
)
_NOT = re.compile(
    r"\b(?:not|no|without|instead of|rather than|than|never|avoid|ohne|statt|nicht|kein\w*|sans|pas|sin|без|не|like|similar to"
    r"|unlike|wie|comme|как)(?:\s+(?:in|using|use|any|the|en|auf|на))*\s+$|(?:不要?用?|而不是|像)\s*$",
    re.IGNORECASE,
)
_MADE_FROM = re.compile(
    r"\b(?:generat|emit|produc|output|render|pars|read|evaluat|analy[sz]|highlight|lint|format|count|extract|valid|load|"
    r"understand|support|call)\w*\s+(?:an?\s+|the\s+|valid\s+|any\s+|some\s+)?$|解析\s*$|生成\s*$",
    re.IGNORECASE,
)
_LIKE_IT = re.compile(
    r"[-\s](?:like|style|ish|ähnlich\w*|artig\w*|alike|inspired|compatible)\b|风格|のような", re.IGNORECASE
)
_KIND = re.compile(
    r"(?:[ \d.]*)[-\s–]?(?:based\s+)?(?:\w+\s+|\w+-)?(?:function|script|program|cli|package|module|librar|class|tool|app\b|application|server|service|api|backend"
    r"|project|code\b|bot|crate|gem\b|struct|decorator|generator function|implementation|solution|utility|game|component|dataclass|context manager"
    r"|one-liner|wrapper|client|rest|microservice|iterator|trait|enum|interface|macro|hook|daemon|tests?\b"
    r"|funktion|skript|programm|klasse|bibliothek|modul|anwendung|werkzeug|paket|fonction|programme|función|funcion|programa"
    r"|função|clase|classe|funzione|функци|скрипт|программ|класс|модул|библиотек)"
    r"|\s*(?:函数|函數|脚本|腳本|程序|程式|类|包|库|模块|项目|工具|の?関数|の?スクリプト|の?プログラム|の?クラス|の?モジュール|の?ツール|함수|스크립트|프로그램|代码|代碼)",
    re.IGNORECASE,
)
_KIND_BEFORE = re.compile(
    r"\b(?:fonction|script|programme|función|funcion|programa|función|função|funzione|функци\w+|скрипт|программ\w+|classe|clase)\s+(?:en\s+|in\s+|на\s+)?$",
    re.IGNORECASE,
)
_HANDLES_IT = re.compile(
    r"[-\s]?(?:\w+[-\s])?(?:pars|lex|lint|format|highlight|token|compil|interpret|minif|validat|beautif|generat|build|convert|templat|load"
    r"|extract|scrap|edit|view|read|writ|serializ|transpil|merg|diff|analy[sz]|saniti|strip|clean|crawl|check|engine|download|fetch|client|monitor|to\b|zu\b)\w*"
    r"|\s*(?:解析|生成|转换|格式化|爬虫|パーサ)",
    re.IGNORECASE,
)
_FILE_NAME = re.compile(r"(?<![\w./-])(?P<path>(?:[\w-]+/)*[\w-]+(?P<suffix>\.[A-Za-z]\w{0,9}))(?![\w/-])")
_READS_FILE = re.compile(
    r"\b(?:read|reads|reading|from|parse|parses|load|loads|import|imports|open|opens|of|given|input|fix|in|convert|port|translate"
    r"|rewrite|this|existing|aus|von|depuis|de|desde|из|to fix)\s+(?:(?:an?|the|file|my)\s+)?[`'\"]?$",
    re.IGNORECASE,
)
_MAKES = re.compile(
    r"(?:^|[.\n:;]\s*)(?:please\s+|can you\s+)?(?:write|create|make|build|generate|add|erstelle|schreibe?|écris|crée|escribe|crea|напиши"
    r"|создай|写|创建|生成)(?:\s+me)?\s*(?:an?\s+|the\s+|eine?n?\s+|une?\s+|una?\s+|一个)?(?:\w+\s+)?[`'\"]?$",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\b(?:that|which|who|to|from|for|of|and|die|der|das|aus|von|für|zum|zur|qui|que|de|pour|para|который|которая|для|из)\b"
    r"|\b(?:function|script|program|parser|class|tool|cli|package|module|library|generator)\b|函数|脚本|程序",
    re.IGNORECASE,
)

_NO_NAME = frozenset({"__init__.py", "__main__.py", "setup.py", "mod.rs"})  # every project may have one
_CODE: dict[str, re.Pattern[str]] = {
    "python": re.compile(r"^[ \t]*(?:async )?def \w+\([^\n]*\)[^\n]*:[ \t]*$|^[ \t]*>>> ", re.MULTILINE),
    "go": re.compile(r"^func (?:\([^)\n]*\) )?\w+\([^\n]*\{[ \t]*$", re.MULTILINE),
    "rust": re.compile(r"^[ \t]*(?:pub )?fn \w+[^\n]*\{[ \t]*$", re.MULTILINE),
    "javascript": re.compile(r"^[ \t]*(?:export )?(?:async )?function \w+\([^\n:]*\)[ \t]*\{[ \t]*$", re.MULTILINE),
}


@dataclass(frozen=True, slots=True)
class _Name:
    key: str
    is_file: bool
    is_everyday: bool
    is_thing: bool
    is_phrase: bool = False  # an everyday name with the word that makes it plain


@dataclass(frozen=True, slots=True)
class _Mention:
    key: str
    weight: int
    place: int


def asked_language(task: str) -> str | None:
    """Return the key of the language that a task asks for; None when it asks for none that is known."""
    text = task[:READ_CHARACTERS]
    found = (*islice(_by_name(text), MAX_MENTIONS), *islice(_by_file(text), MAX_MENTIONS), *_by_code(text))
    mentions = [mention for mention in found if mention.weight > ABOUT_IT]
    if not mentions:
        return None
    return min(mentions, key=lambda mention: (-mention.weight, mention.place)).key


def _by_name(text: str) -> Iterator[_Mention]:
    layouts = load_layouts()
    names, pattern = _names()
    first_code = len(text)
    is_conversion = _CONVERSION.search(text) is not None
    for match in pattern.finditer(text):
        candidates = [name for spelled, name in names if _is_spelled(spelled, match[0])]
        before, after = (
            text[max(0, match.start() - CLAUSE_CHARACTERS) : match.start()],
            text[match.end() : match.end() + NEAR_CHARACTERS],
        )
        weights = [
            (_weight(name, before, after, is_conversion=is_conversion, has_code=first_code < match.start()), name)
            for name in candidates
        ]
        if not weights:
            continue
        weight, name = max(weights, key=lambda pair: pair[0])
        if layouts.languages[name.key].kind == "program" and weight >= IN_PASSING:
            first_code = min(first_code, match.start())
        yield _Mention(name.key, weight, match.start())


def _weight(name: _Name, before: str, after: str, *, is_conversion: bool, has_code: bool) -> int:
    clause = re.split(r"[.!?\n:;。！？：]", before)[-1]
    before = before[-NEAR_CHARACTERS:]
    if _NOT.search(before) or _LIKE_IT.match(after):
        return 0
    if name.is_file:
        return _weight_of_file(name, before, after, clause, has_code=has_code)
    if name.is_phrase:
        return KIND_OF_CODE
    if is_conversion and (_TO.search(before) or _TO_IN_ROMANCE.search(clause)):
        return CONVERTED_TO
    if is_conversion and _OF.search(before):
        return ABOUT_IT
    if _IN.search(before) or _IN_AFTER.match(after):
        return WRITTEN_IN
    if _MADE_FROM.search(before):
        return ABOUT_IT
    if _KIND.match(after) or (_KIND_BEFORE.search(before) and not name.is_everyday):
        return ABOUT_IT if _FOR.search(before) else KIND_OF_CODE
    if _WITH.search(before):
        return WITH_IT
    if name.is_everyday:
        return 0
    if _FOR.search(before):
        return IN_PASSING - 12
    return IN_PASSING - 10 if _HANDLES_IT.match(after) else IN_PASSING


def _weight_of_file(name: _Name, before: str, after: str, clause: str, *, has_code: bool) -> int:
    """Weigh a name of something that is no program: it is asked for as the thing that is made, or as what is written in."""
    if name.is_thing:
        is_made = not _TURNS.search(clause) and not _HANDLES_IT.match(after) and not _KIND.match(after)
        if is_made and not has_code:
            return THING_IN_PASSING if name.is_everyday else MADE_THING
        return ABOUT_IT
    if _IN.search(before) and name.key not in {"json", "yaml"}:
        return WITH_IT - 5
    return ABOUT_IT if name.key in {"json", "yaml"} or _HANDLES_IT.match(after) or has_code else ABOUT_IT + 1


def _by_file(text: str) -> Iterator[_Mention]:
    layouts = load_layouts()
    for match in _FILE_NAME.finditer(text):
        key = layouts.by_suffix(match["suffix"])
        if key is None:
            continue
        before = text[max(0, match.start() - NEAR_CHARACTERS) : match.start()]
        is_program = layouts.languages[key].kind == "program"
        if _NOT.search(before) or _READS_FILE.search(before) or (not is_program and not _MAKES.search(before)):
            continue
        yield _Mention(key, NAMED_FILE, match.start())


def _by_code(text: str) -> Iterator[_Mention]:
    """Give the language of code that the task brings: it is to go on in it, unless the words say otherwise."""
    for key, pattern in _CODE.items():
        match = pattern.search(text)
        if match is not None:
            yield _Mention(key, CODE_OF_TASK, match.start())


def named_source(task: str, suffixes: tuple[str, ...]) -> str | None:
    """Return the one file of a language that a task wants made under a name of its own; None when it names none, or several."""
    text = task[:READ_CHARACTERS]
    found = dict.fromkeys(
        match["path"]
        for match in _FILE_NAME.finditer(text)
        if match["suffix"] in suffixes
        and not _READS_FILE.search(text[max(0, match.start() - NEAR_CHARACTERS) : match.start()])
    )
    sources = [path for path in found if not is_test_path(path) and PurePosixPath(path).name not in _NO_NAME]
    return sources[0] if len(sources) == 1 else None


def is_test_path(path: str) -> bool:
    """Tell whether a path is that of a test, by the customs of the languages."""
    name = PurePosixPath(path)
    in_folder = any(part.casefold() in {"test", "tests", "__tests__", "spec"} for part in name.parts[:-1])
    by_name = re.fullmatch(r"tests?[_.-].*|.*[_.-](?:test|tests|spec)|tests|conftest|\w+Tests?", name.stem) is not None
    return in_folder or by_name


@cache
def _names() -> tuple[tuple[tuple[str, _Name], ...], re.Pattern[str]]:
    names = tuple(_all_names(load_layouts()))
    spelled = sorted({spelling for spelling, _ in names}, key=len, reverse=True)
    alternatives = "|".join(re.escape(spelling) for spelling in spelled)
    return names, re.compile(rf"(?<![A-Za-z0-9_.+#/-])(?:{alternatives})(?![A-Za-z0-9_+#]|\.[A-Za-z])", re.IGNORECASE)


def _all_names(layouts: Layouts) -> Iterator[tuple[str, _Name]]:
    for key, entry in layouts.languages.items():
        is_file = entry.kind == "file"
        for spelling in entry.things:
            soft = not any(word in spelling for word in entry.words)
            yield spelling, _Name(key, is_file, is_everyday=soft, is_thing=True)
        for spelling in entry.words:
            if spelling not in entry.things:
                yield spelling, _Name(key, is_file, is_everyday=False, is_thing=False)
        for spelling in entry.everyday:
            yield spelling, _Name(key, is_file, is_everyday=True, is_thing=False, is_phrase=" " in spelling)


def _is_spelled(spelling: str, found: str) -> bool:
    """Compare without regard to capitals, but for a name that has them in the table."""
    return found == spelling if spelling != spelling.lower() else found.lower() == spelling
