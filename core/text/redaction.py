"""Keeps secrets out of everything people read: exact values that are known, and texts that look like a key.

In streamed text a secret is covered by as many asterisks, so that offsets and lengths stay true. Only what is certainly
a key is covered there: known secrets and texts in the form of a provider's keys. An assignment such as `password: str` is what a
developer writes, and a journal that blackened it would not say what was delivered.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from urllib.parse import quote

MASK = "***"
COVER = "*"
MIN_SECRET_LENGTH = 6  # anything shorter occurs in ordinary words, and masking those would make texts unreadable
PLACEHOLDERS = frozenset({"ollama", "lm-studio", "lmstudio", "llama.cpp", "not-needed", "no-key", "no-key-required"})
"""What stands for a key at servers that want none: words that their messages hold too, and no secrets."""
TELLING_SECRET_LENGTH = 16  # local servers take dummy keys such as "ollama" or "not-needed"
MAX_DEPTH = 6  # of nested values; deeper ones are shown as text

_known: set[str] = set()

_WORDS = (
    r"password|passwd|secret|credential|private[_ -]?key|api[_ -]?key|(?:access|auth|refresh|bearer|api)[_ -]?token"
    r"|session[_ -]?(?:key|token)|cookie|csrf|jwt|authorization|auth(?![a-z])"
)
# The number of repetitions is bounded: without a bound a long word would take quadratic time.
_NAME = rf"(?<![\w-])[\w-]{{0,64}}?(?:{_WORDS})[\w-]{{0,64}}"
_NAME_PATTERN = re.compile(_NAME, re.IGNORECASE)
_ASSIGNMENT = re.compile(
    rf"(?P<head>{_NAME}\\?[\"']?[ \t]{{0,8}}[=:][ \t]{{0,8}})(?P<quote>\\?[\"'])?(?P<scheme>(?:bearer|basic)[ \t]+)?"
    r"(?(quote)(?:(?!(?P=quote))[^\n])+|(?!null\b|none\b|true\b|false\b)[^\s,;&\"'\\{}\[\]()]+)",
    re.IGNORECASE,
)
# How the keys of providers begin, and what follows; servers quote them with their middle as asterisks.
_KEY_FORMS = {
    "sk-": r"[A-Za-z0-9_*-]{12,}",
    **dict.fromkeys(("gsk_", "xai-", "hf_", "sk_live_", "sk_test_", "pk_live_", "pk_test_"), "[A-Za-z0-9*]{16,}"),
}
_BEGINNINGS = sorted({start[:length] for start in _KEY_FORMS for length in range(1, len(start))}, reverse=True)
_KEY_LIKE = re.compile(rf"\b(?:{'|'.join(start + rest for start, rest in _KEY_FORMS.items())})")
_BEGUN_KEY = re.compile(rf"\b(?:(?:{'|'.join(_KEY_FORMS)})[A-Za-z0-9_*-]{{0,512}}|{'|'.join(_BEGINNINGS)})\Z")
# A digit or a capital inside tells a key from "a basic question".
_SCHEME = re.compile(r"\b((?i:bearer|basic))[ \t]+(?=\S{1,512}?[0-9A-Z])[\w.~+/=-]{8,}")
_USER_INFO = re.compile(r"(?<=://)[^/\s@]{1,512}(?=@)")


def register_secret(value: str) -> None:
    """Mask this exact text from now on, also escaped, unless it is too short or a placeholder."""
    if can_be_masked(value):
        _known.update(_spellings(value))


def can_be_masked(value: str) -> bool:
    """Tell whether a text can be told from ordinary words: it has 6 characters, and is no word that stands for no key."""
    return len(value) >= MIN_SECRET_LENGTH and value.lower() not in PLACEHOLDERS


def holds_secret(text: str) -> bool:
    """Tell whether a text contains a known secret; one shorter than 16 characters may be an ordinary word."""
    # A copy: another thread may be loading a configuration.
    return any(secret in text for secret in tuple(_known) if len(secret) >= TELLING_SECRET_LENGTH)


def mask_keys(text: str, key: str | None = None) -> str:
    """Return the text with every known secret, this key, and whatever has the form of a key, replaced by ***."""
    secrets = _known | _spellings(key) if key and can_be_masked(key) else _known
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return _SCHEME.sub(rf"\1 {MASK}", _KEY_LIKE.sub(MASK, text))


def redact(text: str) -> str:
    """Return the text without keys, and without what stands where a secret is written: behind its name, in an address."""
    text = mask_keys(text)
    text = _USER_INFO.sub(MASK, text)
    return _ASSIGNMENT.sub(lambda found: f"{found['head']}{found['quote'] or ''}{found['scheme'] or ''}{MASK}", text)


def redact_value(value: object, depth: int = 0) -> object:
    """Return a value as JSON values without secrets: by key names in mappings, by `redact` in texts."""
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)  # JSON knows no nan
    if depth < MAX_DEPTH:
        if isinstance(value, Mapping):
            return {
                redact(str(key)): MASK if _NAME_PATTERN.fullmatch(str(key)) else redact_value(item, depth + 1)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple | set | frozenset):
            return [redact_value(item, depth + 1) for item in value]
    try:
        return redact(str(value))
    except Exception:  # noqa: BLE001 - a foreign __str__ may raise anything, and a log line must not
        return f"<{type(value).__name__}>"


def cover(text: str) -> str:
    """Return a text of the same length without secrets."""
    return _KEY_LIKE.sub(lambda found: COVER * len(found[0]), _cover_known(text))


def split_before_begun_secret(text: str) -> tuple[str, str]:
    """Return what may be written now, covered, and the end of the text that the next piece may make a secret of."""
    text = _cover_known(text)
    begun = _BEGUN_KEY.search(text)
    held = max(len(begun[0]) if begun else 0, *(_begun_chars(secret, text) for secret in _longest_first()), 0)
    cut = len(text) - held
    return cover(text[:cut]), text[cut:]


def equal_but_for_cover(one: str, other: str) -> bool:
    """Tell whether two covered texts are the same but for what is covered."""
    if one == other:
        return True
    return len(one) == len(other) and all(a == b or COVER in (a, b) for a, b in zip(one, other, strict=True))


def _spellings(value: str) -> set[str]:
    """Return how a secret may be written: as it is, escaped, in an address."""
    in_address = {quote(value, safe=safe, errors="surrogateescape") for safe in ("", "/")}
    return {value, json.dumps(value)[1:-1], repr(value)[1:-1], *in_address}


def _longest_first() -> list[str]:
    """Return the known secrets; one may contain another, which must not be replaced before it."""
    return sorted(_known, key=len, reverse=True)


def _cover_known(text: str) -> str:
    for secret in _longest_first():
        text = text.replace(secret, COVER * len(secret))
    return text


def _begun_chars(secret: str, text: str) -> int:
    longest = min(len(secret) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(secret[:length])), 0)
