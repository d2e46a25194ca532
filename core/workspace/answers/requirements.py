# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""The requirements of a brief, however it marks them: in any script, in lists, tables and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from core.text.sanitize import plain_line, strip_controls

MAX_REQUIREMENTS = 20
MAX_REQUIREMENT_CHARS = 400
MAX_LABEL_CHARS = 40

# In capitals only: "r1" may be a variable. Longer ones first.
_ABBREVIATIONS = "NFREQ FREQ REQ Req NFR NFA NFT RNF RNE ANF FR FA FT RF BR SR QR UR TR US RQ R Ｒ НФТ ФТ НТ ТР Т"
# Beginnings of words, so that other numbers and cases are found.
_WORDS = (
    "requirement anforderung exigence requisit requerimient wymagani požadav požiadav cerin követelmény gereksinim vereist"
    " vaatim απαίτησ απαιτήσ требован вимог изисквани захтев 需求 要求 要件 요구사항 요구 متطلب المتطلب الزام نیازمندی דריש"
    " आवश्यकता ข้อกำหนด"
)
_WORD = rf"(?:{'|'.join(_WORDS.split())})[^\W\d_]{{0,3}}"
_SEPARATORS = r":.|)\-\u2013\u2014\uff1a\ufe55\ufe13\u2236\uff0e\u3001\uff64\u3002\uff61\uff09\uff5c\u2192\u060c\u2015"
_OPEN, _CLOSE = "(\\[\uff08\u3010\uff3b\u300a\u300c", ")\\]\uff09\u3011\uff3d\u300b\u300d"
_LEAD = re.compile(r"^(?:\[[ xX]\]|[\s>|*+•·‣▪◦#\-–—.)(\[`_\d:、．）（【［「《☐☑✅✔])*")
_MARKED = re.compile(
    rf"(?:(?P<short>{'|'.join(_ABBREVIATIONS.split())})|(?P<word>(?i:{_WORD})))"
    r"[-_ .#\u2010-\u2015]?(?:(?i:no|nr|n)[.°º]?\s?|№\s?|#)?(?P<number>\d{1,4}(?:\.\d{1,2}){0,2})(?![\w-]*\d)"
    rf"(?P<close>[{_CLOSE}*`_]*)"
    rf"(?P<aside>\s*[{_OPEN}][^{_CLOSE}\n]{{1,{MAX_LABEL_CHARS}}}[{_CLOSE}][*`_]*)?"
    rf"(?P<mark>\s*[{_SEPARATORS}]+|\t)?(?P<text>.*)$"
)
_PRIORITY = re.compile(
    r"^(?:must|should|could|won'?t|may|shall)(?:[- ]have)?$|^(?:high|medium|low|critical|functional|non-functional)$"
    r"|^(?:muss|soll|kann|hoch|mittel|niedrig|p[0-4]|[mscw])$|^(?:必须|应该|可以|高|中|低|必須|任意|推奨)$",
    re.IGNORECASE,
)
_SECTION = re.compile(rf"^\W*(?:[\w-]+ ){{0,2}}{_WORD}", re.IGNORECASE)
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s|\*\*[^*]+\*\*\s*:?\s*$|[^\s#|>*-][^\n]{0,60}[:：]\s*$)")
_ITEM = re.compile(
    r"^\s*(?:[-*+•·‣▪◦]\s+|[（(]?\d{1,2}(?:[.):．）]\s+|[、．）])\s*|[①-⑳㈠-㈩]\s*|[一二三四五六七八九十]{1,2}[、．.]\s*)(?P<text>.*)$"
)
_FENCE_LINE = re.compile(r"^\s*(?:`{3,}|~{3,})")
_EDGES = " \t*_:`|-\u2013\u2014\u2015\uff1a\ufe55\uff5c\u3001\u3011】》」"


@dataclass(frozen=True, slots=True)
class Requirement:
    """`id` is R1, R2, ...; or R1.2 where a brief divides a requirement."""

    id: str
    text: str


def read_requirements(brief: str) -> tuple[Requirement, ...]:
    """Return the requirements of a brief that are handed on, the first 20 at most."""
    return all_requirements(brief)[:MAX_REQUIREMENTS]


def all_requirements(brief: str) -> tuple[Requirement, ...]:
    """Return the requirements of a brief, however many they are; of two with one mark the first is taken.

    Other marks than R keep their number where it is free: FR-1 is R1, and NFR-1 beside it gets the next one, with its own
    mark behind the text. A brief without any mark gives the items of its list of requirements.
    """
    lines = [line.rstrip() for line in strip_controls(brief).split("\n") if not _FENCE_LINE.match(line)]
    marked = list(_marked(lines)) or [("R", str(number), text) for number, text in enumerate(_listed(lines), start=1)]
    by_mark: dict[tuple[str, str], str] = {}
    for kind, number, text in marked:
        plain = plain_line(text.replace("**", ""), limit=MAX_REQUIREMENT_CHARS)
        if plain:
            by_mark.setdefault((kind, number), plain)
    found: dict[str, str] = {}
    first_kind = "R" if any(kind == "R" for kind, _ in by_mark) else next((kind for kind, _ in by_mark), "R")
    later = [(mark, text) for mark, text in by_mark.items() if mark[0] != first_kind]
    found.update({f"R{number}": text for (kind, number), text in by_mark.items() if kind == first_kind})
    for (kind, number), text in later:
        if f"R{number}" in found:
            found[f"R{_next_number(found)}"] = f"{text} ({kind}-{number})"
        else:
            found[f"R{number}"] = text
    return tuple(Requirement(name, text) for name, text in found.items())


def _next_number(found: dict[str, str]) -> int:
    return 1 + max(int(name[1:].split(".")[0]) for name in found)


def _marked(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Give the kind of mark, the number and the text of each line that is marked."""
    for place, line in enumerate(lines):
        match = _match(line)
        if match is None:
            continue
        text = match["text"]
        if "|" in (match["mark"] or "") or line.lstrip().startswith("|"):
            text = _cell(text)
        text = text.strip(_EDGES)
        if not text:
            following = next((later for later in lines[place + 1 :] if later.strip()), "")
            if _match(following) is None and not following.lstrip().startswith("#"):
                text = _LEAD.sub("", following).strip(" \t*_-•")
        kind = "R" if match["word"] or match["short"] == "Ｒ" else match["short"].upper()
        number = ".".join(str(int(part)) for part in match["number"].split("."))
        yield kind, number, text


def _match(line: str) -> re.Match[str] | None:
    lead = _LEAD.match(line)
    at = lead.end() if lead is not None else 0
    if at and line[at - 1].isalnum():
        return None
    match = _MARKED.match(line, at)
    if match is None:
        return None
    # Without a sign after the number it is prose, unless the line is a heading, or there is nothing else in it.
    is_signed = match["mark"] or match["close"] or match["aside"]
    is_apart = line.lstrip().startswith("#") or (not match["text"].strip() and at > 0)
    return match if is_signed or is_apart else None


def _cell(text: str) -> str:
    """Return the first cell of a row that is not its priority."""
    cells = [cell.strip(_EDGES) for cell in text.split("|")]
    return next((cell for cell in cells if cell and not _PRIORITY.match(cell)), "")


def _listed(lines: list[str]) -> Iterator[str]:
    """Give the items below a heading that speaks of requirements, up to the next heading."""
    inside = False
    for line in lines:
        item = _ITEM.match(line)
        if item is not None:
            if inside:
                yield item["text"]
        elif _HEADING.match(line):
            inside = _SECTION.match(line) is not None
