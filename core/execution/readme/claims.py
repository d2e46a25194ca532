"""Finds the sentence of a README that says another verdict than the one that was executed."""

from __future__ import annotations

import re

from core.execution.readme.commands import without_blocks
from core.kinds import EvidenceVerdict
from core.text.sanitize import one_line

MOST_QUOTED_CHARACTERS = 200
MOST_CHARACTERS = 100_000

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*(?:[-*+#|]|\d+[.)]))")
_MARKUP = re.compile(r"[*_`]")
_ALL_PASS = re.compile(
    r"\b(?:tests?|test\s+suite|suite)\s+(?:(?:have|has|are|were|is|was|all|currently|now|successfully)\s+){0,3}"
    r"(?:pass(?:es|ed|ing)?|green|successful|succeed(?:s|ed)?)(?=\s*(?:[.!,;)|]|$|and\b))"
    r"|\b(?:alle\s+)?tests\s+(?:sind\s+(?:alle\s+)?(?:gr\u00fcn|bestanden)|bestehen|laufen\s+(?:alle\s+)?erfolgreich)(?=\s*(?:[.!,;)|]|$|und\b|durch\b))",
    re.IGNORECASE,
)
_VERDICT = re.compile(
    r"\bverdict\b(?:\s+of\s+the\s+(?:executed\s+)?tests)?\s*(?:is|was|:|-|=)?\s*:?\s*[\"']?"
    r"(?P<word>pass(?:ed)?|fail(?:ed)?|unproven|not[ _]executed)\b",
    re.IGNORECASE,
)
# A sentence with one of these may well say something else: a condition, a demand, a part, or the contrary.
_OTHERWISE = re.compile(
    r"\b(?:not|no|none|never|neither|cannot|if|when|whenever|unless|until|once|should|must|shall|will|would|can|could|may|might"
    r"|but|however|although|though|while|except|fail\w*|red|unproven|prov\w*|expect\w*|ensure|sure|check|whether|verify|before"
    r"|after|only|some|most|\d+\s+of|of\s+\d+|nicht|kein\w*|wenn|falls|sobald|soll\w*|muss|m\u00fcssen|aber|bis|nur|einige)\b|n't\b",
    re.IGNORECASE,
)
_GENERAL = re.compile(r"\b(?:if|when|whenever|unless|until|means|or)\b", re.IGNORECASE)
_VERDICTS: dict[str, EvidenceVerdict] = {"pass": "pass", "passed": "pass", "fail": "fail", "failed": "fail"}


def contradiction(readme: str, verdict: EvidenceVerdict) -> str:
    """Return the words of a README that contradict a verdict, quoted with what is so; empty if none surely does."""
    for sentence in _SENTENCE_END.split(without_blocks(readme[:MOST_CHARACTERS])):
        words = one_line(_MARKUP.sub("", sentence), MOST_CHARACTERS).strip(" #>|-+")
        said = _VERDICT.search(words)
        if said is not None and _verdict(said["word"]) != verdict and not _GENERAL.search(words):
            return _told(words, verdict)
        if verdict != "pass" and _ALL_PASS.search(words) and not _OTHERWISE.search(words):
            return _told(words, verdict)
    return ""


def _verdict(word: str) -> EvidenceVerdict:
    plain = word.lower()
    return _VERDICTS.get(plain, "unproven" if plain == "unproven" else "not_executed")


def _told(words: str, verdict: EvidenceVerdict) -> str:
    return f'it says "{one_line(words, MOST_QUOTED_CHARACTERS)}", and the verdict of the executed tests is {verdict}'
