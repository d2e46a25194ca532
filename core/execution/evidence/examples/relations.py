"""What stands between a call and its value, and behind it: operators and words of several languages."""

# ruff: noqa: RUF001 - people write these characters

from __future__ import annotations

import re
from dataclasses import dataclass

from core.execution.evidence.examples.example import Outcome, Raises, Returns
from core.execution.evidence.examples.literals import (
    QUOTES,
    NotALiteralError,
    literal_value,
    scan_brackets,
    scan_string,
)

MAX_BEHIND = 300

_OPERATOR = r"={1,3}>?|-{1,2}>|~>|[→⇒➞➜➔⟶⟹↦≈≡⟼]|:(?![:=])"
_MODAL = (
    r"(?:should|must|shall|will|would|has\s+to|needs\s+to|ought\s+to|is\s+expected\s+to|is\s+supposed\s+to)\s+(?:then\s+|always\s+)?"
    r"(?:return|give(?:\s+back)?|yield|output|produce|print|evaluate\s+to|result\s+in|equal|become|be\s+equal\s+to|be)"
    r"|soll(?:te)?(?:\s+dann)?|muss|doit\s+(?:renvoyer|retourner|donner|valoir)|debe(?:ría)?\s+(?:devolver|retornar|dar|ser)"
    r"|dev[ee]\s+(?:devolver|retornar|ser|restituire|ritornare|dare)|moet(?:en)?|powinno?a?\s+zwrócić"
    r"|долж(?:ен|на|но|ны)\s+(?:вернуть|возвращать|быть)|(?:应该?|应当|應該?|必须)(?:返回|回傳|输出|輸出|得到|等于|为|是)"
)
_PLAIN = (
    r"returns|gives(?:\s+back)?|yields|outputs|produces|prints|evaluates\s+to|results\s+in|is\s+equal\s+to|equals|becomes|is"
    r"|expected|expects|ergibt|liefert|gibt|wird\s+zu|wird|ist|renvoie|retourne|donne|vaut|devuelve|retorna|da|devolve"
    r"|restituisce|ritorna|geeft|zwraca|возвращает|верн[её]т|равно|(?:会|會|将)?(?:返回|回傳|输出|輸出|得到|等于)|は|の結果は"
)
_RAISE = (
    r"(?:(?:should|must|shall|will|would)\s+)?(?:raises?|throws?|fails?\s+with)|(?:soll(?:te)?\s+)?(?:wirft|löst)|soll(?:te)?|muss"
    r"|l[eè]ve|lanza|lancia|lança|выбрасывает|抛出|引发"
)
_RELATION = re.compile(
    rf"[ \t`*;]*(?P<comment>#|//|--(?!>))?[ \t`*]*(?P<operator>{_OPERATOR})?(?P<gap>\s*)"
    rf"(?:(?P<modal>(?<!\w)(?:{_MODAL}))|(?P<plain>(?<!\w)(?:{_PLAIN})(?![\w(])))?:?",
    re.IGNORECASE,
)
_RAISING = re.compile(
    rf"[ \t`*,]*(?:#|//)?[ \t]*(?:(?:{_OPERATOR})\s*)?(?P<word>(?:{_RAISE})\s+)?(?:an?\s+|the\s+|einen?\s+|une?\s+)?[`*]*"
    r"(?P<type>[A-Z]\w*(?:Error|Exception|Exit|Interrupt|StopIteration)|Exception)\b",
    re.IGNORECASE,
)
_NUMBER = r"[-+]?(?:0[xX][0-9a-fA-F]+|0[bB][01]+|0[oO][0-7]+|(?:\d+(?:_\d+)*)?\.\d+(?:[eE][-+]?\d+)?|\d+(?:_\d+)*(?:[eE][-+]?\d+)?)"
_ARITHMETIC = re.compile(
    rf"(?:\(?[ \t]*{_NUMBER}[ \t]*\)?)(?:[ \t]*(?:\*\*|//|[-+*/%])[ \t]*\(?[ \t]*\d[\d.]*[ \t]*\)?)+"
)
_PLAIN_VALUE = re.compile(
    rf"{_NUMBER}(?![\w%°€$£])|(?:True|False|None|TRUE|FALSE|true|false|null|nil|none)\b"
    r"|float\([\"'](?:-?inf|nan)[\"']\)|set\(\)|math\.(?:inf|nan|pi|e)\b"
)
_PREFIXED_STRING = re.compile(r"[bBrRuU]{1,2}(?=[\"'])")

_CLEAN_END = re.compile(
    r"(?:[`*\"'”’)\]|]|」)*"
    r"(?:[ \t]*$|[ \t]*\n|[.,;:!?](?=\s|$|[`*\"”)])|;(?=\w)|[。，；、]|[ \t]*(?:#|//|\(|[✓✔✅]|—|–|<!--|\||--?[ \t])"
    r"|[ \t]+(?:now|and|und|et|y|e|i|и|but|because|since|as|while|whereas|then|weil|da|car|porque|aber|instead|rather|statt"
    r"|zurück(?:geben|liefern)?|zurueck(?:geben)?|ergeben|liefern|sein|haben|werden|ausgeben|aus|zijn|teruggeven)\b"
    r"|[ \t]*を返|[ \t]+(?:[`*]*[A-Za-z_]\w*\())",
)
# Words that stand between any two things: without a value behind them they say nothing of a result.
_WEAK_WORDS = frozenset({"is", "ist", "wird", "gibt", "da", "vaut", "は", "becomes", "expected", "expects"})
_AGAIN = re.compile(r"[ \t]*={1,3}[ \t]*")
_SECOND_VALUE = re.compile(r"[`*]*,[ \t]*(?=[-+]?\d|[\"'“„«\[{(]|(?:True|False|None|true|false|null)\b)")
_PAIR_ARROW = re.compile(r"[`*]*\s*(?:-{1,2}>|={1,2}>|[→⇒➞➜➔⟶⟹↦])")
# The message of an assertion is no second value.
_MESSAGE = re.compile(r",[ \t]*f?[\"']")
# A value that the program gives today, and should not.
_WRONG_AFTER = re.compile(
    r"\b(?:wrong(?:ly)?|incorrect(?:ly)?|instead|rather\s+than|but|should\s+(?:be|return|give|have|equal|print)|expected|bug|falsch|statt|aber|soll(?:te)?|mais|au\s+lieu)\b",
    re.IGNORECASE,
)
_WRONG_BEFORE = re.compile(
    r"\b(?:currently|presently|now|at\s+the\s+moment|wrong(?:ly)?|incorrect(?:ly)?|mistakenly|bug|buggy|actual(?:ly)?|today|derzeit|aktuell"
    r"|im\s+moment|momentan|fälschlich(?:erweise)?|falsch|actuellement|actualmente)\b",
    re.IGNORECASE,
)

_CORRECTED = re.compile(rf"[ \t`*,;]*(?:(?:but|aber|mais|pero)\s+)?(?:it\s+)?(?=(?:{_MODAL})\b)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """An outcome and where its text ends."""

    outcome: Outcome
    end: int


@dataclass(frozen=True, slots=True)
class Uncertain:
    """Something that looks like an outcome and is not certain."""

    reason: str
    end: int


def scan_value(text: str, at: int) -> tuple[str, int] | None:
    """Return the source of the literal that begins at `at` and where it ends; it may still prove to be none."""
    if at >= len(text):
        return None
    if text[at] in QUOTES and (string := scan_string(text, at)):
        return string.source, string.end
    if prefix := _PREFIXED_STRING.match(text, at):
        string = scan_string(text, prefix.end())
        return (prefix.group() + string.source, string.end) if string else None
    if arithmetic := _ARITHMETIC.match(text, at):
        return arithmetic.group(), arithmetic.end()
    if text[at] in "([{":
        brackets = scan_brackets(text, at)
        return (brackets.source, brackets.end) if brackets else None
    plain = _PLAIN_VALUE.match(text, at)
    return (plain.group(), plain.end()) if plain else None


def _ends_cleanly(text: str, end: int, before: str = "") -> bool:
    """Whether nothing stands behind a value that could belong to it."""
    has_message = before.rstrip().endswith("assert") and _MESSAGE.match(text, end)
    second = None if has_message else _SECOND_VALUE.match(text, end)
    return bool(_CLEAN_END.match(text, end)) and (second is None or _begins_a_pair(text, second.end()))


def _begins_a_pair(text: str, at: int) -> bool:
    """Whether a value is the input of a pair: `"a" -> "b", "c" -> "d"`."""
    scanned = scan_value(text, at)
    return scanned is not None and bool(_PAIR_ARROW.match(text, scanned[1]))


def read_outcome(text: str, at: int, *, before: str = "") -> Found | Uncertain | None:
    """Return what the text at `at`, right behind a call, says must come of it; None when it says nothing.

    `before` is what stands in front of the call in its line.
    """
    raising = _RAISING.match(text, at)
    if raising and (raising.group("word") or raising.group().strip(" \t`*,#/").startswith(("=", "-", "→", "⇒", "➞"))):
        return Found(Raises(raising.group("type")), raising.end())
    relation = _RELATION.match(text, at)
    if relation is None or not any(relation.group(name) for name in ("comment", "operator", "modal", "plain")):
        return None
    start = _skip(text, relation.end(), same_line=bool(relation.group("comment")))
    scanned = scan_value(text, start)
    if scanned is None:
        return _unread_value(text, start, relation)
    source, end = scanned
    again = _AGAIN.match(text, end)
    if again and (last := scan_value(text, again.end())):
        return _chain(text, source, last)
    if not _ends_cleanly(text, end, before):
        return Uncertain("what stands behind the value may belong to it", end)
    try:
        value = literal_value(source)
    except NotALiteralError as error:
        return Uncertain(str(error), end)
    is_wanted = bool(relation.group("modal")) or before.rstrip().endswith("assert")
    if not is_wanted and (reason := _reads_like_a_wrong_result(text, end, before)):
        corrected = _CORRECTED.match(text, end)
        if corrected:
            return read_outcome(text, corrected.end())
        return Uncertain(reason, end)
    return Found(Returns(value), end)


def _skip(text: str, at: int, *, same_line: bool) -> int:
    blanks = re.compile(r"[ \t`*]*" if same_line else r"[ \t`*]*(?:\n[ \t`*]*)?").match(text, at)
    return blanks.end() if blanks else at


def _unread_value(text: str, start: int, relation: re.Match[str]) -> Uncertain | None:
    says_something = relation.group("operator") or relation.group("modal")
    if not says_something and (relation.group("plain") or "is").lower() in _WEAK_WORDS:
        return None
    word = re.compile(r"[^\s`*]+").match(text, start)
    return Uncertain("what follows is no value", word.end() if word else start)


def _chain(text: str, source: str, last: tuple[str, int]) -> Found | Uncertain:
    """`f(2) == 1 + 3 = 4`: the computation must come to the value behind it."""
    last_source, end = last
    try:
        first_value, value = literal_value(source), literal_value(last_source)
    except NotALiteralError as error:
        return Uncertain(str(error), end)
    if first_value != value or not _ends_cleanly(text, end):
        return Uncertain("two values follow", end)
    return Found(Returns(value), end)


def _reads_like_a_wrong_result(text: str, end: int, before: str) -> str:
    after = text[end : end + MAX_BEHIND].partition("\n")[0]
    after = re.split(r"[.;]\s", after, maxsplit=1)[0]
    # Another call in the line has an outcome of its own.
    after = re.split(r"\b[A-Za-z_]\w*\(", after, maxsplit=1)[0]
    if _WRONG_AFTER.search(after) or _WRONG_BEFORE.search(re.split(r"[.;]\s", before)[-1]):
        return "it reads like what the program does today, not like what it must do"
    return ""
