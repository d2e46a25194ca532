"""Makes text of unknown origin harmless for a terminal: what would act or hide becomes a visible glyph."""

from __future__ import annotations

import re

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
TAB_CELLS = 4

# Control characters, marks that reorder or hide text, invisible tags, lone surrogates. The two joiners of scripts and
# emoji (U+200C, U+200D) and the emoji selector stay: text needs them.
_HARMFUL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_PICTURES_FROM = 0x2400  # U+2400 to U+241F show the C0 characters


def make_harmless(text: str) -> str:
    """Give `text` with every acting or hiding character replaced, one glyph for one character; tabs stay."""
    if _HARMFUL.search(text) is None:
        return text
    return _HARMFUL.sub(_glyph, text)


def _glyph(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x20:
        return chr(_PICTURES_FROM + code)
    return "\N{SYMBOL FOR DELETE}" if code == 0x7F else REPLACEMENT
