"""Keeps secrets out of everything people read: exact values that are known, and texts that look like a key."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from urllib.parse import quote

MASK = "***"
MIN_SECRET_LENGTH = 6  # anything shorter occurs in ordinary words, and masking those would make texts unreadable
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
_KEY_LIKE = re.compile(r"\bsk-[A-Za-z0-9_-]{12,}")
# A digit or a capital inside tells a key from "a basic question".
_SCHEME = re.compile(r"\b((?i:bearer|basic))[ \t]+(?=\S{1,512}?[0-9A-Z])[\w.~+/=-]{8,}")
_USER_INFO = re.compile(r"(?<=://)[^/\s@]{1,512}(?=@)")


def register_secret(value: str) -> None:
    """Mask this exact text from now on, also escaped; values shorter than 6 characters are ignored."""
    if len(value) >= MIN_SECRET_LENGTH:
        _known.update(
            {value, json.dumps(value)[1:-1], repr(value)[1:-1], quote(value, safe="", errors="surrogateescape")}
        )


def holds_secret(text: str) -> bool:
    """Tell whether a text contains a known secret; one shorter than 16 characters may be an ordinary word."""
    # A copy: another thread may be loading a configuration.
    return any(secret in text for secret in tuple(_known) if len(secret) >= TELLING_SECRET_LENGTH)


def redact(text: str) -> str:
    """Return the text with every known secret, and whatever looks like one, replaced by ***."""
    # The longest first: a secret may contain another one.
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, MASK)
    text = _KEY_LIKE.sub(MASK, text)
    text = _SCHEME.sub(rf"\1 {MASK}", text)
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
