"""Covers keys in streamed text by as many asterisks, so that offsets and lengths stay true.

Only what is certainly a key is covered here: known secrets and texts of the form sk-.... An assignment such as
`password: str` is what a developer writes, and a journal that blackened it would not tell what was delivered.
"""

from __future__ import annotations

import re

from core import redaction

COVER = "*"
_KEY_LIKE = re.compile(r"\bsk-[A-Za-z0-9_-]{12,}")
_BEGUN_KEY = re.compile(r"\bs(?:k(?:-[A-Za-z0-9_-]{0,512})?)?\Z")


def covered(text: str) -> str:
    """Return a text of the same length without secrets."""
    return _KEY_LIKE.sub(lambda found: COVER * len(found[0]), _without_known(text))


def split_at_begun_secret(text: str) -> tuple[str, str]:
    """Return what may be written now, covered, and the end of the text that the next one may make a secret of."""
    text = _without_known(text)
    begun = _BEGUN_KEY.search(text)
    held = max(len(begun[0]) if begun else 0, 0, *(_begun(secret, text) for secret in _known()))
    cut = len(text) - held
    return covered(text[:cut]), text[cut:]


def agree(one: str, other: str) -> bool:
    """Tell whether two covered texts are the same but for what is covered."""
    if one == other:
        return True
    return len(one) == len(other) and all(a == b or COVER in (a, b) for a, b in zip(one, other, strict=True))


def _known() -> tuple[str, ...]:
    # The longest first: a secret may contain another one.
    return tuple(sorted(redaction._known, key=len, reverse=True))


def _without_known(text: str) -> str:
    for secret in _known():
        text = text.replace(secret, COVER * len(secret))
    return text


def _begun(secret: str, text: str) -> int:
    longest = min(len(secret) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(secret[:length])), 0)
