# ruff: noqa: RUF001 - signs and words of other scripts are what this reads
"""Lists and judgements out of an answer: the requirements of a brief, the files of a plan, a verdict with its findings."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import ArtifactError
from core.kinds import ArtifactFaultKind, Opinion
from core.text.sanitize import plain_line, strip_controls
from core.workspace.checks.file_check import KNOWN_SUFFIXES
from core.workspace.files.paths import looks_like_path, portable_path, safe_relative_path

MAX_REQUIREMENTS = 20
MAX_REQUIREMENT_CHARS = 400
MAX_LABEL_CHARS = 40
MAX_PLANNED_FILES = 20
MAX_REFUSED_PATHS = 50
MAX_PURPOSE_CHARS = 200
MAX_FINDINGS = 5
MAX_FINDING_CHARS = 300
MAX_NAME_WORDS = 4

_PACKAGE_FILES = frozenset({"__init__.py", "__main__.py"})

_FENCE_LINE = re.compile(r"^\s*(?:`{3,}|~{3,})")

# In capitals only: "r1" may be a variable. Longer ones first.
_REQUIREMENT_ABBREVIATIONS = (
    "NFREQ FREQ REQ Req NFR NFA NFT RNF RNE ANF FR FA FT RF BR SR QR UR TR US RQ R Ｒ НФТ ФТ НТ ТР Т"
)
# Beginnings of words, so that other numbers and cases are found.
_REQUIREMENT_WORDS = (
    "requirement anforderung exigence requisit requerimient wymagani požadav požiadav cerin követelmény gereksinim vereist"
    " vaatim απαίτησ απαιτήσ требован вимог изисквани захтев 需求 要求 要件 요구사항 요구 متطلب المتطلب الزام نیازمندی דריש"
    " आवश्यकता ข้อกำหนด"
)
_REQUIREMENT_WORD = rf"(?:{'|'.join(_REQUIREMENT_WORDS.split())})[^\W\d_]{{0,3}}"
_AFTER_MARK = r":.|)\-\u2013\u2014\uff1a\ufe55\ufe13\u2236\uff0e\u3001\uff64\u3002\uff61\uff09\uff5c\u2192\u060c\u2015"
_OPEN, _CLOSE = "(\\[\uff08\u3010\uff3b\u300a\u300c", ")\\]\uff09\u3011\uff3d\u300b\u300d"
_BEFORE_MARK = re.compile(r"^(?:\[[ xX]\]|[\s>|*+•·‣▪◦#\-–—.)(\[`_\d:、．）（【［「《☐☑✅✔])*")
_MARKED_REQUIREMENT = re.compile(
    rf"(?:(?P<short>{'|'.join(_REQUIREMENT_ABBREVIATIONS.split())})|(?P<word>(?i:{_REQUIREMENT_WORD})))"
    r"[-_ .#\u2010-\u2015]?(?:(?i:no|nr|n)[.°º]?\s?|№\s?|#)?(?P<number>\d{1,4}(?:\.\d{1,2}){0,2})(?![\w-]*\d)"
    rf"(?P<close>[{_CLOSE}*`_]*)"
    rf"(?P<aside>\s*[{_OPEN}][^{_CLOSE}\n]{{1,{MAX_LABEL_CHARS}}}[{_CLOSE}][*`_]*)?"
    rf"(?P<mark>\s*[{_AFTER_MARK}]+|\t)?(?P<text>.*)$"
)
_PRIORITY = re.compile(
    r"^(?:must|should|could|won'?t|may|shall)(?:[- ]have)?$|^(?:high|medium|low|critical|functional|non-functional)$"
    r"|^(?:muss|soll|kann|hoch|mittel|niedrig|p[0-4]|[mscw])$|^(?:必须|应该|可以|高|中|低|必須|任意|推奨)$",
    re.IGNORECASE,
)
_REQUIREMENTS_HEADING = re.compile(rf"^\W*(?:[\w-]+ ){{0,2}}{_REQUIREMENT_WORD}", re.IGNORECASE)
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s|\*\*[^*]+\*\*\s*:?\s*$|[^\s#|>*-][^\n]{0,60}[:：]\s*$)")
_LISTED_REQUIREMENT = re.compile(
    r"^\s*(?:[-*+•·‣▪◦]\s+|[（(]?\d{1,2}(?:[.):．）]\s+|[、．）])\s*|[①-⑳㈠-㈩]\s*|[一二三四五六七八九十]{1,2}[、．.]\s*)(?P<text>.*)$"
)
_EDGES_OF_REQUIREMENT = " \t*_:`|-\u2013\u2014\u2015\uff1a\ufe55\uff5c\u3001\u3011】》」"

_DRAWING = re.compile(r"^(?P<lead>(?:[|├└╰┬┌+`\\][─━-]+|[ \t\u00a0│|])*)(?P<rest>.*)$")
_BULLET = re.compile(r"^\s*(?:[-*+•]\s+|[・‣▪]\s*|\(?\d{1,2}[.):\u3001\uff0e\uff09]\s*|[①-⑳]\s*|\[[ xX]\]\s*)+")
_WIDE_SIGNS = "\uff1a\uff0c\uff1b\u3001\u3002\uff08\uff09\u3010\u3011\u300c\u300d\uff5c"
_LABEL = re.compile(
    r"^(?:(?:file(?:name)?|path|create|add)\s*:?\s+(?=\S+[./])|[^\s\x00-\x7f:]{1,12}\s?[:\uff1a]\s*(?=[`*]*[\w/-]+\.[A-Za-z]))",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\*{0,2}(?P<mark>[`\"'])(?P<name>[^`\"'|*<>]{1,200}? [^`\"'|*<>]{1,200})(?P=mark)\*{0,2}")
_SEPARATED = re.compile(rf"\s+[-\u2013\u2014=#\u2192]+\s|\s{{2,}}|\s*[|:{_WIDE_SIGNS}(]")
_SENTENCE_STARTS = (
    "a an the this that these your our my i we you in on to for of with and or use create add write make"
    " implement update edit see put file files run module main source test it is"
)
_PURPOSE_MARK = re.compile(rf"^[{_WIDE_SIGNS}\s:|(\-\u2013\u2014#=>*/`\"',]+")

# What other systems, or shells, take for a path: named in a plan, it is refused and not overlooked.
_FOREIGN_PATH = re.compile(r"/\S|~/\S|[A-Za-z]:[\\/]\S|[\w.@-]+(?:\\[\w.@-]+)+\.\w")

_VERDICT_WORD = r"(pass|fail)(?:ed|es|s|ing)?\b"
_VERDICT_LINE = re.compile(
    rf"^\W*(?:final |overall |my |the )?verdict\b(?:\s+is)?\W*{_VERDICT_WORD}(?P<rest>.*)$", re.IGNORECASE
)
_VERDICT_HEADING = re.compile(r"^\W*(?:final |overall )?verdict\W*$", re.IGNORECASE)
_BARE_VERDICT = re.compile(rf"^\W*{_VERDICT_WORD}\W*$", re.IGNORECASE)
_OTHER_CHOICE = re.compile(r"^\W*(?:or|/|\|)?\W*(?:pass|fail)(?:ed|es|s)?\b", re.IGNORECASE)
_LISTED_FINDING = re.compile(
    r"^\s*(?:[-*+•]\s+|[・‣▪]\s*|\(?\d{1,2}(?:[.)]\s+|[\u3001\uff0e\uff09]\s*)|[①-⑳]\s*|finding(?:\s*\d+)?\s*:\s*)(?P<text>.*)$",
    re.IGNORECASE,
)
_NOTHING = re.compile(
    r"^\W*(?:none|no (?:findings|issues|problems)(?: found)?|n/?a|nothing|findings?|<.*>|\.\.\.|…)?\W*$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Requirement:
    """`id` is R1, R2, ...; or R1.2 where a brief divides a requirement."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file a plan names; `purpose` may be empty. `named` is how it was named, if that had to be made portable."""

    path: str
    purpose: str
    named: str = ""


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """A file of a plan that cannot be made as it was named, and the rule that says so."""

    path: str
    why: str
    rule: ArtifactFaultKind


@dataclass(frozen=True, slots=True)
class FilePlan:
    """What an answer plans: the files that can be made, in order, and those that cannot."""

    files: tuple[PlannedFile, ...]
    refused: tuple[RefusedPath, ...]


@dataclass(frozen=True, slots=True)
class OpinionAnswer:
    """What a model thinks of the files, and why; `unknown` means that the answer did not say it, or said both."""

    value: Opinion
    findings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _PlanLine:
    column: int
    name: str
    rest: str
    drawn: bool


def read_requirements(brief: str) -> tuple[Requirement, ...]:
    """Return the requirements of a brief that are handed on, the first 20 at most."""
    return all_requirements(brief)[:MAX_REQUIREMENTS]


def all_requirements(brief: str) -> tuple[Requirement, ...]:
    """Return the requirements of a brief, however many they are; of two with one mark the first is taken.

    Other marks than R keep their number where it is free: FR-1 is R1, and NFR-1 beside it gets the next one, with its own
    mark behind the text. A brief without any mark gives the items of its list of requirements.
    """
    lines = _plain_lines(brief)
    marked = list(_marked_requirements(lines)) or [
        ("R", str(number), text) for number, text in enumerate(_listed_requirements(lines), start=1)
    ]
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


def _marked_requirements(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """Give the kind of mark, the number and the text of each line that is marked."""
    for place, line in enumerate(lines):
        match = _marked_requirement(line)
        if match is None:
            continue
        text = match["text"]
        if "|" in (match["mark"] or "") or line.lstrip().startswith("|"):
            text = _first_cell(text)
        text = text.strip(_EDGES_OF_REQUIREMENT)
        if not text:
            following = next((later for later in lines[place + 1 :] if later.strip()), "")
            if _marked_requirement(following) is None and not following.lstrip().startswith("#"):
                text = _BEFORE_MARK.sub("", following).strip(" \t*_-•")
        kind = "R" if match["word"] or match["short"] == "Ｒ" else match["short"].upper()
        number = ".".join(str(int(part)) for part in match["number"].split("."))
        yield kind, number, text


def _marked_requirement(line: str) -> re.Match[str] | None:
    lead = _BEFORE_MARK.match(line)
    at = lead.end() if lead is not None else 0
    if at and line[at - 1].isalnum():
        return None
    match = _MARKED_REQUIREMENT.match(line, at)
    if match is None:
        return None
    # Without a sign after the number it is prose, unless the line is a heading, or there is nothing else in it.
    is_signed = match["mark"] or match["close"] or match["aside"]
    is_apart = line.lstrip().startswith("#") or (not match["text"].strip() and at > 0)
    return match if is_signed or is_apart else None


def _first_cell(text: str) -> str:
    """Return the first cell of a row that is not its priority."""
    cells = [cell.strip(_EDGES_OF_REQUIREMENT) for cell in text.split("|")]
    return next((cell for cell in cells if cell and not _PRIORITY.match(cell)), "")


def _listed_requirements(lines: list[str]) -> Iterator[str]:
    """Give the items below a heading that speaks of requirements, up to the next heading."""
    inside = False
    for line in lines:
        item = _LISTED_REQUIREMENT.match(line)
        if item is not None:
            if inside:
                yield item["text"]
        elif _HEADING.match(line):
            inside = _REQUIREMENTS_HEADING.match(line) is not None


def read_file_plan(answer: str) -> FilePlan:
    """Return the files of a plan, in order, at most 20: one path a line, a list, a table or a drawn tree.

    Lines that name no file, and repetitions, are left out. Names are made portable. Two names for one file, paths that the writer would refuse, and files beyond the limit,
    are refused; of those at most 50 are named.
    """
    lines = [line for line in map(_plan_line, _plain_lines(answer)) if line is not None]
    planned: dict[str, PlannedFile] = {}
    name_of: dict[str, str] = {}
    refused: dict[str, RefusedPath] = {}
    for raw_path, rest in _with_folders(lines):
        try:
            path = str(safe_relative_path(portable_path(raw_path)))
        except ArtifactError as error:
            shown = plain_line(raw_path, limit=MAX_PURPOSE_CHARS)
            refused.setdefault(raw_path, RefusedPath(shown, error.message, error.kind))
            continue
        name = unicodedata.normalize("NFC", raw_path.removeprefix("./"))
        if path.casefold() in planned:
            if name != name_of[path.casefold()]:
                why = f"{name_of[path.casefold()]} and {name} would be one file on many systems"
                refused.setdefault(name, RefusedPath(plain_line(name, limit=MAX_PURPOSE_CHARS), why, "same_name"))
            continue
        if len(planned) == MAX_PLANNED_FILES:
            why = f"a plan may have {MAX_PLANNED_FILES} files, and {path} is one more"
            refused.setdefault(path.casefold(), RefusedPath(path, why, "too_many"))
            continue
        purpose = plain_line(_PURPOSE_MARK.sub("", rest).rstrip(" |*`)\"',"), limit=MAX_PURPOSE_CHARS)
        planned[path.casefold()] = PlannedFile(path, purpose, name if name != path else "")
        name_of[path.casefold()] = name
    return FilePlan(tuple(planned.values()), tuple(refused.values())[:MAX_REFUSED_PATHS])


def read_opinion(answer: str) -> OpinionAnswer:
    """Return the opinion and at most 5 findings of 300 characters, as plain text."""
    lines = _plain_lines(answer)
    stated, places = _stated_verdicts(lines)
    value: Opinion = "unknown"
    if stated == {"pass"}:
        value = "pass"
    elif stated == {"fail"}:
        value = "fail"
    remaining = [line for number, line in enumerate(lines) if number not in places]
    findings = _findings(remaining)
    if not findings and value == "fail":
        findings = [line for line in remaining if not line.lstrip().startswith("#")]
    plain = (plain_line(finding.replace("**", ""), limit=MAX_FINDING_CHARS) for finding in findings)
    kept = dict.fromkeys(finding for finding in plain if not _NOTHING.match(finding))
    return OpinionAnswer(value, tuple(kept)[:MAX_FINDINGS])


def _plain_lines(answer: str) -> list[str]:
    return [line.rstrip() for line in strip_controls(answer).split("\n") if not _FENCE_LINE.match(line)]


def _plan_line(line: str) -> _PlanLine | None:
    drawing = _DRAWING.match(line.expandtabs(4))
    if drawing is None:
        return None
    lead, rest = drawing["lead"], drawing["rest"]
    drawn = any(mark in lead for mark in "├└╰│─") or "--" in lead
    bullet = _BULLET.match(rest)
    column = len(lead)
    if bullet is not None:
        rest = rest[bullet.end() :]
    quoted = _QUOTED.match(rest)
    if quoted is not None and looks_like_path(portable_path(quoted["name"])):
        return _PlanLine(column, quoted["name"], rest[quoted.end() :], drawn)
    rest = rest.lstrip("*`\"'[")
    label = _LABEL.match(rest)
    if label is not None:
        rest = rest[label.end() :].lstrip("*`\"'")
    word = re.match(r"(?:[A-Za-z]:(?=[\\/]))?" + rf"[^\s`\"'|,;:*<>(){_WIDE_SIGNS}]+", rest)
    if word is None:
        return None
    name = word[0].removeprefix("./")
    after = rest[word.end() :]
    if not looks_like_path(portable_path(name)) and (drawn or bullet is not None or _SEPARATED.search(rest)):
        spaced = _SEPARATED.split(rest, maxsplit=1)[0].strip()
        if _is_spaced_name(spaced):
            name, after = spaced, rest[len(spaced) :]
    if name and not after.startswith((":8", "://")):
        return _PlanLine(column, name, after, drawn)
    return None


def _is_spaced_name(text: str) -> bool:
    """Tell a file name of several words from a sentence that ends with one."""
    words = text.split()
    if not 2 <= len(words) <= MAX_NAME_WORDS or words[0].casefold() in _SENTENCE_STARTS.split():
        return False
    is_name = looks_like_path(portable_path(text)) and not any(looks_like_path(word) for word in words[:-1])
    return is_name and PurePosixPath(text).suffix.lower() in KNOWN_SUFFIXES


def _with_folders(lines: list[_PlanLine]) -> Iterable[tuple[str, str]]:
    """Join drawn or indented names to the folders above them.

    The root of a drawn tree is the project itself, unless what makes a Python package lies directly in it.
    """
    is_tree = any(line.drawn for line in lines)
    is_package = _root_is_package(lines)
    folders: list[tuple[int, str]] = []
    for number, line in enumerate(lines):
        while folders and folders[-1][0] >= line.column:
            folders.pop()
        deeper_follows = number + 1 < len(lines) and lines[number + 1].column > line.column
        named_folder = line.name.endswith("/")
        if named_folder or (is_tree and deeper_follows and not line.rest.strip() and "." not in line.name[1:]):
            is_root = is_tree and not line.drawn and not is_package
            folders.append((line.column, "" if is_root or line.name in {".", "./"} else line.name.rstrip("/")))
        elif looks_like_path(portable_path(line.name)) or _FOREIGN_PATH.match(line.name):
            yield "/".join([folder for _, folder in folders if folder] + [line.name]), line.rest


def _root_is_package(lines: list[_PlanLine]) -> bool:
    drawn = [line for line in lines if line.drawn]
    column = min((line.column for line in drawn), default=0)
    return any(line.name in _PACKAGE_FILES and line.column == column for line in drawn)


def _stated_verdicts(lines: list[str]) -> tuple[set[str], set[int]]:
    stated: set[str] = set()
    places: set[int] = set()
    for number, line in enumerate(lines):
        match = _VERDICT_LINE.match(line)
        if match is not None:
            places.add(number)
            stated.add(match[1].casefold())
            if _OTHER_CHOICE.match(match["rest"]):
                stated.add("both")
        elif _VERDICT_HEADING.match(line):
            places.add(number)
            following = next((later for later in range(number + 1, len(lines)) if lines[later].strip()), None)
            bare = _BARE_VERDICT.match(lines[following]) if following is not None else None
            if bare is not None and following is not None:
                places.add(following)
                stated.add(bare[1].casefold())
    if not places:
        filled = [number for number, line in enumerate(lines) if line.strip()]
        for number in {*filled[:1], *filled[-1:]}:
            bare = _BARE_VERDICT.match(lines[number])
            if bare is not None:
                places.add(number)
                stated.add(bare[1].casefold())
    return stated, places


def _findings(lines: list[str]) -> list[str]:
    findings: list[str] = []
    for line in lines:
        match = _LISTED_FINDING.match(line)
        if match is not None:
            findings.append(match["text"])
        elif findings and line.startswith(("  ", "\t")) and line.strip():
            findings[-1] += " " + line.strip()
    return findings
